"""One process's side of reservations: what it submits, and which requests wait for which outcome.

Outcomes arrive through one Redis subscription. A message may be lost, so an outcome that has been awaited for
a second is looked up; a single sweep does that for all requests, because a timer per request would cost more
than the request.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

from app import loops
from app.core.errors import Refusal, Restoring, StoreUnavailable
from app.core.model import EventId, Reservation, RoomId
from app.core.reservations.outcomes import PENDING, outcome_in, read_outcome
from app.core.reservations.terms import NO_POLICY, Policy
from app.loops import Loops
from app.payments.gateway import Gateway
from app.payments.gateways import open_gateway
from app.reservations import holds
from app.reservations.change_limits import limits_of
from app.reservations.waiter import CHECK_EVERY_S, Answer, Waiter
from app.settings import Settings
from app.store.coalescer import LATE_MAX, Coalescer, Later
from app.store.connections import REDIS_AWAY, STORE_AWAY, Stores
from app.store.keys import CHANGE_CHANNEL, OUTCOME_CHANNEL, SUBMITTED_CHANNEL
from app.store.pubsub import listen, publish
from app.store.redis import submissions as stream
from app.store.redis.busy import BusyMarks
from app.store.scripts import stock
from app.store.scripts.stock import Change, Limits, Submission, SubmitReply
from app.store.spans import shared_task
from app.store.sql import agreed
from app.store.sql.payments import payments
from app.store.sql.payments.payments import Attempt, Bill
from app.store.sql.reservations import reservations

SWEEP_S = 0.1
POLICY_FRESH_S = 1.0
AGREED_EVERY_S = 10.0


T = TypeVar("T")


@dataclass(slots=True)
class ReservationEngine:
    """The pending reservation requests of a process; created by `open_engine`."""

    stores: Stores
    settings: Settings
    gateway: Gateway
    key: bytes  # keys the hash that makes ids; at most 64 bytes
    instance: str  # names the channel on which outcomes reach this process
    busy_marks: BusyMarks
    submissions: Coalescer[tuple[RoomId, EventId], Waiter, Answer] = field(init=False)
    counted: Coalescer[RoomId, Change, SubmitReply] = field(init=False)
    begun: Coalescer[str, Attempt, Bill | None] = field(init=False)
    paid: Coalescer[str, Attempt, bool] = field(init=False)
    read: Coalescer[str, str, Reservation | None] = field(init=False)
    as_one: bool = False  # whether all workers can read batches
    waiting: dict[str, list[Waiter]] = field(default_factory=dict)  # by reservation id
    awaited: asyncio.Event = field(default_factory=asyncio.Event)  # set while somebody may be waiting
    watching: dict[str, set[asyncio.Event]] = field(default_factory=dict)  # by reservation id
    policies: dict[EventId, tuple[float, asyncio.Task[Policy]]] = field(default_factory=dict)
    unfinished: set[asyncio.Task[Any]] = field(default_factory=set)  # see `see_through`

    def __post_init__(self) -> None:
        self.submissions = Coalescer(self._submit, name="submit reservations")
        self.counted = Coalescer(self._count, name="count changes")
        self.begun = Coalescer(self._begin, late_max=LATE_MAX, name="begin payments", subjects=_subjects)
        self.paid = Coalescer(self._sell, late_max=LATE_MAX, name="confirm reservations", subjects=_subjects)
        self.read = Coalescer(self._read, late_max=LATE_MAX, name="read reservations")

    @property
    def limits(self) -> Limits:
        """How often one visitor and one network may change reservations."""
        return limits_of(self.settings)

    async def _submit(self, key: tuple[RoomId, EventId], batch: list[Waiter]) -> Sequence[Answer | Later]:
        room_id, event_id = key
        await self.busy_marks.note(room_id)
        replies = await stock.submit(
            self.stores.redis,
            holds.keys_of(room_id),
            [it.submission for it in batch],
            event_id=event_id,
            backlog_max=self.settings.backlog_max,
            limits=self.limits,
            as_one=self.as_one,
        )
        return [it.replied(reply) for it, reply in zip(batch, replies, strict=True)]

    async def _count(self, room_id: RoomId, changes: list[Change]) -> Sequence[SubmitReply]:
        keys = holds.keys_of(room_id)
        return await stock.count_changes(self.stores.redis, keys, changes, limits=self.limits)

    async def _begin(self, _key: str, attempts: list[Attempt]) -> Sequence[Bill | None]:
        bills = await payments.begin(self.stores.postgres, attempts, skip_locked=True)
        if bills:
            paying = [it.reservation_id for it in attempts if it.payment_id in bills]
            await holds.announce(self.stores, paying)
        return [bills.pop(it.payment_id, None) for it in attempts]  # of repeats, only the first charges

    async def _sell(self, _key: str, attempts: list[Attempt]) -> Sequence[bool]:
        sold = set(await holds.sell(self.stores, [it.payment_id for it in attempts]))
        return [it.reservation_id in sold for it in attempts]

    async def _read(self, _key: str, reservation_ids: list[str]) -> Sequence[Reservation | None]:
        by_id = await reservations.fetch(self.stores.postgres, reservation_ids)
        return [by_id.get(it) for it in reservation_ids]

    def signed(self, text: str) -> str:
        """Derive an id from this text: always the same, and not derivable without our secret."""
        digest = hashlib.blake2b(text.encode(), key=self.key, digest_size=16).digest()
        return base64.urlsafe_b64encode(digest).decode()[:22]

    async def see_through(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` to its end, even if the caller disconnects."""
        task = asyncio.create_task(work)
        self.unfinished.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self.unfinished.discard(task)
        if not task.cancelled():
            task.exception()  # the caller has its answer or is gone

    def submit(self, room_id: RoomId, event_id: EventId, submission: Submission) -> Waiter:
        """Add a submission to the next batch. The caller waits for the outcome if it names our instance.

        Raises CoalescerFull.
        """
        now = time.monotonic()
        waiter = Waiter(room_id, submission, now + self.settings.reserve_wait_s, now + CHECK_EVERY_S)
        waiter.answer = self.submissions.submit((room_id, event_id), waiter)
        if submission.instance:
            self.waiting.setdefault(submission.reservation_id, []).append(waiter)
            self.awaited.set()
        return waiter

    def forget(self, waiter: Waiter) -> None:
        """Stop waiting."""
        reservation_id = waiter.submission.reservation_id
        waiters = self.waiting.get(reservation_id)
        if waiters and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self.waiting[reservation_id]

    def resolve(self, reservation_id: str, outcome: str | Refusal) -> None:
        """Deliver the outcome to every request in this process that waits for it."""
        for waiter in self.waiting.pop(reservation_id, ()):
            waiter.decided(outcome)

    async def policy_of(self, event_id: EventId) -> Policy:
        """Return the event's policy for holds, cached for a moment so that concurrent callers share one read.

        NO_POLICY if Postgres does not answer; reading the reservation will show it.
        """
        now = time.monotonic()
        read_at, reading = self.policies.get(event_id, (now, None))
        if reading is None or now - read_at > POLICY_FRESH_S:
            reading = shared_task(_policy_of(self.stores, event_id))
            self.policies[event_id] = now, reading
        return reading.result() if reading.done() else await asyncio.shield(reading)

    @contextmanager
    def changes(self, reservation_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when this reservation changes."""
        event = asyncio.Event()
        self.watching.setdefault(reservation_id, set()).add(event)
        try:
            yield event
        finally:
            self.watching[reservation_id].discard(event)
            if not self.watching[reservation_id]:
                del self.watching[reservation_id]


def _subjects(attempt: Attempt) -> tuple[str, str]:
    return attempt.reservation_id, attempt.payment_id


@asynccontextmanager
async def open_engine(
    stores: Stores, settings: Settings, running: Loops | None = None, busy_marks: BusyMarks | None = None
) -> AsyncIterator[ReservationEngine]:
    """Open the reservation engine of this process; `busy_marks` are shared with its queues.

    Raises ValueError without a secret.
    """
    secret = settings.secret.get_secret_value().encode()
    if not secret:
        raise ValueError("reservations need FAIRGATE_SECRET")
    key = hmac.digest(secret, b"fairgate reservation id", "sha256")
    async with open_gateway(settings, stores) as gateway:
        running, busy_marks = running or Loops(), busy_marks or BusyMarks(stores.redis)
        engine = ReservationEngine(stores, settings, gateway, key, secrets.token_urlsafe(9), busy_marks)
        tasks = [
            running.start("outcome_listener", partial(_listen, engine)),
            running.start("outcome_sweep", partial(_sweep, engine)),
            running.start("agree", partial(_agree, engine)),
        ]
        try:
            yield engine
        finally:
            await loops.end(tasks)
            for reservation_id in list(engine.waiting):
                stopping = StoreUnavailable("The server is stopping; send the same request again.")
                engine.resolve(reservation_id, stopping)


async def _policy_of(stores: Stores, event_id: EventId) -> Policy:
    try:
        return await reservations.policy_of(stores.postgres, event_id)
    except STORE_AWAY:
        return NO_POLICY


async def _agree(engine: ReservationEngine) -> None:
    """Submit in batches as soon as all workers can read them: at once, unless an upgrade is under way."""
    while not engine.as_one:
        with suppress(*STORE_AWAY):
            engine.as_one = await agreed.is_agreed(engine.stores.postgres, agreed.BATCHES)
        if not engine.as_one:
            await asyncio.sleep(AGREED_EVERY_S)


async def _listen(engine: ReservationEngine) -> None:
    """Receive outcomes and changes; while Redis is unavailable, `_sweep` looks them up."""
    own = OUTCOME_CHANNEL + engine.instance
    while True:
        with suppress(*REDIS_AWAY):
            async for channel, message in listen(engine.stores.redis, own, CHANGE_CHANNEL):
                if channel == own:
                    for line in message.split("\n"):
                        reservation_id, _, outcome = line.partition("|")
                        engine.resolve(reservation_id, outcome)
                elif engine.watching:
                    for reservation_id in message.split("\n"):
                        for event in engine.watching.get(reservation_id, ()):
                            event.set()
        await asyncio.sleep(SWEEP_S)


async def _sweep(engine: ReservationEngine) -> None:
    """Answer requests whose time is up, and look up outcomes that did not arrive."""
    while True:
        if not engine.waiting:
            engine.awaited.clear()
            await engine.awaited.wait()
        await asyncio.sleep(SWEEP_S)
        overdue: dict[RoomId, set[str]] = {}
        now = time.monotonic()
        for waiter in [it for waiters in engine.waiting.values() for it in waiters]:
            if waiter.deadline <= now:
                engine.forget(waiter)
                if not waiter.answer.done():
                    waiter.answer.set_result(
                        StoreUnavailable("Not decided yet; send the same request again for the outcome.")
                    )
            elif waiter.word and waiter.next_check_at <= now:
                waiter.next_check_at = now + waiter.check_every_s
                overdue.setdefault(waiter.room_id, set()).add(waiter.submission.reservation_id)
        with suppress(*STORE_AWAY):
            await loops.each(
                "outcome_sweep",
                overdue.items(),
                lambda it: _look_up(engine, it[0], list(it[1])),
                key=itemgetter(0),
            )


async def _look_up(engine: ReservationEngine, room_id: RoomId, reservation_ids: list[str]) -> None:
    outcomes = await stream.outcomes(engine.stores.redis, holds.keys_of(room_id), reservation_ids)
    for reservation_id, known in outcomes.items():
        if known is None:  # the submission was lost with Redis
            engine.resolve(reservation_id, Restoring())
            continue
        outcome = outcome_in(known)
        if read_outcome(outcome).word != PENDING:
            engine.resolve(reservation_id, outcome)
        else:  # the message that wakes the workers may have been lost
            await publish(engine.stores.redis, SUBMITTED_CHANNEL + room_id, "")
