"""Responses kept for a moment."""

from __future__ import annotations

import asyncio

import pytest

from app.web.http.cache import TimedCache


class Source:
    """Counts how often it is read; fails if it has nothing to return."""

    def __init__(self) -> None:
        self.reads = 0
        self.away = False

    async def read(self) -> int:
        """The number of this reading."""
        self.reads += 1
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError
        return self.reads


async def test_those_who_ask_together_share_one_reading() -> None:
    source, kept = Source(), TimedCache[int](60)
    assert await asyncio.gather(*(kept.get("a", source.read) for _ in range(5))) == [1] * 5
    assert await kept.get("a", source.read) == 1
    assert await kept.get("b", source.read) == 2


async def test_what_is_old_is_read_again() -> None:
    source, kept = Source(), TimedCache[int](0)
    assert [await kept.get("a", source.read) for _ in range(3)] == [1, 2, 3]


async def test_a_failure_is_told_to_all_and_not_kept() -> None:
    source, kept = Source(), TimedCache[int](60)
    source.away = True
    answers = await asyncio.gather(*(kept.get("a", source.read) for _ in range(3)), return_exceptions=True)
    assert [type(it) for it in answers] == [ConnectionError] * 3
    source.away = False
    assert await kept.get("a", source.read) == 2


async def test_one_who_goes_away_spoils_it_for_nobody() -> None:
    source, kept = Source(), TimedCache[int](60)
    first = asyncio.create_task(kept.get("a", source.read))
    second = asyncio.create_task(kept.get("a", source.read))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first
