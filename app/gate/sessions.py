"""The gate's operations on sessions. Whether a request may pass is decided in `web/gate/forward_auth.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import NamedTuple

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.clock import to_ms
from app.core.errors import (
    Conflict,
    NotFound,
    RateLimited,
    RemovedByStaff,
    Restoring,
    RoomClosed,
    SessionDone,
)
from app.core.model import Place, RoomId, RoomSettings, VisitorId
from app.core.tokens.claims import session_id
from app.core.tokens.handover import Ticket
from app.core.waiting_room.newcomers import are_weighed
from app.store.away import stores_answer
from app.store.coalescer import Coalescer
from app.store.connections import POSTGRES_AWAY
from app.store.keys import RoomKeys
from app.store.scripts import gate as gate_scripts
from app.store.scripts.gate import BeingRestored, RenewRecord
from app.store.scripts.room import NO_DRAW, NO_TOKEN, JoinRecord
from app.store.sql.waiting_room import sessions
from app.waiting_room.queue import Queues, submit
from app.waiting_room.refusals import JOIN_REFUSALS
from app.waiting_room.room_script import Answer, Outcome, RoomScript, decide
from app.waiting_room.started_sessions import start_sessions


class GateVisitor(NamedTuple):
    """A visitor at the gate. `network` as in `Joiner`."""

    visitor_id: VisitorId
    network: str
    anew: bool  # may be admitted without a turn if there is no crowd


class Gate:
    """Everything one process needs to serve gates; created by `open_gate`."""

    def __init__(self, queues: Queues) -> None:
        self.queues = queues
        self.entries: Coalescer[RoomId, GateVisitor, Answer] = Coalescer(
            partial(_enter_batch, queues), name="enter"
        )
        self.renewals: Coalescer[RoomId, RenewRecord, int] = Coalescer(
            partial(_renew_batch, queues), name="renew"
        )


def open_gate(queues: Queues) -> Gate:
    """The gate of this process; call it inside the running event loop. Nothing to close."""
    return Gate(queues)


async def enter(gate: Gate, room_id: RoomId, visitor: GateVisitor) -> Place | None:
    """The session of a visitor who is called or inside, or with `anew` of one whom a join would call at once.

    None: they have to go to the queue page. Raises RoomNotFound, Restoring, StoreUnavailable.
    """
    try:
        place, _ = await submit(gate.entries, room_id, visitor)
    except (_Crowd, RateLimited, RemovedByStaff, RoomClosed):  # RoomClosed: of a room that was unloaded
        return None
    return place


async def redeem(gate: Gate, ticket: Ticket) -> int:
    """Redeem a hand-over ticket; returns when its session ends (ms); 0 if it was used before or the session
    ended.

    Raises RoomNotFound, Restoring, StoreUnavailable.
    """
    keys, queues = RoomKeys(ticket.room_id), gate.queues

    def run_script() -> Awaitable[int]:
        return gate_scripts.redeem(
            queues.stores.redis, keys, ticket.ticket_id, ticket.visitor_id, ticket.queue_number
        )

    with stores_answer():
        return await queues.loaded_rooms.when_loaded(ticket.room_id, run_script)


async def renew(
    gate: Gate, room_id: RoomId, visitor_id: VisitorId, number: int, began_s: int, settings: RoomSettings
) -> int:
    """Renew a session to its full length from now; returns its end (ms), or 0 if it has ended.

    Raises RoomNotFound, Restoring, StoreUnavailable.
    """
    record = RenewRecord(visitor_id, number, last_end_s(began_s, settings) * 1000)
    return await submit(gate.renewals, room_id, record)


def last_end_s(began_s: int, settings: RoomSettings) -> int:
    """The latest possible end of a session that began then; 0: it has no limit."""
    return began_s + settings.session_max_s if settings.session_max_s else 0


async def began_s(gate: Gate, room_id: RoomId, visitor_id: VisitorId, number: int) -> int:
    """When a session was claimed, in seconds. Raises NotFound, StoreUnavailable."""
    with stores_answer():
        began = await sessions.began_at(gate.queues.stores.postgres, room_id, visitor_id, number)
    if began is None:
        raise NotFound("There is no such session.")
    return to_ms(began) // 1000


async def end(gate: Gate, room_id: RoomId, visitor_id: VisitorId, number: int, *, by: Author) -> None:
    """End a session at the shop's request; repeating it changes nothing.

    Raises RoomNotFound, NotFound, Restoring, StoreUnavailable.
    """
    queues, keys = gate.queues, RoomKeys(room_id)
    await queues.loaded_rooms.get(room_id)
    with sessions_known():
        async with queues.stores.postgres.acquire() as connection, connection.transaction():
            if not await sessions.end_session(connection, room_id, visitor_id, number):
                raise NotFound("There is no such session.")
            entity = Entity("session", f"{room_id}/{session_id(visitor_id, number)}")
            await audit.record(connection, by, "end", entity, after={"ended": True})
        await queues.loaded_rooms.when_loaded(
            room_id, lambda: gate_scripts.end_session(queues.stores.redis, keys, visitor_id, number)
        )


async def renew_for_shop(
    gate: Gate, room_id: RoomId, visitor_id: VisitorId, number: int, *, by: Author
) -> int:
    """Renew a session at the shop's request; returns its end (ms).

    Raises RoomNotFound, NotFound, SessionDone, Restoring, StoreUnavailable.
    """
    room = await gate.queues.loaded_rooms.read(room_id)
    began = await began_s(gate, room_id, visitor_id, number)
    ends_ms = await renew(gate, room_id, visitor_id, number, began, room.settings)
    if not ends_ms:
        raise SessionDone("This session has ended.")
    with stores_answer():
        async with gate.queues.stores.postgres.acquire() as connection, connection.transaction():
            entity = Entity("session", f"{room_id}/{session_id(visitor_id, number)}")
            await audit.record(connection, by, "renew", entity, after={"ends_ms": ends_ms})
    return ends_ms


@contextmanager
def sessions_known() -> Iterator[None]:
    """Turn errors of unavailable stores, and of sessions still being loaded, into refusals."""
    try:
        with stores_answer():
            yield
    except BeingRestored:
        raise Restoring from None


class _Crowd(Conflict):
    """There is a crowd and this visitor has not been called."""


async def _enter_batch(queues: Queues, room_id: RoomId, batch: list[GateVisitor]) -> Sequence[Outcome]:
    """Admit a batch. Sessions are committed before anybody passes, if Postgres answers.

    Otherwise they pass anyway: all that is lost is that a new Redis would not recognise them.
    """
    with stores_answer():
        room = await queues.loaded_rooms.get(room_id)
        weighed = are_weighed(room.settings)  # if so, newcomers join at the queue page
        records = [
            JoinRecord(it.visitor_id, it.network, NO_DRAW, NO_TOKEN, 0, quantity=int(it.anew and not weighed))
            for it in batch
        ]
        room_script = RoomScript(gate_scripts.enter, queues.join_throttle, {**JOIN_REFUSALS, "crowd": _Crowd})
        run = partial(decide, queues, room_id, records, room_script)
        if not queues.postgres.away:
            with suppress(*POSTGRES_AWAY):
                return await start_sessions(queues.stores.postgres, room_id, run)
        return await run()


async def _renew_batch(queues: Queues, room_id: RoomId, batch: list[RenewRecord]) -> Sequence[int]:
    keys = RoomKeys(room_id)
    with sessions_known():
        ends = await queues.loaded_rooms.when_loaded(
            room_id, lambda: gate_scripts.renew(queues.stores.redis, keys, batch)
        )
    renewed = [
        (it.visitor_id, it.number, ends_ms) for it, ends_ms in zip(batch, ends, strict=True) if ends_ms
    ]
    if renewed:
        with suppress(*POSTGRES_AWAY):  # it will be renewed again soon
            await sessions.renew_sessions(queues.stores.postgres, room_id, renewed)
    return ends
