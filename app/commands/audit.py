"""audit ROOM | FILE: check whether the public log of a room shows a fair queue."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from app.commands import receipts
from app.commands.command_settings import CommandFailed, Data, on_stores
from app.core.assurance.beacon import QUICKNET, Chain, chain_of
from app.core.assurance.log_audit import Export, Verdict
from app.core.assurance.log_audit import audit as judge
from app.core.assurance.notes import COSIGNER, Verifier, verifier_of
from app.core.assurance.receipt_audit import KeptReceipt
from app.core.assurance.room_log import origin_of
from app.core.errors import WrongUsage
from app.core.model import RoomId
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.accounts import signing_keys
from app.store.sql.assurance import cosignatures
from app.store.sql.assurance import room_log as stored

if TYPE_CHECKING:
    import httpx

PAGE = 1_000
HEADS_PAGE = 200
LEAVES_MAX = 50_000_000
TIMEOUT_S = 30.0
SHOWN_MAX = 50
Url = Annotated[
    str, typer.Option("--url", help="Query this installation over HTTP.", show_default="the stores")
]
Save = Annotated[Path | None, typer.Option("--save", help="Save the log to this file.", show_default=False)]
Log = Annotated[
    Path | None,
    typer.Option("--log", help="Look up a receipt's place in this saved log.", show_default=False),
]
Witnesses = Annotated[
    list[str] | None,
    typer.Option(
        "--witness", metavar="VKEY", help="The key of a witness that has to have cosigned. May be repeated."
    ),
]
Quorum = Annotated[
    int, typer.Option("--quorum", min=0, help="How many of them have to have cosigned.", show_default="all")
]
Beacon = Annotated[
    Path | None,
    typer.Option(
        "--beacon",
        help="Also accept this chain of the randomness beacon: the JSON its relays serve at /info.",
        show_default="drand's quicknet",
    ),
]


def audit(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ROOM | FILE", help="The room_id, a file written by --save, or a visitor's receipt."
        ),
    ],
    *,
    url: Url = "",
    save: Save = None,
    log: Log = None,
    beacon: Beacon = None,
    witness: Witnesses = None,
    quorum: Quorum = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
    data: Data = None,
) -> None:
    """Check the public log of a room: signed heads, the draw, numbers, the order of calls, the rate.

    It lists what staff did. For a receipt it checks the signature, and with --url or --log that the log has
    has its place. Exit code 0: no faults; 1: faults found; 2: the log cannot be read.
    """
    stored = _receipt(Path(what))
    if stored is not None and not url and log is None:
        export = None
    else:
        export = _export(stored.receipt.room_id if stored and log is None else str(log or what), url, data)
    if save is not None and export is not None:
        save.write_bytes(msgspec.json.encode(export))
    if stored is not None:
        receipts.print_report(stored, export, as_json=as_json)
    elif export is not None:
        verdict = judge(export, [QUICKNET, *_chain(beacon)], _witnesses(witness or [], quorum), quorum)
        _print_verdict(verdict, as_json=as_json)


def _print_verdict(verdict: Verdict, *, as_json: bool) -> None:
    """Print the findings on a log. Raises CommandFailed if there are any faults."""
    print(msgspec.json.encode(verdict).decode() if as_json else report(verdict))
    if not verdict.fair:
        raise CommandFailed(f"{receipts.faults_in(verdict)} in the log of {verdict.room_id}")


def _chain(path: Path | None) -> list[Chain]:
    """Read a beacon chain from a file. Raises WrongUsage."""
    try:
        return [chain_of(path.read_bytes())] if path else []
    except (OSError, ValueError) as error:
        raise WrongUsage(f"{path} describes no chain: {error}") from None


def _witnesses(vkeys: list[str], quorum: int) -> list[Verifier]:
    """Parse the keys of witnesses. Raises WrongUsage."""
    witnesses = []
    for vkey in vkeys:
        try:
            witnesses.append(verifier_of(vkey))
        except ValueError as error:
            raise WrongUsage(f"--witness {vkey}: {error}") from None
    if any(it.kind != COSIGNER for it in witnesses):
        raise WrongUsage("--witness: one of them is the key of a log, not of a witness")
    if quorum > len(witnesses):
        raise WrongUsage(f"--quorum {quorum}: there are {len(witnesses)} witnesses")
    return witnesses


def _receipt(path: Path) -> KeptReceipt | None:
    """Read the receipt in a file; None if it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeptReceipt) if path.is_file() else None
    except msgspec.MsgspecError:
        return None


