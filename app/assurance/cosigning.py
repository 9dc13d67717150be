"""Has witnesses cosign the heads of public logs, following c2sp.org/tlog-witness.

A witness gets the newest head of each room, with the proof that it extends the head it cosigned before. Heads
it missed while it was unavailable are covered by the next one. Witnesses are configured in the installation's
settings, so they may have private addresses.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import structlog

from app.core.assurance import witnessing
from app.core.assurance.notes import Checkpoint, Verifier, verifier_of
from app.core.assurance.room_log import Head, checkpoint, unchecked
from app.core.assurance.witnessing import SIZE_TYPE
from app.core.clock import now_ms
from app.core.model import RoomId
from app.core.text.error_text import describe_error
from app.notifications import safe_post
from app.notifications.safe_post import AddressRefused, Client, NotAccepted
from app.settings import Settings
from app.store.connections import Connection, Stores
from app.store.sql.assurance import cosignatures
from app.store.sql.assurance import room_log as stored
from app.store.sql.assurance.room_log import StoredLog
from app.store.sql.locks import try_lock
from app.waiting_room import room_log_proofs as proofs
from app.waiting_room.room_log import log_key

log = structlog.get_logger(__name__)

ROOMS_MAX = 50  # per round; others in the next
ROUND_S = 20.0  # of one witness
ANSWER_TIMEOUT_S = 5.0
AGAIN_S = 15.0  # pause after a witness did not cosign
AHEAD_S = 60  # how far in the future a cosignature may be, because clocks differ


class Witness(NamedTuple):
    """A configured witness: its URL and what verifies its cosignatures."""

    url: str
    key: Verifier


class NotCosigned(Exception):
    """A witness did not cosign; the message says why."""


def witnesses(settings: Settings) -> list[Witness]:
    """The configured witnesses."""
    parts = (it.partition(" ") for it in settings.witnesses)
    return [Witness(url.rstrip("/"), verifier_of(vkey.strip())) for url, _, vkey in parts]


class Cosigning:
    """Sends heads to one witness, pausing for AGAIN_S after it did not cosign."""

    def __init__(self, stores: Stores, settings: Settings, client: Client, witness: Witness) -> None:
        self._stores, self._client, self._witness = stores, client, witness
        self._host = settings.log_host
        self._again_at = 0.0

    async def round(self) -> None:
        """Have the witness cosign new heads, of up to ROOMS_MAX rooms. One worker at a time does."""
        if time.monotonic() < self._again_at:
            return
        name = self._witness.key.name
        async with self._stores.postgres.acquire() as connection, connection.transaction():
            if not await try_lock(connection, "fairgate witness", name):
                return
            rooms = await cosignatures.select_uncosigned(connection, name, ROOMS_MAX)
            until = time.monotonic() + ROUND_S
            for room_id in rooms:
                try:
                    await self._cosign(connection, room_id)
                except NotCosigned as error:
                    log.warning("not_cosigned", witness=name, room_id=room_id, reason=str(error))
                    self._again_at = time.monotonic() + AGAIN_S
                if time.monotonic() > until:
                    return

    async def _cosign(self, connection: Connection, room_id: RoomId) -> None:
        """Have the witness cosign a room's newest head. Raises NotCosigned."""
        stored_log = await stored.select_log(connection, room_id)
        newest = await stored.select_head(connection, room_id)
        if stored_log is None or newest is None:
            return
        head = unchecked(newest.statement)
        origin = await proofs.origin(connection, self._host, room_id)
        old = await cosignatures.select_cosigned_size(connection, room_id, self._witness.key.name)
        status, size, body = await self._send(connection, stored_log, head, origin, min(old, head.size))
        if status == 409 and size is not None and size != old and size <= head.size:
            status, size, body = await self._send(connection, stored_log, head, origin, size)
        if status != 200:
            signed = f", and has cosigned {size} leaves" if size is not None else ""
            raise NotCosigned(f"answered {status}{signed}")
        line = self._good_line(origin, head, body)
        name = self._witness.key.name
        await cosignatures.insert_cosignature(self._stores.postgres, room_id, name, head.size, line)

    async def _send(
        self, connection: Connection, stored_log: StoredLog, head: Head, origin: str, old: int
    ) -> tuple[int, int | None, bytes]:
        """Send a head. Returns the status, the size the witness has if it says so, and the body.

        Raises NotCosigned.
        """
        room_id = RoomId(head.room_id)
        proof = (
            await proofs.consistency(connection, stored_log, room_id, old, head.size)
            if 0 < old < head.size
            else []
        )
        note = checkpoint(await log_key(connection), origin, head)
        text = witnessing.submission_text(old, proof, note)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                status, kind, body = await safe_post.post_text(
                    self._client, f"{self._witness.url}/add-checkpoint", text, private=True
                )
        except TimeoutError:
            raise NotCosigned(f"no answer within {ANSWER_TIMEOUT_S:.0f} s") from None
        except (AddressRefused, NotAccepted) as error:
            raise NotCosigned(describe_error(error)[:200]) from None
        answer_text = body.strip()
        sized = (
            status == 409
            and kind.partition(";")[0] == SIZE_TYPE
            and answer_text.isdigit()
            and len(answer_text) < 16
        )
        return status, int(answer_text) if sized else None, body

    def _good_line(self, origin: str, head: Head, body: bytes) -> str:
        """The valid cosignature line in the witness's response. Raises NotCosigned."""
        text = Checkpoint(origin, head.size, bytes.fromhex(head.root)).text
        for line in body.decode(errors="replace").splitlines():
            at_s = self._witness.key.cosigned_at(text, line)
            if at_s is not None and at_s <= now_ms() // 1000 + AHEAD_S:
                return line
        raise NotCosigned("its answer contains no valid cosignature of this head")
