"""A whole sale twice: the models, and the real operations on a real Valkey and Postgres at a pinned time.

An operation may be killed between any two store calls; then the model must agree after one of its own steps.
After a loss of Redis the queue is what visitors bring back: the model adopts it from the engine, and
`invariants.returning` defines what is allowed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.core.model import EventId, RoomId
from app.reservations import batches, holds
from app.restoring import room as rebuild
from app.store.redis import submissions
from app.store.redis.submissions import Message
from app.store.scripts import stock
from app.store.scripts.stock import RoomNotReady, Submission
from app.store.sql.payments import payments
from app.store.sql.payments.payments import Attempt
from app.store.sql.reservations import hold_endings
from app.store.sql.reservations.reservations import Superseded
from load.judging.books import Books, read_books
from load.judging.verdict import lost, oversold, stranded
from tests.simulation import sale_checks
from tests.simulation.pinned import PinnedStores
from tests.simulation.reservations import DecidedBatch, Wish
from tests.simulation.sale_model import SaleModel
from tests.simulation.steps import BUYERS, UNBATCHED
from tests.simulation.watch import Mismatch, Watch

ROOM, EVENT = RoomId("room"), EventId("event")
MAX_TICKETS, HOLD_TTL_S, BACKLOG_MAX = 4, 30, 100
SUBMIT = partial(stock.submit, event_id=EVENT, backlog_max=BACKLOG_MAX)
CODE, CODE_USERS, USES_MAX = "ONCE", BUYERS[2:], 1  # a code that some of them use
EXPECTED_ERRORS = (RoomNotReady, Superseded)
ANOTHER_RUN = "0" * 40
NUMBERS_KNOWN = "SELECT numbers_reserved FROM rooms"


@dataclass
class WorkerState:
    """What a worker holds in memory, on both sides. It may be long out of date."""

    messages: list[Message]
    expected: list[tuple[int, Wish]]
    batch: batches.Batch | None = None
    decided: DecidedBatch | None = None
    outdated: bool = False  # the grants are void, as the room was restored since


class SaleWorld:
    """The reservation half; the queue in front of it is `QueueWorld`."""

    def __init__(self, pinned: PinnedStores, model: SaleModel, watch: Watch) -> None:
        self.pinned = pinned
        self.stores = pinned.stores
        self.model = model
        self.watch = watch
        self.keys = holds.keys_of(ROOM)
        self.sessions: dict[str, int] = {}  # visitor -> the session end they were given
        self.workers: dict[str, WorkerState] = {}
        self.message_numbers: dict[str, int] = {}  # message id -> number of the message in the model
        self.attempts: dict[str, str] = {}  # reservation_id -> the payment started last
        self.saved: tuple[dict[str, tuple[int, bytes]], dict[str, Any], dict[str, Any]] = ({}, {}, {})
        self.bodies: dict[tuple[str, str], tuple[tuple[str, int], ...]] = {}
        self.restarted = False
        self.returned: dict[str, str] = {}  # reservation_id -> the outcome that was returned to a caller

    # reserving ----------------------------------------------------------------------------------------
    async def reserve(self, visitor: str, key: str, *items: tuple[str, int]) -> None:
        if self.restarted:  # a server that forgot a key cannot tell which of two bodies was the first
            items = self.bodies.get((visitor, key), items)
        wish = Wish(f"{visitor}-{key}", visitor, items, CODE if key == "b" and visitor in CODE_USERS else "")
        text = ",".join(f"{kind}:{count}" for kind, count in items) + (f"!{wish.code}" if wish.code else "")
        session_ms = self.sessions.get(visitor, 1_000)
        submission = Submission(wish.reservation_id, visitor, session_ms, text, "", text)
        answers = await SUBMIT(self.stores.redis, self.keys, [submission], as_one=visitor not in UNBATCHED)
        expected = self.model.submit(wish, session_ms)
        if answers[0].word != expected:
            raise Mismatch("answer", [f"{wish}: model {expected}, engine {answers[0]}"])
        if expected == "queued":
            self.bodies[visitor, key] = items

    async def read(self, worker: str) -> None:
        await submissions.open_groups(self.stores.redis, self.keys)
        expected = self.model.read(worker, "")
        if not expected:
            return  # there is no reservation, and waiting for one takes time
        messages = await submissions.read_new(self.stores.redis, self.keys, worker)
        for message, (number, _) in zip(messages, expected, strict=False):
            self.message_numbers[message.message_id] = number
        self._check_read(worker, messages, expected)

    async def read_own(self, worker: str) -> None:
        await submissions.open_groups(self.stores.redis, self.keys)
        messages = await submissions.read_own(self.stores.redis, self.keys, worker)
        self._check_read(worker, messages, self.model.read(worker, worker))

    def _check_read(self, worker: str, messages: list[Message], expected: list[tuple[int, Wish]]) -> None:
        got = [self.message_numbers.get(it.message_id) for it in messages]
        if got != [number for number, _ in expected]:
            raise Mismatch("read", [f"{worker} reads: model {expected}, engine {messages}"])
        self.workers[worker] = WorkerState(messages, expected)

    async def take_over(self, worker: str) -> None:
        await submissions.take_over(self.stores.redis, self.keys, worker, 0)
        self.model.take_over(worker)

    async def decide(self, worker: str) -> None:
        state = self.workers.get(worker)
        if state is None or not state.messages:
            return
        try:
            state.batch = await batches.decide(self.stores, ROOM, state.messages, again=state.outdated)
        except RoomNotReady:
            state.batch = None
        state.decided = self.model.decide(state.expected, again=state.outdated)
        if (state.batch is None) != (state.decided is None):
            raise Mismatch("answer", [f"decide: model {state.decided}, engine {state.batch}"])

    async def record(self, worker: str, calls: int | None = None) -> None:
        state = self.workers.get(worker)
        if state is not None and state.batch is not None and state.decided is not None:
            state.outdated = state.decided.epoch != self.model.epoch
            recording = batches.record(self.stores, state.batch)
            await self.run_both(recording, self.model.record(state.decided), calls)

    async def drain(self) -> None:
        """An ideal worker: everything at once."""
        for step in (self.read, self.decide, self.record, self.decide, self.record):
            await step("w0")

    # ending -------------------------------------------------------------------------------------------
    async def pay(self, visitor: str, key: str) -> None:
        reservation_id = f"{visitor}-{key}"
        row = self.model.rows.get(reservation_id)
        payment_id = f"{reservation_id}-{len(self.attempts)}-{self.watch.now_ms}"
        attempt = Attempt(payment_id, reservation_id, "print", "card", "tok")
        taken = row is not None and row.status == "held" and row.expires_ms > self.watch.now_ms
        bill = (await payments.begin(self.stores.postgres, [attempt])).get(payment_id)
        if (bill is not None) != taken:
            raise Mismatch("answer", [f"pay {reservation_id}: model {row}, engine {bill}"])
        if taken:
            self.attempts[reservation_id] = payment_id
            self.model.set_status(reservation_id, "paying")

    async def paid(self, visitor: str, key: str, calls: int | None) -> None:
        reservation_id = f"{visitor}-{key}"
        ids = [reservation_id] if self._status(reservation_id) == "paying" else []
        attempt = self.attempts.get(reservation_id, "none")
        await self.run_both(holds.sell(self.stores, [attempt]), self.model.end(ids, "confirmed"), calls)

    async def declined(self, visitor: str, key: str) -> None:
        reservation_id = f"{visitor}-{key}"
        await payments.give_up(self.stores.postgres, self.attempts.get(reservation_id, "none"), "declined")
        if self._status(reservation_id) == "paying":
            self.model.set_status(reservation_id, "held")

    async def paid_late(self, visitor: str, key: str, calls: int | None) -> None:
        reservation_id = f"{visitor}-{key}"
        attempt = self.attempts.get(reservation_id, "none")

        async def end() -> None:
            if not await holds.sell_late(self.stores, attempt):
                ended = await hold_endings.expire_late(self.stores.postgres, attempt)
                await holds.update_redis(self.stores, ended)

        ids = [reservation_id] if self._status(reservation_id) == "paying" else []
        await self.run_both(end(), self.model.paid_late(ids), calls)

    async def cancel(self, visitor: str, key: str, calls: int | None) -> None:
        reservation_id = f"{visitor}-{key}"

        async def end() -> None:
            ended = await hold_endings.cancel(self.stores.postgres, reservation_id)
            await holds.update_redis(self.stores, ended)

        ids = [reservation_id] if self._status(reservation_id) in ("held", "confirmed") else []
        await self.run_both(end(), self.model.end(ids, "cancelled"), calls)

    async def expire(self, calls: int | None) -> None:
        await self.run_both(holds.expire_due(self.stores), self.model.expire(), calls)

    async def repair(self, calls: int | None) -> None:
        await self.run_both(holds.repair(self.stores, older_than_s=-1), self.model.repair(), calls)

    async def totals(self, kind: str, total: int, calls: int | None) -> None:
        """Staff change the number of tickets, never below what is held and sold."""

        async def change() -> None:
            await self.stores.postgres.execute(
                "UPDATE ticket_types SET total = $1 WHERE ticket_type_id = $2 AND held + sold <= $1",
                *(total, kind),
            )
            await holds.load_totals(self.stores, ROOM, EVENT)

        await self.run_both(change(), self.model.change_total(kind, total), calls)

    # Redis lost ---------------------------------------------------------------------------------------
    async def wipe(self) -> None:
        await self.pinned.plain.redis.flushall()
        self.saved = ({}, {}, {})  # including its disk
        self.model.wipe()
        self._forget_refusals()

    async def save(self) -> None:
        """What the server will still have if it is restarted later."""
        self.saved = (await self.pinned.dump(), self.model.in_redis(), deepcopy(vars(self.watch.model)))

    async def restart(self) -> None:
        """The server comes back with what was saved, without anything that happened since."""
        dump, sale, room = self.saved
        self.restarted = True
        await self.pinned.load(dump)
        await self.pinned.plain.redis.hset(self.keys.conf, "run_id", ANOTHER_RUN)
        self.model.restart(sale)
        vars(self.watch.model).update(deepcopy(room) | {"given_back": self.watch.model.given_back})
        self._forget_refusals()

    def _forget_refusals(self) -> None:
        """Only answers of 201 are promised to survive."""
        self.returned = {it: word for it, word in self.returned.items() if word == "held"}

    async def rebuild(self, calls: int | None) -> bool:
        """Restore the room; if killed halfway it is done again later. True: it was not whole, and now is."""
        whole_before = self.model.redis == "whole"
        with self.pinned.dies_after(calls):
            await rebuild.rebuild_room(self.stores, ROOM)
        redis: Any = self.pinned.plain.redis
        self.model.epoch = await self.pinned.plain.postgres.fetchval("SELECT epoch FROM rooms")
        conf = await redis.hgetall(self.keys.conf)
        if whole_before or not conf or conf["run_id"] == ANOTHER_RUN:
            return False
        self.model.redis = "restoring"
        if conf["restoring"] == "1":
            return False
        self.model.restore()
        await self.watch.take_over()
        room = self.model.room
        room.restore_until_ms, room.reopens = int(conf["restore_until_ms"]), conf["opens_at_ms"] == "1"
        room.opened = room.opened and not room.reopens
        return True

    # comparing ----------------------------------------------------------------------------------------
    async def run_both(self, operation: Awaitable[Any], expected: Iterator[None], calls: int | None) -> None:
        """Run an operation, killed after this many calls; the model follows as far as the engine got."""
        with self.pinned.dies_after(calls) as fuse:
            try:
                await operation
            except EXPECTED_ERRORS:
                pass
        if not fuse.blown:
            for _ in expected:
                pass
            return
        while differences := await self.differences():
            try:
                next(expected)
            except StopIteration:
                raise Mismatch("killed", differences) from None

    async def differences(self) -> list[str]:
        """The differences between the two sides."""
        return await self._compare(await read_books(self.pinned.plain, ROOM, EVENT))

    async def _compare(self, books: Books) -> list[str]:
        in_redis = await sale_checks.read_details(self.pinned.plain.redis, self.keys)
        return sale_checks.compare(self.model, books, in_redis)

    async def check(self) -> None:
        """Compare the books. Raises Mismatch."""
        books = await read_books(self.pinned.plain, ROOM, EVENT, self.promised)
        if differences := await self._compare(books):
            raise Mismatch("state", differences)
        lists = (oversold, lost, stranded) if self.model.redis == "whole" else (oversold,)
        for found in lists:
            if wrong := list(found(books)):
                raise Mismatch(found.__name__, wrong)
        if self.model.redis == "whole":
            sale_checks.check_outcomes(self.model, self.returned)

    async def check_room(self) -> None:
        """Compare the room, while it is whole in Redis. Raises Mismatch."""
        if self.model.redis == "whole":
            self.model.report_to_room()
            await self.watch.check(await self.pinned.plain.postgres.fetchval(NUMBERS_KNOWN))

    @property
    def promised(self) -> list[str]:
        """Reservations that were promised to somebody."""
        return [it for it, word in self.returned.items() if word == "held"]

    def _status(self, reservation_id: str) -> str:
        row = self.model.rows.get(reservation_id)
        return row.status if row else ""
