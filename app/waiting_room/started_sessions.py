"""Sessions that a script has started, committed to Postgres before anybody is told about them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from app.core.errors import Restoring
from app.core.model import RoomId
from app.store.connections import Queries
from app.store.sql.waiting_room.sessions import insert_sessions
from app.waiting_room.room_script import Outcome

ATTEMPTS_MAX = 3


async def start_sessions(
    queries: Queries, room_id: RoomId, run: Callable[[], Awaitable[Sequence[Outcome]]]
) -> Sequence[Outcome]:
    """Run a script that starts sessions, and commit them, also those that already ran, in case an earlier
    commit failed.

    If the room's epoch has been raised meanwhile, a restore may have read Postgres before: Redis does not
    know the sessions then, so nothing is stored and the script runs again. Raises Restoring.
    """
    for _ in range(ATTEMPTS_MAX):
        outcomes = await run()
        started = [it for it in outcomes if not isinstance(it, Exception) and it[0].state == "active"]
        if not started:
            return outcomes
        places, statuses = [place for place, _ in started], [status for _, status in started]
        epoch = min(it.epoch for it in statuses)  # the script may have run several times
        if await insert_sessions(queries, room_id, statuses[0].generation, epoch, places):
            return outcomes
    raise Restoring