def _export(what: str, url: str, data: Path | None) -> Export:
    path = Path(what)
    if path.is_file():
        try:
            return msgspec.json.decode(path.read_bytes(), type=Export)
        except msgspec.MsgspecError as error:
            raise WrongUsage(f"{what} is not a saved log: {error}") from None
    if url:
        return over_http(url, what)

    async def read(stores: Stores, settings: Settings) -> Export | None:
        return await from_stores(stores, RoomId(what), settings.log_host)

    export = on_stores(data, read)
    if export is None:
        raise WrongUsage(f"there is no file {what}, and no room of this name has a log")
    return export


async def from_stores(stores: Stores, room_id: RoomId, host: str = "") -> Export | None:
    """Read the log from PostgreSQL; None if there is none. `host`: the prefix of our logs' origins."""
    log = await stored.select_log(stores.postgres, room_id)
    if log is None:
        return None
    entries: list[str] = []
    while len(entries) < log.size:
        last = min(log.size, len(entries) + PAGE)
        entries += await stored.select_leaves(stores.postgres, room_id, len(entries), last)
    heads: list[stored.StoredHead] = []
    while page := await stored.select_heads(
        stores.postgres, room_id, heads[-1].size if heads else 0, HEADS_PAGE
    ):
        heads += page
    keys = [it.jwk() for it in await signing_keys.select_all(stores.postgres, "log")]
    # a newer one may have been signed meanwhile
    covered = [it.statement for it in heads if it.size <= log.size]
    sizes = [it.size for it in heads]
    cosigned = await cosignatures.select_cosignatures(stores.postgres, room_id, sizes)
    return Export(room_id, keys, covered, entries, origin_of(host, room_id, entries[0]), cosigned)


def over_http(url: str, room_id: str) -> Export:
    """Fetch the log from the public API. Raises WrongUsage."""
    import httpx  # slow to import, and other commands do not need it

    try:
        with httpx.Client(base_url=url.rstrip("/"), timeout=TIMEOUT_S) as client:
            log = f"/v1/rooms/{room_id}/log"
            newest = _read(client, f"{log}/head")
            heads: list[dict[str, Any]] = []
            while page := _read(client, f"{log}/heads?after={heads[-1]['size'] if heads else 0}")["heads"]:
                heads += page
            entries: list[str] = []
            while page := _read(client, f"{log}/entries?from={len(entries)}")["entries"]:
                entries += page
                if len(entries) > LEAVES_MAX:
                    raise WrongUsage(f"the log has more than {LEAVES_MAX} leaves")
            statements = [it["statement"] for it in heads]
            cosigned = {it["size"]: it.get("cosignatures", []) for it in heads}
            return Export(room_id, newest["keys"], statements, entries, newest.get("origin", ""), cosigned)
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, ValueError) as error:
        raise WrongUsage(f"the log cannot be read from {url}: {error}") from None


def _read(client: httpx.Client, path: str) -> Any:
    answer = client.get(path)
    answer.raise_for_status()
    return answer.json()


def report(verdict: Verdict) -> str:
    """Format the verdict for people."""
    counts = verdict.counts
    lines = [
        f"{verdict.room_id}: {verdict.leaves} leaves, {verdict.signed} under {verdict.heads} signed heads",
        f"root {verdict.root}",
        "",
        *(f"{count:>9}  {word}" for word, count in counts.items()),
        "",
        f"{len(verdict.actions)} actions of staff, the autopilot and the clock",
        *(f"  {_time(it.at_ms)}  leaf {it.leaf}: {it.what}" for it in verdict.actions[:SHOWN_MAX]),
        *_more(len(verdict.actions)),
        "",
        *(f"{size} leaves are cosigned by {name}" for name, size in verdict.witnesses.items()),
        *([""] if verdict.witnesses else []),
        *(f"leaf {it.leaf}: {it.what}" for it in verdict.draw),
        *([""] if verdict.draw else []),
        "no faults found" if verdict.fair else receipts.faults_in(verdict),
        *(f"  leaf {it.leaf}: {it.kind}: {it.message}" for it in verdict.findings[:SHOWN_MAX]),
        *_more(len(verdict.findings)),
    ]
    return "\n".join(lines)


def _more(count: int) -> list[str]:
    return [f"  and {count - SHOWN_MAX} more: --json has all"] if count > SHOWN_MAX else []


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
