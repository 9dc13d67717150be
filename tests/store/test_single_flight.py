"""Work that many callers wait for is done once, whoever leaves and whatever the result."""

from __future__ import annotations

import asyncio
import gc

import pytest

from app.store.single_flight import SingleFlight


class Work:
    """Waits to be released and counts how often it was started."""

    def __init__(self) -> None:
        self.begun = 0
        self.started, self.going = asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None

    async def run(self) -> int:
        self.begun += 1
        self.started.set()
        await self.going.wait()
        if self.error is not None:
            raise self.error
        return self.begun


async def waiting(flight: SingleFlight[str, int], work: Work, count: int) -> list[asyncio.Task[int]]:
    """Start this many callers and let all of them wait."""
    callers = [asyncio.ensure_future(flight.get("a", work.run)) for _ in range(count)]
    await work.started.wait()
    return callers


async def test_callers_of_the_same_time_share_it_and_the_next_begins_anew() -> None:
    flight, work = SingleFlight[str, int](), Work()
    callers = await waiting(flight, work, 3)
    work.going.set()
    assert await asyncio.gather(*callers) == [1, 1, 1]
    assert await flight.get("a", work.run) == 2


async def test_another_key_does_not_wait() -> None:
    flight, work, other = SingleFlight[str, int](), Work(), Work()
    (caller,) = await waiting(flight, work, 1)
    other.going.set()
    assert await flight.get("b", other.run) == 1
    assert not caller.done()
    work.going.set()
    assert await caller == 1


async def test_a_caller_who_goes_away_ends_nothing_also_the_one_who_began_it() -> None:
    flight, work = SingleFlight[str, int](), Work()
    first, second = await waiting(flight, work, 2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    work.going.set()
    assert await second == 1


async def test_what_it_raises_all_are_told_and_it_is_not_remembered() -> None:
    flight, work = SingleFlight[str, int](), Work()
    callers = await waiting(flight, work, 3)
    work.error = ConnectionError("away")
    work.going.set()
    assert [str(it) for it in await asyncio.gather(*callers, return_exceptions=True)] == ["away"] * 3
    work.error = None
    assert await flight.get("a", work.run) == 2


async def test_an_error_nobody_waits_for_is_no_warning() -> None:
    flight, work, results = SingleFlight[str, int](), Work(), list[object]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: results.append(context))
    try:
        (caller,) = await waiting(flight, work, 1)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        task = flight.task("a", work.run)
        work.error = ConnectionError("away")
        work.going.set()
        await asyncio.wait({task})
        del task
        gc.collect()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert not results
    assert work.begun == 1
