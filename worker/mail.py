"""Queues e-mails that no change in Postgres triggers: about turns, and reminders.

`worker/channels.py` sends them. Reminders, which are not urgent, are a job (`worker/jobs.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app import loops
from app.core.model import RoomId
from app.store.redis import called
from app.store.redis.busy import KEYS, busy_rooms
from app.store.redis.called import Call
from app.store.sql.notifications import mail_queue, mailboxes
from app.store.sql.notifications.mail_queue import CalledVisitor
from worker.context import WorkerContext
from worker.timing import in_time, repeat

TURNS_S = 1.0
REMIND_STEPS_MAX = 100  # per round
CALLED_MAX = 5_000  # per room; those called last have the latest deadlines


async def mail_turns(ctx: WorkerContext) -> None:
    """E-mail called visitors that it is their turn. Checks busy rooms where anybody left an address."""
    known: dict[str, set[Call]] = {}

    async def mail_called() -> bool:
        fresh: list[CalledVisitor] = []
        running: dict[str, set[Call]] = {}

        async def find_called(room_id: RoomId) -> None:
            calls = await called.calls(ctx.stores.redis, room_id, CALLED_MAX)
            new = list(calls - known.get(room_id, set()))
            fresh.extend(await called.numbered(ctx.stores.redis, room_id, new))
            running[room_id] = calls

        rooms = await busy_rooms(ctx.stores.redis, KEYS)
        reachable = await mailboxes.reachable(ctx.stores.postgres, rooms) if rooms else []
        await loops.each("mail_turns", map(RoomId, reachable), find_called)
        if fresh:
            await mail_queue.queue_of_turns(ctx.stores.postgres, fresh)
        known.clear()
        known.update(running)
        return False

    await repeat(ctx.stopping, "mail_turns", mail_called, TURNS_S)


async def mail_reminders(ctx: WorkerContext) -> None:
    """Queue reminders of events that start within a day: one round, a statement per thousand."""
    for _ in in_time(range(REMIND_STEPS_MAX)):
        if not await mail_queue.queue_of_reminders(ctx.stores.postgres):
            break


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (mail_turns,)
