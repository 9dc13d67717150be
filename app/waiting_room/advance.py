"""Lets staff call visitors by hand."""

from __future__ import annotations

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import Conflict, Restoring, StoreUnavailable
from app.core.model import RoomId
from app.store.away import stores_answer
from app.store.keys import RoomKeys
from app.store.redis import busy
from app.store.redis.busy import mark_busy
from app.store.scripts import by_hand
from app.store.scripts import room as room_scripts
from app.store.scripts.by_hand import AdvanceResult, NotAdvanced
from app.waiting_room.queue import Queues

COUNT_MAX = 2_000  # as many as one tick calls, so that a script run stays below 10 ms


async def advance(
    queues: Queues, room_id: RoomId, count: int, *, advance_id: str = "", by: Author
) -> AdvanceResult:
    """Call the first `count` visitors of the queue, in order, even while the room is paused.

    These calls are in addition to the rate. Free tickets, the limit per network and `active_visitors_max`
    (what the site can bear) still apply. An `advance_id` works once: a repeat calls nobody. Raises
    RoomNotFound, Conflict if the room has not opened or is closed, Restoring, StoreUnavailable.
    """
    redis, keys = queues.stores.redis, RoomKeys(room_id)
    with stores_answer():
        await queues.loaded_rooms.when_loaded(room_id, lambda: room_scripts.status(redis, keys))
        async with queues.stores.postgres.acquire() as connection, connection.transaction():
            try:
                done = await queues.loaded_rooms.when_loaded(
                    room_id, lambda: by_hand.advance(redis, keys, count=count, advance_id=advance_id)
                )
            except NotAdvanced as refused:
                raise _refusal(refused) from None
            after = {"count": count, "called": done.called}
            await audit.record(connection, by, "advance", Entity("room", room_id), after=after)
        await mark_busy(redis, busy.KEYS, [room_id])
    return done


def _refusal(refused: NotAdvanced) -> Conflict | Restoring | StoreUnavailable:
    if refused.word == "restoring":
        return Restoring()
    if refused.word == "away":
        return StoreUnavailable("Nobody could claim a turn now; nobody was called.")
    return Conflict(f"Nobody is called in a room that is {refused.state}; open it first.")
