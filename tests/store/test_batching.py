"""The coalescer: one round trip for many callers, and nobody waits unusually long for somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from app.store import coalescer as batching
from app.store.coalescer import Coalescer, CoalescerFull
from tests.support.waiting import wait_until


class Store:
    """Answers each item with itself once its gate is open."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gates: dict[str, asyncio.Event] = {}

    def hold_up(self, item: str) -> asyncio.Event:
        """Make the batch with this item wait, and return the gate that releases it."""
        return self.gates.setdefault(item, asyncio.Event())

    async def sent(self, item: str) -> None:
        """Wait until the batch with this item has been sent."""

        async def there() -> bool:
            return any(item in batch for batch in self.batches)

        await wait_until(there, "the batch", every_s=0)

    async def flush(self, _key: str, items: list[str]) -> Sequence[str | Exception]:
        self.batches.append(items)
        for it in items:
            if it in self.gates:
                await self.gates[it].wait()
        if "broken" in items:
            raise OSError
        return [ValueError(it) if it == "refused" else it for it in items]


@pytest.fixture
def store() -> Store:
    return Store()


async def test_callers_of_one_turn_share_a_batch_and_the_next_go_together(store: Store) -> None:
    calls: Coalescer[str, str, str] = Coalescer(store.flush)
    gate = store.hold_up("a")
    first = [calls.submit("k", it) for it in ("a", "b")]
    await store.sent("a")
    later = [calls.submit("k", it) for it in ("c", "d")]
    elsewhere = calls.submit("other", "e")
    assert await elsewhere == "e"
    gate.set()
    assert await asyncio.gather(*first, *later) == ["a", "b", "c", "d"]
    assert store.batches == [["a", "b"], ["e"], ["c", "d"]]


async def test_a_batch_has_a_limit(store: Store) -> None:
    calls: Coalescer[str, str, str] = Coalescer(store.flush, batch_max=2)
    await asyncio.gather(*(calls.submit("k", it) for it in "abcde"))
    assert store.batches == [["a", "b"], ["c", "d"], ["e"]]


async def test_an_error_of_one_is_told_to_it_alone_and_one_of_the_batch_to_all(store: Store) -> None:
    calls: Coalescer[str, str, str] = Coalescer(store.flush)
    for pair, expected in ((("a", "refused"), [str, ValueError]), (("b", "broken"), [OSError, OSError])):
        answers = await asyncio.gather(*(calls.submit("k", it) for it in pair), return_exceptions=True)
        assert [type(it) for it in answers] == expected
    assert await calls.submit("k", "c") == "c"


async def test_beyond_its_cap_it_refuses(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "WAITING_MAX", 2)
    calls: Coalescer[str, str, str] = Coalescer(store.flush)
    taken = [calls.submit("k", it) for it in "ab"]
    with pytest.raises(CoalescerFull):
        calls.submit("k", "c")
    assert await asyncio.gather(*taken) == ["a", "b"]


async def test_who_went_away_before_it_was_sent_is_left_out(store: Store) -> None:
    calls: Coalescer[str, str, str] = Coalescer(store.flush)
    calls.submit("k", "gone").cancel()
    assert await calls.submit("k", "a") == "a"
    calls.submit("k", "gone").cancel()
    await asyncio.sleep(0)
    assert await calls.submit("k", "b") == "b"
    assert store.batches == [["a"], ["b"]]


async def test_a_flush_that_is_late_keeps_only_its_own_waiting(store: Store) -> None:
    calls: Coalescer[str, str, str] = Coalescer(store.flush, late_max=2)
    late = {}
    for name, other in (("late1", "a"), ("late2", "b")):
        store.hold_up(name)
        late[name] = calls.submit("k", name)
        await store.sent(name)
        assert await calls.submit("k", other) == other
    store.hold_up("late3")
    late["late3"] = calls.submit("k", "late3")
    await store.sent("late3")
    behind = calls.submit("k", "c")  # more calls are late than allowed: it waits for one of them
    await asyncio.wait({behind}, timeout=3 * batching.LATE_S)
    assert not behind.done()
    assert not any(it.done() for it in late.values())
    store.gates["late2"].set()
    assert [await late.pop("late2"), await behind] == ["late2", "c"]
    assert not any(it.done() for it in late.values())
    for name, reply in late.items():
        store.gates[name].set()
        assert await reply == name


async def test_where_none_may_be_late_the_order_is_kept(store: Store) -> None:
    calls: Coalescer[str, str, str] = Coalescer(store.flush)
    gate = store.hold_up("a")
    first = calls.submit("k", "a")
    await store.sent("a")
    second = calls.submit("k", "b")
    await asyncio.wait({second}, timeout=3 * batching.LATE_S)
    assert store.batches == [["a"]]
    gate.set()
    assert [await first, await second] == ["a", "b"]


async def test_a_flush_that_ends_in_no_usual_way_is_told_and_the_next_is_sent() -> None:
    async def flush(_key: str, items: list[str]) -> Sequence[str | Exception]:
        if items == ["cancelled"]:
            gone = asyncio.create_task(asyncio.Event().wait())
            gone.cancel()
            await gone
        return [] if items == ["lost"] else items

    coalescer: Coalescer[str, str, str] = Coalescer(flush)
    for item, error in (("cancelled", RuntimeError), ("lost", AssertionError)):
        with pytest.raises(error):
            await coalescer.submit("key", item)
        assert await coalescer.submit("key", "next") == "next"
