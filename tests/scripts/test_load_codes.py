"""load_codes.lua, and what the other scripts do with codes: who may use one, for what, and how often."""

from __future__ import annotations

from itertools import product

import msgspec
import pytest
from redis.asyncio import Redis

from app.core.catalogue import codes
from app.core.catalogue.codes import CodeSet
from app.core.catalogue.seating import SeatRow
from app.core.clock import from_ms
from app.store.scripts.filling import LoadedHold, load_codes, load_holds, load_seats, load_stock, recount
from app.store.scripts.stock import Decision, Request, RoomNotReady, release, submit
from tests.support.sales import (
    KEYS,
    NOW,
    SESSION,
    decide,
    give_sessions,
    put_on_sale,
    stock,
    submission,
    ticket_types,
)


def a_set(**terms: object) -> CodeSet:
    """A set of codes; terms that are not named have no effect."""
    usual: dict[str, object] = {"set_id": "s1", "name": "Fans", "uses_max": 2, "percent": 0, "active": True}
    nothing: dict[str, object] = {"off_ticket": 0, "off_order": 0, "valid_from": None, "valid_until": None}
    return CodeSet(**{"ticket_types": [], **usual, **nothing, **terms})  # type: ignore[arg-type]  # of the test


async def with_code(redis: Redis, it: CodeSet, *, hidden: str = "") -> None:
    """The sale with one code, FANS."""
    await put_on_sale(redis)
    if hidden:
        types = [it for it in ticket_types() if it.ticket_type_id != hidden]
        secret = next(it for it in ticket_types() if it.ticket_type_id == hidden)
        await load_stock(redis, KEYS, [*types, msgspec.structs.replace(secret, hidden=True)])
    await load_codes(redis, KEYS, [codes.set_field(it), codes.code_field("FANS", it.set_id, True)])
    await give_sessions(redis, "ann", "bob", "cid")


async def answer_to(
    redis: Redis, items: str, reservation_id: str = "r1", visitor: str = "ann"
) -> tuple[str, str]:
    """What `submit` answers to these items."""
    request = submission(reservation_id, visitor, items)
    answers = await submit(redis, KEYS, [request], event_id="gala", backlog_max=10, now_ms=NOW)
    return answers[0].word, answers[0].detail


async def uses(redis: Redis, code: str = "FANS") -> int:
    return int(await redis.hget(KEYS.codes, f"used:{code}") or 0)


async def test_a_room_that_is_not_loaded_takes_none(redis: Redis) -> None:
    with pytest.raises(RoomNotReady):
        await load_codes(redis, KEYS, [("code:FANS", "s1")])


async def test_what_is_empty_is_removed_and_uses_are_kept(redis: Redis) -> None:
    await with_code(redis, a_set(percent=10))
    await redis.hset(KEYS.codes, "used:FANS", "1")
    assert await load_codes(redis, KEYS, [("set:s1", ""), ("code:FANS", "s2")]) == 2
    assert await redis.hgetall(KEYS.codes) == {"code:FANS": "s2", "used:FANS": "1"}


@pytest.mark.parametrize("percent", [0, 1, 33, 50, 99, 100])
async def test_the_price_is_what_the_page_says(redis: Redis, percent: int) -> None:
    await with_code(redis, a_set(uses_max=100, percent=percent))
    for number, (off, order, named) in enumerate(product((0, 250, 9_999), (0, 1, 700), ([], ["balcony"]))):
        it = a_set(
            uses_max=100, percent=percent, off_ticket=off, off_order=order, ticket_types=list[str](named)
        )
        await load_codes(redis, KEYS, [codes.set_field(it)])
        prices = {
            name: codes.reduced_price(it, name, price) for name, price in (("floor", 5000), ("balcony", 3000))
        }
        amount = codes.amount_of(it, {"floor": 1, "balcony": 2}, prices)
        name = f"r{number}"
        [decision] = await decide(redis, Request(name, f"visitor{number}", "balcony:2,floor:1!FANS"))
        less = prices["floor"] + 2 * prices["balcony"] - amount
        items = f"balcony:2:{prices['balcony']},floor:1:{prices['floor']}!FANS!{less}"
        assert decision == Decision("held", f"{amount}|EUR|{NOW}|{NOW + 300_000}|{items}")
        await release(redis, KEYS, [name])


