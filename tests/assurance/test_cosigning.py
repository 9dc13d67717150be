"""Witnesses of public logs: real ones cosign, refuse a fork, and delay nothing while unreachable."""

from __future__ import annotations

import time
from pathlib import Path

from structlog.testing import capture_logs

from app.assurance.cosigning import Cosigning, witnesses
from app.commands.audit import from_stores
from app.core.assurance.log_audit import Export, audit
from app.core.assurance.notes import Verifier, parts_of
from app.core.assurance.room_log import Head, checkpoint, origin_of, unchecked, vkey_of
from app.core.assurance.witnessing import submission_text
from app.notifications.safe_post import open_client
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.room_log import BEGINNING
from app.store.sql.assurance import cosignatures
from app.waiting_room.room_log import log_key, write
from tests.support.builders import ROOM, a_room, a_stored_room
from tests.support.queue_steps import join
from tests.support.witnessing import RunningWitness, a_witness

HOST = "tickets.example"
NOBODY = "http://127.0.0.1:9"


async def a_log(stores: Stores) -> str:
    """A room with a signed head; returns the key of its log."""
    await a_stored_room(stores, loaded=False)
    await a_room(stores.redis)
    await join(stores.redis, "ann", "bob", "cid")
    await write(stores, ROOM)
    async with stores.postgres.acquire() as connection:
        return vkey_of(await log_key(connection), f"{HOST}/rooms/elsewhere/00")


async def sign_anew(stores: Stores) -> None:
    """Write what was noted, and sign a head immediately."""
    await stores.postgres.execute("UPDATE room_logs SET signed_at = now() - interval '1 minute'")
    await write(stores, ROOM)


async def cosign(stores: Stores, *settings: str) -> list[Cosigning]:
    """One round with each witness; returns them for the next round."""
    with_witnesses = Settings(public_url=f"https://{HOST}", witnesses=list(settings))
    async with open_client() as client:
        found = [Cosigning(stores, with_witnesses, client, it) for it in witnesses(with_witnesses)]
        for it in found:
            await it.round()
    return found


async def exported(stores: Stores) -> Export:
    found = await from_stores(stores, ROOM, HOST)
    assert found is not None
    return found


def kinds(export: Export, *keys: Verifier, quorum: int = 0) -> set[str]:
    return {it.kind for it in audit(export, witnesses=keys, quorum=quorum).findings}


async def test_a_witness_cosigns_each_head_and_the_audit_believes_it(stores: Stores, tmp_path: Path) -> None:
    vkey = await a_log(stores)
    async with a_witness(tmp_path, vkey) as witness:
        await cosign(stores, witness.setting)
        await join(stores.redis, "dan", "eve")
        await sign_anew(stores)
        await cosign(stores, witness.setting)
    async with a_witness(tmp_path, vkey) as again:  # it has the same key and its memory
        assert again.key == witness.key
        await join(stores.redis, "fay")
        await sign_anew(stores)
        await stores.postgres.execute("DELETE FROM room_log_cosignatures")  # we have forgotten it
        await cosign(stores, again.setting)
    export = await exported(stores)
    verdict = audit(export, witnesses=[witness.key])
    assert verdict.findings == []
    assert verdict.witnesses == {"paper.example/w1": len(export.entries)}
    changed = [it.replace(" joined 2 ", " joined 3 ", 1) for it in export.entries]
    rewritten = Export(ROOM, export.keys, export.heads, changed, export.origin, export.cosignatures)
    assert "cosignature" in kinds(rewritten, witness.key)
    renamed = Export(
        ROOM, export.keys, export.heads, export.entries, f"{HOST}/rooms/{ROOM}/0", export.cosignatures
    )
    assert {"other_room", "cosignature"} <= kinds(renamed, witness.key)


