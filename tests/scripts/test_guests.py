"""submit.lua and decide_again.lua for guests: free, even if hidden or off sale, and never from a session."""

from __future__ import annotations

import msgspec
from redis.asyncio import Redis

from app.core.clock import from_ms
from app.reservations.guests import NO_SESSION
from app.store.scripts import filling
from app.store.scripts.stock import Decision, Request, Submission, submit
from tests.support.sales import KEYS, NOW, decide, give_sessions, put_on_sale, stock, submission, ticket_types

ITEMS = "floor:2!*"


async def word(redis: Redis, it: Submission) -> str:
    return (await submit(redis, KEYS, [it], event_id="gala", backlog_max=100, now_ms=NOW))[0].word


async def test_only_staff_ask_for_a_guest_and_for_nobody_else(redis: Redis) -> None:
    await put_on_sale(redis, max_tickets=1)
    await give_sessions(redis, "ann")
    of_staff = submission("r1", "guest.1", ITEMS)._replace(session_ms=NO_SESSION)
    assert await word(redis, of_staff) == "queued"
    assert await word(redis, submission("r2", items=ITEMS)) == "session_ended"
    assert await word(redis, of_staff._replace(reservation_id="r3", items="floor:1")) == "session_ended"
    assert await word(redis, of_staff._replace(reservation_id="r4", items="floor:11!*")) == "sold_out"


async def test_a_guest_pays_nothing_and_takes_stock(redis: Redis) -> None:
    await put_on_sale(redis, max_tickets=1)
    types = [msgspec.structs.replace(it, hidden=True, sale_from=from_ms(NOW + 1)) for it in ticket_types()]
    await filling.load_stock(redis, KEYS, types)
    assert await decide(redis, Request("r1", "guest.1", ITEMS), Request("r2", "guest.2", "floor:9!*")) == [
        Decision("held", f"0|EUR|{NOW}|{NOW + 300_000}|floor:2:0"),
        Decision("sold_out", ""),
    ]
    assert await stock(redis) == (8, 2, 0)
    assert await redis.hgetall(KEYS.allowance) == {"guest.1": "2"}
