"""configure.lua: settings apply from now on, and the newest version wins."""

from __future__ import annotations

import pytest

from app.store.scripts.admission import numbers
from app.store.scripts.room import NotLoaded, status
from tests.support.builders import KEYS, NOW, Client, a_lottery, a_room, change_room, join_record
from tests.support.queue_steps import crowd, join, only, states_of, tick


async def test_a_new_rate_counts_from_now_on(redis: Client) -> None:
    await a_room(redis, "paused", admission_rate_per_minute=60, burst=100)
    await crowd(redis, 100)
    await redis.hset(KEYS.meter, "level", 0)
    await change_room(redis, 5, admission_rate_per_minute=60, burst=100)
    await change_room(redis, 6, now_ms=NOW + 10_000, admission_rate_per_minute=600, burst=100)
    assert (await tick(redis, NOW + 10_000)).calls == 10
    assert (await tick(redis, NOW + 11_000)).calls == 10


async def test_a_smaller_burst_takes_the_rest_out_of_the_bucket(redis: Client) -> None:
    await a_room(redis, "open", admission_rate_per_minute=60, burst=100)
    await change_room(redis, 3, admission_rate_per_minute=60, burst=5)
    assert states_of(await join(redis, *(f"v{n}" for n in range(7)))) == ["called"] * 5 + ["waiting"] * 2


async def test_an_older_or_repeated_version_changes_nothing(redis: Client) -> None:
    await a_room(redis)
    await change_room(redis, 7, to="paused")
    await change_room(redis, 6, to="open")
    await change_room(redis, 7, to="closed")
    found = await status(redis, KEYS)
    assert (found.version, found.state) == (7, "paused")


@pytest.mark.parametrize("to", ["scheduled", "prequeue"])
async def test_a_room_that_has_opened_never_goes_back(redis: Client, to: str) -> None:
    await a_room(redis)
    await change_room(redis, 3, to=to)
    assert (await status(redis, KEYS)).state == "open"


async def test_the_first_opening_is_kept_and_fills_the_bucket_once(redis: Client) -> None:
    await a_room(redis, admission_rate_per_minute=60, burst=2)
    await join(redis, "ann", "bob")
    await change_room(redis, 3, to="closed", admission_rate_per_minute=60, burst=2)
    await change_room(redis, 4, now_ms=NOW + 60_000, admission_rate_per_minute=60, burst=2)
    found = await status(redis, KEYS)
    assert (found.state, found.opened_at_ms) == ("open", NOW)
    assert states_of(await join(redis, "cem", now_ms=NOW + 60_000)) == ["waiting"]


async def test_opening_a_lottery_keeps_its_numbers_until_postgres_knows(redis: Client) -> None:
    await a_lottery(redis, [join_record("ann"), join_record("bob")])
    found = await numbers(redis, KEYS)
    assert (found.draw_first, found.draw_last, found.last_number, found.numbers_reserved) == (1, 2, 2, 2)
    assert states_of(await join(redis, "late")) == ["numbers_exhausted"]


async def test_staff_open_a_fifo_pre_queue(redis: Client) -> None:
    await a_room(redis, "prequeue")
    await join(redis, "ann", "bob")
    await change_room(redis, 3)
    place = only(await join(redis, "bob"))
    assert (place.state, place.queue_number, place.ahead) == ("waiting", 2, 1)


async def test_an_unknown_room_is_not_made_up(redis: Client) -> None:
    with pytest.raises(NotLoaded):
        await change_room(redis, 2)
    assert await redis.keys("*") == []
