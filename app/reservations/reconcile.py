"""Reconciliation: finds where Redis' stock and Postgres' counters and rows differ, and repairs what is safe.

Work in progress is never touched. First, only what `consistency.lasting_differences` found in every reading
counts: what is in flight looks different in the next one. Second, a hold without a row is left alone while
its submission is in the stream: it leaves the stream only after the COMMIT, and rows are read after the
stream. A room that is not loaded, or is being restored, is not compared (RoomNotReady).

Repaired is what one side proves:

* A reservation that ended or was confirmed in Postgres is sent to Redis again: rows never go back.
* A reservation that is live in Postgres and unknown to Redis is restored there; then what happened to it
  meanwhile is applied.
* A reservation that was granted in Redis and is missing in Postgres, or is sold in Redis and held in
  Postgres, was lost in a fail-over: it is written again (`recovery`).
* A hold that was never granted and is no longer in the stream is released: nobody was promised it.
* Totals, prices, sale windows, codes and blocked seats in Redis follow Postgres.
* Redis' counters, allowances, seats and uses of codes follow its own holds, in one atomic step
  (`recount.lua`).

Where Postgres contradicts itself (counters and rows, a seat without its reservation) it is reported for a
person to handle; no counter in Postgres is ever changed automatically.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from app import metrics
from app.core.catalogue.seating import BLOCKED, FREE
from app.core.errors import EventNotFound
from app.core.model import EventId, Reservation, RoomId
from app.core.reservations.terms import entry_text, terms_of
from app.reservations import consistency, holds, recovery
from app.reservations.consistency import Finding
from app.reservations.holds import keys_of
from app.store.connections import Stores
from app.store.redis import ledger
from app.store.scripts import filling, stock
from app.store.sql.reservations import reservations
from app.store.sql.reservations.hold_endings import EndedReservation

HOLDS_MAX = 20_000  # recounted in one step: blocks Redis for 0.15 s, once, and only if drift lasted
REPAIRS_MAX = 1_000  # of reservations, and of seats, per round
RECOUNTED = frozenset(("stock", "sum", "negative", "holds", "allowance", "counters", "total", "code"))
TOTALS = frozenset(("total", "price"))
STATES = {"held": "held", "paying": "held", "confirmed": "sold"}  # as Redis names them


class Report(NamedTuple):
    """The differences found, one line each: those `repaired`, and those `left`."""

    repaired: list[str]
    left: list[str]


async def reconcile(stores: Stores, event_id: EventId, *, repair: bool) -> Report:
    """Compare the stores, and with `repair` fix what is safe; without it all differences are `left`.

    Raises EventNotFound, and RoomNotReady if the room is not loaded or is being restored.
    """
    room_id = await reservations.room_of(stores.postgres, event_id)
    if room_id is None:
        raise EventNotFound
    await _ready(stores, room_id)
    differences = await consistency.settled_differences(stores, room_id, event_id)
    if not repair or not differences:
        return Report([], sorted(differences.values()))
    await _repair(stores, room_id, event_id, differences)
    left = await consistency.settled_differences(stores, room_id, event_id)
    for drift, outcome in ((differences.keys() - left.keys(), "mended"), (left.keys(), "left")):
        for kind, _ in drift:
            metrics.DRIFT.labels(kind.partition(" ")[0], outcome).inc()
    return Report(sorted(line for it, line in differences.items() if it not in left), sorted(left.values()))


async def is_small(stores: Stores, room_id: RoomId, event_id: EventId) -> bool:
    """Whether both stores have few enough reservations of the room to compare them all every minute.

    For a million of them a worker would need a gigabyte.
    """
    if await ledger.count_holds(stores.redis, keys_of(room_id)) > HOLDS_MAX:
        return False
    return not await reservations.has_more(stores.postgres, event_id, HOLDS_MAX)


async def _ready(stores: Stores, room_id: RoomId) -> None:
    """Raise RoomNotReady unless the room is loaded; releasing nothing checks that."""
    await stock.release(stores.redis, keys_of(room_id), ())


async def _repair(
    stores: Stores, room_id: RoomId, event_id: EventId, differences: Mapping[Finding, str]
) -> None:
    kinds = {kind for kind, _ in differences}
    if kinds & TOTALS or any(kind.startswith("seat none") for kind in kinds):
        await holds.load_totals(stores, room_id, event_id)
    if "code terms" in kinds:
        await holds.load_codes(stores, room_id, event_id)
    differing = [(name, kind) for kind, name in differences if kind.startswith("reservation ")][:REPAIRS_MAX]
    rows = await reservations.fetch(stores.postgres, [name for name, _ in differing])
    lost = [rows[name] for name, kind in differing if _is_lost(kind, rows.get(name))]
    await holds.update_redis(stores, [_ended(it) for it in rows.values() if it not in lost])
    await _recover(stores, room_id, event_id, differing, rows)
    if "kind" in kinds:
        await holds.load_totals(stores, room_id, event_id, again=True)
    await _keep_back(stores, room_id, event_id, differences)
    seats = [
        name for kind, name in differences if kind == "seat" or kind in ("seat h f", "seat s f", "seat f h")
    ]
    if lost or seats or kinds & RECOUNTED:
        await _recount(stores, room_id, lost, seats[:REPAIRS_MAX])


async def _keep_back(
    stores: Stores, room_id: RoomId, event_id: EventId, findings: Collection[Finding]
) -> None:
    """Block in Redis exactly the seats that are blocked in Postgres; only seats that nobody has are
    changed."""
    changed = False
    for kind, to in (("seat b f", FREE), ("seat f b", BLOCKED)):
        if differing := [name for it, name in findings if it == kind][:REPAIRS_MAX]:
            await filling.keep_back(stores.redis, keys_of(room_id), differing, to=to)
            changed = True
    if changed:
        await holds.load_totals(stores, room_id, event_id)


async def _recover(
    stores: Stores,
    room_id: RoomId,
    event_id: EventId,
    differing: Sequence[tuple[str, str]],
    rows: Mapping[str, Reservation],
) -> None:
    """Write again what Postgres has lost; release holds that were never committed or now belong to somebody
    else."""
    held = [name for name, kind in differing if kind == "reservation held gone" and name not in rows]
    sold = [name for name, kind in differing if kind == "reservation sold gone" and name not in rows]
    written = await recovery.rewrite_lost(stores, room_id, event_id, [*held, *sold])
    if never := [name for name in held if name not in written]:
        await stock.release(stores.redis, keys_of(room_id), never)
    unpaid = [name for name, kind in differing if kind == "reservation sold held" and name in rows]
    await recovery.confirm_sold(stores, [*(it for it in sold if it in written), *unpaid])


def _is_lost(kind: str, row: Reservation | None) -> bool:
    """Whether Redis lacks this held or sold reservation."""
    return kind.startswith("reservation gone") and row is not None and row.status in STATES


async def _recount(
    stores: Stores, room_id: RoomId, lost: Collection[Reservation], seats: Collection[str]
) -> None:
    """Restore lost reservations and recount; then apply what happened to them meanwhile."""
    entries = {it.reservation_id: _entry(it) for it in lost}
    records = [*entries.items(), *((seat, "") for seat in seats)]
    await filling.recount(stores.redis, keys_of(room_id), records, holds_max=HOLDS_MAX)
    if entries:
        now = await reservations.fetch(stores.postgres, list(entries))
        await holds.update_redis(stores, [_ended(it) for it in now.values()])


def _entry(reservation: Reservation) -> str:
    return entry_text(STATES[reservation.status], reservation.visitor_id, terms_of(reservation))


def _ended(reservation: Reservation) -> EndedReservation:
    return EndedReservation(reservation.reservation_id, reservation.room_id, reservation.status)
