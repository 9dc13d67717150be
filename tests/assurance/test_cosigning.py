"""Witnesses of public logs: real ones cosign, refuse a fork, and delay nothing while unreachable."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from app.assurance import cosigning
from app.assurance.cosigning import Cosigning, witnesses
from app.commands.audit import from_stores
from app.core.assurance.log_audit import Export, audit
from app.core.assurance.notes import COSIGNER, Verifier, parts_of, verifier
from app.core.assurance.room_log import Head, checkpoint, origin_of, unchecked, vkey_of
from app.core.assurance.witnessing import submission_text
from app.core.model import RoomId
from app.notifications.safe_post import open_client
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.room_log import BEGINNING
from app.store.sql.assurance import cosignatures
from app.store.sql.locks import try_lock
from app.waiting_room.room_log import log_key, write
from tests.support.builders import ROOM, a_room, a_stored_room
from tests.support.queue_steps import join
from tests.support.receiver import Receiver, never_answering, receiving
from tests.support.waiting import wait_until
from tests.support.witnessing import RunningWitness, a_witness
from tests.worker.test_jobs import at_work
from worker.witnesses import cosign_heads

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


async def test_the_worker_has_a_loop_for_each_witness_so_that_none_waits_for_another(stores: Stores) -> None:
    await a_log(stores)
    asked = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()  # until the client gives up
        writer.close()

    silent = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    async with silent, receiving(answer=503) as other:
        urls = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}", other.url
        keys = (Verifier(f"witness{at}", COSIGNER, bytes(32)).vkey for at in range(2))
        settings = Settings(
            public_url=f"https://{HOST}",
            witnesses=[f"{url} {key}" for url, key in zip(urls, keys, strict=True)],
        )

        async def both_were() -> bool:
            return asked.is_set() and bool(other.received)

        async with at_work(stores, cosign_heads, settings):
            await wait_until(both_were, "both witnesses to be asked")
    assert b"rooms/hall" in other.received[0].body
    async with at_work(stores, cosign_heads, Settings()):  # without witnesses there is nothing to do
        pass


async def test_a_witness_is_believed_only_with_its_own_key(stores: Stores, tmp_path: Path) -> None:
    vkey = await a_log(stores)
    async with a_witness(tmp_path / "a", vkey) as one, a_witness(tmp_path / "b", vkey) as other:
        with capture_logs() as logged:
            await cosign(stores, f"{one.url} {other.key.vkey}")
        assert any("no valid cosignature" in it.get("reason", "") for it in logged)
        assert await stores.postgres.fetchval("SELECT count(*) FROM room_log_cosignatures") == 0


async def copy_log(stores: Stores, to: RoomId) -> None:
    """Another room with the same log."""
    await a_stored_room(stores, to, loaded=False)
    for table in ("room_logs", "room_log_heads", "room_log_leaves"):
        rows = await stores.postgres.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table
        )
        columns = ", ".join({row[0] for row in rows} - {"room_id"})
        copied = f"INSERT INTO {table} (room_id, {columns}) SELECT $1, {columns} FROM {table}"
        await stores.postgres.execute(f"{copied} WHERE room_id = $2", to, ROOM)


ANY_KEY = verifier("paper.example/w1", COSIGNER, Ed25519PrivateKey.generate()).vkey


async def test_one_worker_at_a_time_sends_to_a_witness_that_failed_not_at_once_again(stores: Stores) -> None:
    await a_log(stores)
    async with receiving(answer=503) as receiver:
        witness = f"{receiver.url} {ANY_KEY}"
        async with stores.postgres.acquire() as connection, connection.transaction():
            assert await try_lock(connection, "fairgate witness", "paper.example/w1")
            await cosign(stores, witness)
            assert receiver.received == []
        with capture_logs() as logged:
            async with open_client() as client:
                settings = Settings(public_url=f"https://{HOST}", witnesses=[witness])
                (failing,) = [Cosigning(stores, settings, client, it) for it in witnesses(settings)]
                for _ in range(2):
                    await failing.round()
        assert [it["reason"] for it in logged if it["event"] == "not_cosigned"] == ["answered 503"]
        assert len(receiver.received) == 1


async def test_a_slow_witness_gets_the_other_rooms_in_the_next_round(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_log(stores)
    await copy_log(stores, RoomId("club"))
    async with receiving(answer=503) as receiver:
        await cosign(stores, f"{receiver.url} {ANY_KEY}")
        assert len(receiver.received) == 2
        monkeypatch.setattr(cosigning, "ROUND_S", 0.0)
        await cosign(stores, f"{receiver.url} {ANY_KEY}")
        assert len(receiver.received) == 3


async def test_a_witness_that_does_not_answer_is_given_up(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_log(stores)
    monkeypatch.setattr(cosigning, "ANSWER_TIMEOUT_S", 0.1)
    async with never_answering() as url:
        with capture_logs() as logged:
            await cosign(stores, f"{url} {ANY_KEY}")
    (reason,) = [it["reason"] for it in logged if it["event"] == "not_cosigned"]
    assert reason.startswith("no answer within")


async def test_a_room_deleted_during_a_round_is_left_out(stores: Stores) -> None:
    """Both are, while the witness looks at the first."""
    await a_log(stores)
    await copy_log(stores, RoomId("club"))

    class Deleting(Receiver):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await stores.postgres.execute("DELETE FROM room_logs")
            await super().serve(reader, writer)

    receiver = Deleting(answer=503)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    async with server:
        await cosign(stores, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]} {ANY_KEY}")
    assert len(receiver.received) == 1
    assert await stores.postgres.fetchval("SELECT count(*) FROM room_log_cosignatures") == 0


def test_the_origin_follows_from_the_first_leaf() -> None:
    assert origin_of(HOST, "hall", "1 began hall a fifo -") != origin_of(
        HOST, "hall", "1 began hall b fifo -"
    )