async def test_each_use_counts_and_none_is_one_too_many(redis: Redis) -> None:
    await with_code(redis, a_set(percent=10))
    batch = [Request(f"r{n}", f"visitor{n}", "balcony:1!FANS") for n in range(4)]
    decisions = await decide(redis, *batch)
    assert [it.word for it in decisions] == ["held", "held", "code_refused", "code_refused"]
    assert decisions[3].terms == "used_up"
    assert await answer_to(redis, "balcony:1!FANS", "late") == ("code_refused", "used_up")
    assert (await uses(redis), await stock(redis, "balcony")) == (2, (3, 2, 0))
    await release(redis, KEYS, ["r0"])
    await release(redis, KEYS, ["r0"])
    assert await uses(redis) == 1
    await release(redis, KEYS, ["r1"])
    assert not await redis.hexists(KEYS.codes, "used:FANS")


@pytest.mark.parametrize(
    ("terms", "items", "why"),
    [
        ({"percent": 10}, "floor:1!NOPE", "unknown"),
        ({"percent": 10, "active": False}, "floor:1!FANS", "unknown"),
        ({"percent": 10, "ticket_types": ["balcony"]}, "floor:1!FANS", "other"),
        ({"percent": 10, "valid_from": from_ms(NOW + 1000)}, "floor:1!FANS", f"from:{NOW + 1000}"),
        ({"percent": 10, "valid_until": from_ms(NOW)}, "floor:1!FANS", f"until:{NOW}"),
    ],
)
async def test_why_a_code_is_refused(redis: Redis, terms: dict[str, object], items: str, why: str) -> None:
    await with_code(redis, a_set(**terms))
    assert await answer_to(redis, items) == ("code_refused", why)
    assert await answer_to(redis, items) == ("known", f"code_refused|ann|{why}")
    assert await decide(redis, Request("r2", "bob", items)) == [Decision("code_refused", why)]


async def test_a_hidden_type_is_sold_with_the_code_that_names_it(redis: Redis) -> None:
    await with_code(redis, a_set(ticket_types=["balcony"]), hidden="balcony")
    assert await answer_to(redis, "balcony:1") == ("unknown_type", "balcony")
    assert await decide(redis, Request("r2", "bob", "balcony:1")) == [Decision("sold_out", "")]
    assert (await answer_to(redis, "balcony:1,floor:1!FANS", "r3"))[0] == "queued"
    [decision] = await decide(redis, Request("r3", "ann", "balcony:1,floor:1!FANS"))
    assert decision.terms.endswith("|balcony:1:3000,floor:1:5000!FANS!0")


async def test_seats_and_counted_tickets_in_one_order(redis: Redis) -> None:
    await put_on_sale(redis, totals={"stalls": 3, "floor": 2})
    await load_seats(redis, KEYS, [SeatRow("a", 1, "fff")], ticket_type_id="stalls")
    await redis.hset(KEYS.stock, "seated:stalls", "1")
    await load_codes(redis, KEYS, [codes.set_field(a_set(off_order=500)), ("code:FANS", "s1")])
    [named] = await decide(redis, Request("r1", "ann", "floor:1,stalls:1@stalls-a-2!FANS"))
    assert named.terms.startswith("5500|")
    assert named.terms.endswith("|floor:1:5000,stalls:1:1000@stalls-a-2!FANS!500")
    assert await redis.hgetall(KEYS.sitters) == {"stalls-a-2": "ann"}
    [best] = await decide(redis, Request("r2", "bob", "floor:1,stalls:2@*"))
    assert best.terms.endswith("|floor:1:5000,stalls:2:1000@stalls-a-1+stalls-a-3")
    await release(redis, KEYS, ["r1", "r2"])
    assert (await stock(redis, "stalls"), await stock(redis)) == ((3, 0, 0), (2, 0, 0))
    assert not await redis.exists(KEYS.sitters)


async def test_uses_come_back_from_holds(redis: Redis) -> None:
    """Both ways: loaded into a room being restored, and recounted where a counter is wrong."""
    await with_code(redis, a_set(percent=10))
    await redis.hset(KEYS.conf, "restoring", "1")
    entry = f"held|ann|4500|EUR|{NOW}|{SESSION}|floor:1:4500!FANS!0"
    await load_holds(redis, KEYS, [LoadedHold("r1", entry, "")] * 2, epoch=1)
    assert await uses(redis) == 1
    await redis.hset(KEYS.conf, "restoring", "0")
    await redis.hset(KEYS.codes, mapping={"used:FANS": 7, "used:GONE": 1})
    assert await recount(redis, KEYS, [], holds_max=10)
    assert await redis.hgetall(KEYS.codes) == {
        "code:FANS": "s1",
        "set:s1": codes.set_field(a_set(percent=10))[1],
        "used:FANS": "1",
    }
