"""One worker's processing of one room's reservations, while there are any.

A batch that a store interrupts is repeated, as often as necessary. If a batch fails for another reason, the
cause is in it: after three tries it is taken apart, its submissions are processed one by one, and the bad one
is given up: answered, and set aside with the reason. Redis counts the tries, so they count even if each ends
with the death of a worker.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from operator import attrgetter

import structlog

from app import loops
from app.core.model import RoomId
from app.reservations import batches, holds
from app.store.connections import STORE_AWAY
from app.store.keys import SUBMITTED_CHANNEL
from app.store.pubsub import publish
from app.store.redis import submissions
from app.store.redis.backlogs import backlog
from app.store.redis.submissions import BATCH_MAX, Message, batches_of
from app.store.scripts import leases
from app.store.scripts.leases import Bid
from app.store.scripts.stock import GROUP, WHOLE, RoomNotReady, take_apart
from app.store.spans import continued
from app.store.sql.reservations.reservations import Superseded
from app.store.traces import Attributes
from worker.context import WorkerContext
from worker.timing import Backoff, pause

log = structlog.get_logger(__name__)

LINGER_S = 2.0  # how long an idle lane stays
TAKE_OVER_S = 0.5
IDLE_MS = 2_000  # until an idle batch is taken over; less would duplicate work, more would stall
LEASE_MS = 1_000  # a worker that has not renewed its lease for this long may have died
TRIES = 3  # of a whole batch, and of a single submission whose workers die

TROUBLE: tuple[type[Exception], ...] = (*STORE_AWAY, RoomNotReady, Superseded)


class Lane:
    """Processes batch after batch; submissions that arrive meanwhile enlarge the next one.

    It keeps reading until it learns that another worker has the room's lease: a request never waits for that.
    With `lease_first`, because another worker had it a moment ago, the lane first asks for it. `bid` returns
    its bid.
    """

    def __init__(
        self, ctx: WorkerContext, room_id: RoomId, bid: Callable[[Lane], Bid], *, lease_first: bool = False
    ) -> None:
        self._ctx = ctx
        self._room_id = room_id
        self._bid = bid
        self._lease_first = lease_first
        self._keys = holds.keys_of(room_id)
        self._span_attributes: Attributes = {
            "messaging.system": "redis",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": self._keys.submissions,
            "messaging.consumer.group.name": GROUP,
            "fairgate.room_id": room_id,
        }
        self._woken = asyncio.Event()
        self._behind = True  # there may be submissions we have read but not settled
        self._next: list[Message] = []  # read while settling the previous batch
        self._interrupted = False  # by a store, so the batch is not the cause
        self._worked_at = time.monotonic()
        self._took_over_at = 0.0
        self.leads = False  # whether this worker has the lease
        self.elsewhere_until = 0.0  # another worker has it until then

    def wake(self) -> None:
        """Wake the lane: there is something in the stream, or the worker is stopping."""
        self._woken.set()

    async def run(self) -> None:
        """Work until the stream stays empty, or the worker stops; then finish the current batch."""
        backoff = Backoff()
        while self._next or not (self._ctx.stopping.is_set() or self._may_leave()):
            self._woken.clear()
            try:
                if not await self.step() and await self._is_finished():
                    return
                backoff.reset()
            except TROUBLE as error:
                if backoff.first:
                    log.warning("reservations wait", room_id=self._room_id, why=repr(error))
                await self._retry(backoff, interrupted=True)
            except Exception as error:  # whatever the error, this batch causes it, or it will recur
                loops.failed("drain_room", self._room_id, error)
                await self._retry(backoff, interrupted=False)
        with suppress(*TROUBLE):
            if not self._behind:  # else the batch stays pending, and another worker takes it over
                await submissions.leave_group(self._ctx.stores.redis, self._keys, self._ctx.worker_id)
            await self._hand_over()

    async def _hand_over(self) -> None:
        """Notify the other workers of what is left. Nobody else does while the stream is not empty."""
        redis = self._ctx.stores.redis
        if self.leads:
            await leases.end_lease(redis, self._keys, self._ctx.worker_id)
        elif await backlog(redis, self._keys):
            await publish(redis, SUBMITTED_CHANNEL + self._room_id, "")

    def _may_leave(self) -> bool:
        """Whether another worker has the room, and nothing of ours is pending."""
        return not self._behind and time.monotonic() < self.elsewhere_until

    async def step(self) -> bool:
        """Process a batch: interrupted or taken over ones first, then new ones. Returns False if there is
        none."""
        redis, consumer = self._ctx.stores.redis, self._ctx.worker_id
        if self._lease_first:
            await self._take_over()
            self._lease_first = False
            if not self.leads:
                self._behind = False  # the lane before this one left nothing
                return False
        messages, self._next = self._next, []
        own = await submissions.read_own(redis, self._keys, consumer) if self._behind else []
        if self._behind or not messages:
            messages = own or await self._read_new()
        if messages:
            structlog.contextvars.bind_contextvars(batch=messages[0].message_id)
            if own and not self._interrupted and await self._is_bad():
                await self._take_apart(messages)
            else:
                for part in _parts(messages):
                    await self._process(part, last=part[-1] is messages[-1])
            self._worked_at = time.monotonic()
        await self._take_over()
        return bool(messages)

    async def _read_new(self) -> list[Message]:
        """Read new submissions, once everything read before is done."""
        self._behind = self._interrupted = False
        return await submissions.read_new(self._ctx.stores.redis, self._keys, self._ctx.worker_id)

    async def _process(self, messages: Sequence[Message], *, last: bool = False) -> None:
        sampled = [(it.traceparent, (it.reservation_id,)) for it in messages if it.traceparent]
        attributes = {**self._span_attributes, "messaging.batch.message_count": len(messages)}
        with continued(self._ctx.stores.tracer, sampled, "process submissions", "consumer", attributes):
            await self._record(messages, last=last)

    async def _record(self, messages: Sequence[Message], *, last: bool) -> None:
        stores, room_id = self._ctx.stores, self._room_id
        readable = await self._readable(messages)
        if not readable:
            return
        leaving = self._ctx.stopping.is_set() or self._may_leave()
        reader = self._ctx.worker_id if last and not self._behind and not leaving else ""
        try:
            batch = await batches.decide(stores, room_id, readable)
            self._next = await batches.record(stores, batch, reader)
        except Superseded:  # restored since it was submitted: its grant is void
            batch = await batches.decide(stores, room_id, readable, again=True)
            self._next = await batches.record(stores, batch, reader)

    async def _readable(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages to process now.

        Leaves out unreadable ones: their batches are taken apart, to be read again; single ones are given up.
        """
        unreadable = [it for it in messages if not it.reservation_id]
        if batch_ids := batches_of(unreadable):
            await take_apart(self._ctx.stores.redis, self._keys, batch_ids)
        apart = {WHOLE + it for it in batch_ids}
        for message in unreadable:
            if message.message_id not in apart:
                await batches.give_up(self._ctx.stores, self._room_id, message, "it cannot be read")
        return [it for it in messages if it.reservation_id and it.message_id not in apart]

    async def _is_bad(self) -> bool:
        tried = await submissions.deliveries(self._ctx.stores.redis, self._keys, self._ctx.worker_id)
        return tried > TRIES

    async def _take_apart(self, messages: Sequence[Message]) -> None:
        """Take batches apart, to be read again; if there are none, process each submission alone."""
        if batch_ids := batches_of(messages):
            await take_apart(self._ctx.stores.redis, self._keys, batch_ids)
        else:
            await self._one_by_one(messages)

    async def _one_by_one(self, messages: Sequence[Message]) -> None:
        """Process each submission alone, and give up those that fail."""
        redis = self._ctx.stores.redis
        for message in messages:
            try:
                if await submissions.begin_alone(redis, self._keys, message) > TRIES:
                    raise WorkersDied("every worker that processed it died")
                await self._process([message])
            except TROUBLE:
                await submissions.end_alone(redis, self._keys, message)
                raise
            except Exception as error:  # whatever the error, this submission causes it
                what = {"room_id": self._room_id, "reservation_id": message.reservation_id}
                log.error("a reservation request failed for good and was set aside", **what, why=repr(error))
                await batches.give_up(self._ctx.stores, self._room_id, message, error)
            await submissions.end_alone(redis, self._keys, message)

    async def _retry(self, backoff: Backoff, *, interrupted: bool) -> None:
        self._behind, self._interrupted = True, interrupted
        await pause(self._ctx.stopping, backoff.next())

    async def _take_over(self) -> None:
        """Twice a second, renew the lease of the room, and take over what other workers left."""
        if time.monotonic() - self._took_over_at < TAKE_OVER_S:
            return
        self._took_over_at = time.monotonic()
        redis, consumer = self._ctx.stores.redis, self._ctx.worker_id
        left_ms = await leases.lease(redis, self._keys, consumer, self._bid(self), lease_ms=LEASE_MS)
        self.leads, self.elsewhere_until = left_ms == 0, time.monotonic() + left_ms / 1000
        if self.leads and await submissions.take_over(redis, self._keys, consumer, IDLE_MS):
            self._behind, self._interrupted = True, False

    async def _is_finished(self) -> bool:
        """Whether nothing is left to do. If something may still arrive, wait for it for a moment."""
        redis = self._ctx.stores.redis
        if self._may_leave():
            return False
        if not self._behind and time.monotonic() - self._worked_at >= LINGER_S:
            if not await backlog(redis, self._keys):
                await submissions.leave_group(redis, self._keys, self._ctx.worker_id)
                return not self._woken.is_set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), 0 if self._behind else TAKE_OVER_S)
        return False


def _parts(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """Split messages into parts to process together: whole entries, with at most `BATCH_MAX` submissions per
    part if possible."""
    part: list[Message] = []
    for _, entry in groupby(messages, attrgetter("message_id")):
        of_entry = list(entry)
        if part and len(part) + len(of_entry) > BATCH_MAX:
            yield part
            part = []
        part += of_entry
    yield part


class WorkersDied(Exception):
    """Every worker that processed a submission died."""