async def test_a_fork_is_refused_by_the_witness_and_reported_by_the_audit(
    stores: Stores, tmp_path: Path
) -> None:
    vkey = await a_log(stores)
    async with a_witness(tmp_path, vkey) as witness:
        await cosign(stores, witness.setting)
        honest = await exported(stores)
        await forked(stores, honest, witness)
        # The operator rewrites the room's history from the same first leaf, and signs it.
        await rewrite(stores, honest)
        with capture_logs() as logged:
            await cosign(stores, witness.setting)
        assert [it["reason"] for it in logged if it["event"] == "not_cosigned"] == ["answered 422"]
    export = await exported(stores)
    assert export.origin == honest.origin
    assert kinds(export) == set()  # taken alone, it looks fine
    assert kinds(export, witness.key) == {"unwitnessed"}
    mixed = Export(ROOM, export.keys, export.heads, export.entries, export.origin, honest.cosignatures)
    assert {"cosignature", "unwitnessed"} <= kinds(mixed, witness.key)


async def forked(stores: Stores, honest: Export, witness: RunningWitness) -> None:
    """Two roots of the same size under one name: the second is not signed."""
    head = unchecked(honest.heads[-1])
    async with stores.postgres.acquire() as connection:
        key = await log_key(connection)
    other = Head(head.room_id, head.size, "ab" * 32, head.at_ms)
    answer = await witness.add(submission_text(head.size, [], checkpoint(key, honest.origin, other)))
    assert (answer.status_code, answer.text) == (409, f"{head.size}\n")
    assert answer.headers["content-type"] == "text/x.tlog.size"
    same = await witness.add(submission_text(head.size, [], checkpoint(key, honest.origin, head)))
    text, _ = parts_of(checkpoint(key, honest.origin, head))
    assert same.status_code == 200
    assert witness.key.cosigned_at(text, same.text.rstrip("\n")) is not None


async def rewrite(stores: Stores, honest: Export) -> None:
    first = honest.entries[0]
    postgres = stores.postgres
    for table in ("room_log_leaves", "room_log_nodes", "room_log_heads", "room_log_cosignatures"):
        await postgres.execute(f"DELETE FROM {table}")
    await postgres.execute("UPDATE rooms SET generation = generation")
    await postgres.execute(
        "UPDATE room_logs SET size = 0, peaks = '', signed_size = 0, signed_at = 'epoch', entry_id = $1, "
        "noted = 0, generation = ''",
        BEGINNING,
    )
    await stores.redis.flushdb()
    await a_room(stores.redis)
    await join(stores.redis, *(f"friend{n}" for n in range(12)))
    await write(stores, ROOM)
    assert (await exported(stores)).entries[0] == first


async def test_a_witness_that_is_away_slows_nothing_and_is_left_alone_for_a_while(
    stores: Stores, tmp_path: Path
) -> None:
    vkey = await a_log(stores)
    async with (
        a_witness(tmp_path / "a", vkey) as good,
        a_witness(tmp_path / "b", vkey, "blog.example/w") as unreachable,
    ):
        pass
    async with a_witness(tmp_path / "a", vkey) as good:
        away = f"{NOBODY} {unreachable.key.vkey}"
        started = [await cosign(stores, away, good.setting)]
        size = len((await exported(stores)).entries)
        [line] = (await cosignatures.select_cosignatures(stores.postgres, ROOM, [size]))[size]
        assert line.startswith("— paper.example/w1 ")
        left_alone, _ = started[0]
        assert left_alone._again_at > time.monotonic()
        await write(stores, ROOM)
    export = await exported(stores)
    assert kinds(export, good.key) == set()
    assert kinds(export, good.key, unreachable.key, quorum=1) == set()
    assert kinds(export, good.key, unreachable.key) == {"unwitnessed"}


async def test_a_witness_is_believed_only_with_its_own_key(stores: Stores, tmp_path: Path) -> None:
    vkey = await a_log(stores)
    async with a_witness(tmp_path / "a", vkey) as one, a_witness(tmp_path / "b", vkey) as other:
        with capture_logs() as logged:
            await cosign(stores, f"{one.url} {other.key.vkey}")
        assert any("no valid cosignature" in it.get("reason", "") for it in logged)
        assert await stores.postgres.fetchval("SELECT count(*) FROM room_log_cosignatures") == 0


def test_the_origin_follows_from_the_first_leaf() -> None:
    assert origin_of(HOST, "hall", "1 began hall a fifo -") != origin_of(
        HOST, "hall", "1 began hall b fifo -"
    )
