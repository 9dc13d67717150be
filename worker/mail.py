"""Writes and sends mails.

Loops: an arq job a mail would stay locked where its worker died, and the table of mails already says what is
due and who has it. Reminders, which nobody waits for, are a job (`worker/jobs.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from app import loops
from app.core.model import RoomId
from app.notifications.channels import email
from app.store.redis import called
from app.store.redis.busy import KEYS, busy_rooms
from app.store.redis.called import Call
from app.store.sql import mailboxes
from app.store.sql import mails as stored
from app.store.sql.mails import Called
from worker.context import WorkerContext
from worker.timing import in_time, pause, repeat

TURNS_S = 1.0
REMIND_STEPS_MAX = 100  # a round
SEND_S = 1.0  # one of the lanes looks for mails
LANES = 4  # connections to the server at once
CALLED_MAX = 5_000  # in one room; those called last have the latest deadlines
REST_S, REST_MAX_S = 1.0, 30.0  # while the server takes nothing, growing


async def mail_turns(ctx: WorkerContext) -> None:
    """Tell those who left an address that it is their turn. Looks at busy rooms where anybody did."""
    known: dict[str, set[Call]] = {}

    async def once() -> bool:
        fresh: list[Called] = []
        running: dict[str, set[Call]] = {}

        async def look(room_id: RoomId) -> None:
            found = await called.calls(ctx.stores.redis, room_id, CALLED_MAX)
            new = list(found - known.get(room_id, set()))
            fresh.extend(await called.numbered(ctx.stores.redis, room_id, new))
            running[room_id] = found

        rooms = await busy_rooms(ctx.stores.redis, KEYS)
        reachable = await mailboxes.reachable(ctx.stores.postgres, rooms) if rooms else []
        await loops.each("mail_turns", map(RoomId, reachable), look)
        if fresh:
            await stored.queue_of_turns(ctx.stores.postgres, fresh)
        known.clear()
        known.update(running)
        return False

    await repeat(ctx.stopping, "mail_turns", once, TURNS_S)


async def mail_reminders(ctx: WorkerContext) -> None:
    """Remind of what begins within a day: one round, a statement for each thousand."""
    for _ in in_time(range(REMIND_STEPS_MAX)):
        if not await stored.queue_of_reminders(ctx.stores.postgres):
            break


async def send_mails(ctx: WorkerContext) -> None:
    """A few lanes, each with a connection of its own. Until the worker stops."""
    post = email.open_post(ctx.settings)
    lanes = [
        ctx.loops.start("send_mails", partial(_lane, ctx, post, number), of=f"lane {number}")
        for number in range(LANES)
    ]
    try:
        await asyncio.wait(lanes)
    finally:
        await loops.end(lanes)


async def _lane(ctx: WorkerContext, post: email.Post, number: int) -> None:
    """Send while there is anything to send; without, look one after the other."""
    rest_s = REST_S
    await pause(ctx.stopping, number * SEND_S)
    send = partial(email.send_due, ctx.stores, post)

    async def once() -> bool:
        nonlocal rest_s
        taken = await send()
        if taken is False:
            await pause(ctx.stopping, rest_s)
            rest_s = min(2 * rest_s, REST_MAX_S)
        elif taken:
            rest_s = REST_S
        return taken is True

    await repeat(ctx.stopping, "send_mails", once, LANES * SEND_S)


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (mail_turns, send_mails)
