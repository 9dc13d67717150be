"""The coalescer: callers in the same event-loop turn share one round trip.

Append to a list, one flush in flight per key, futures resolved from the reply. A lone caller's item is sent
at once; items that arrive while a flush is in flight go with the next one. So batches grow with load and
latency does not. Where a connection or a lock can delay one flush and not the others (Postgres), items behind
a late flush are sent without waiting for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from enum import Enum
from typing import Final, Generic, Literal, TypeVar

from app.store.spans import batch as traced_batch
from app.store.spans import sampled, shared_task
from app.store.traces import Attributes, Span

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")

BATCH_MAX = 500  # records per call: keeps one script run well under a few ms
WAITING_MAX = 50_000  # records waiting per key; beyond it the caller is refused
LATE_S = 0.1
LATE_MAX = 2  # late flushes that others may overtake: each occupies a connection


class _Later(Enum):
    LATER = "later"


LATER: Final = _Later.LATER  # in place of a reply: its holder sets the future that `submit` returned
Later = Literal[_Later.LATER]


class CoalescerFull(Exception):
    """Too many callers are waiting."""


class Coalescer(Generic[K, T, R]):
    """Batches `submit(key, item)` into `flush(key, items)`, which replies in the order of the items.

    A reply may be an exception instance: it is raised to that caller alone, the others get their replies. Or
    LATER: that caller keeps waiting, without being woken in between.
    """

    def __init__(
        self,
        flush: Callable[[K, list[T]], Awaitable[Sequence[R | Later | Exception]]],
        batch_max: int = BATCH_MAX,
        late_max: int = 0,
        *,
        name: str = "batch",
        subjects: Callable[[T], Sequence[str]] = lambda _: (),
    ) -> None:
        """`late_max`: how many late flushes others may overtake; 0 if the others would be late too.

        In traces a flush is called `name`; what it writes about an item's `subjects` belongs to the trace of
        the item's caller.
        """
        self._flush = flush
        self._name, self._subjects = name, subjects
        self._sampled: dict[asyncio.Future[R], Span] = {}  # the traced callers among those waiting
        self._batch_max = batch_max
        self._late_max = late_max
        self._late: set[asyncio.Task[None]] = set()
        self._watches: dict[asyncio.Task[None], asyncio.TimerHandle] = {}
        self._waiting: dict[K, list[tuple[T, asyncio.Future[R]]]] = {}
        self._flushing: dict[K, asyncio.Task[None]] = {}

    def submit(self, key: K, item: T) -> asyncio.Future[R]:
        """Add an item to the next batch of `key`. Raises CoalescerFull at once when too many wait."""
        waiting = self._waiting.setdefault(key, [])
        if len(waiting) >= WAITING_MAX:
            raise CoalescerFull
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        waiting.append((item, future))
        if (caller := sampled()) is not None:
            self._sampled[future] = caller
            future.add_done_callback(self._forget)
        if key not in self._flushing:
            self._flushing[key] = shared_task(self._drain(key))
        return future

    def _forget(self, future: asyncio.Future[R]) -> None:
        self._sampled.pop(future, None)

    async def _drain(self, key: K) -> None:
        me = self._flushing[key]
        while self._flushing.get(key) is me and (waiting := self._waiting[key]):
            batch, self._waiting[key] = waiting[: self._batch_max], waiting[self._batch_max :]
            batch = [it for it in batch if not it[1].done()]  # otherwise the caller is gone
            if not batch:
                continue
            if self._late_max:
                self._watch(key, me)
            await self._send(key, batch)
            if self._late_max:
                self._watches.pop(me).cancel()
        if self._flushing.get(key) is me:
            del self._flushing[key], self._waiting[key]
        self._late.discard(me)

    def _watch(self, key: K, drain: asyncio.Task[None]) -> None:
        self._watches[drain] = drain.get_loop().call_later(LATE_S, self._leave_behind, key, drain)

    def _leave_behind(self, key: K, drain: asyncio.Task[None]) -> None:
        """Send the items waiting behind a late flush, and later ones, without it."""
        if len(self._late) >= self._late_max:
            self._watch(key, drain)
            return
        self._late.add(drain)
        self._flushing[key] = shared_task(self._drain(key))

    async def _flush_traced(
        self, key: K, batch: list[tuple[T, asyncio.Future[R]]]
    ) -> Sequence[R | Later | Exception]:
        items = [item for item, _ in batch]
        if self._sampled:
            callers = [(self._sampled[it], self._subjects(item)) for item, it in batch if it in self._sampled]
            if callers:
                size: Attributes = {"fairgate.batch.size": len(batch)}
                with traced_batch(callers, self._name, attributes=size):
                    return await self._flush(key, items)
        return await self._flush(key, items)

    async def _send(self, key: K, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        replies: Sequence[R | Later | Exception]
        try:
            replies = await self._flush_traced(key, batch)
            if len(replies) != len(batch):
                raise AssertionError(f"{len(replies)} replies to {len(batch)} items")
        except asyncio.CancelledError:
            if (me := asyncio.current_task()) is None or me.cancelling():
                raise
            replies = [RuntimeError("the flush was cancelled")] * len(batch)
        except Exception as error:  # each caller gets the error; the loop goes on with the next batch
            replies = [error] * len(batch)
        for (_, future), reply in zip(batch, replies, strict=True):
            if reply is LATER or future.done():  # done: the caller is gone
                continue
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)
