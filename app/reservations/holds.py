"""The life of a hold between the two stores: decided in Redis, written to Postgres, answered, released.

Each function may be cut off at any line and run again: every step is keyed by the reservation id.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from app import metrics
from app.core.clock import now_ms
from app.core.model import EventId, Reservation, RoomId
from app.core.outcomes import held_outcome, refused_outcome
from app.core.terms import seats_of, terms_of
from app.restoring.stock import load_seats
from app.set_aside import failures
from app.store.connections import REDIS_AWAY, STORE_AWAY, Stores
from app.store.keys import DAY_MS, RoomKeys
from app.store.redis import seat_rows, submissions
from app.store.redis.submissions import Message
from app.store.scripts import stock
from app.store.scripts.stock import Decision, Request, RoomNotReady, Settlement
from app.store.sql import balances, hold_endings, payments, reservations, seats
from app.store.sql.hold_endings import CONFIRMED, ENDED, Ended
from app.store.sql.payments import Sold
from app.store.sql.reservations import NewHold, Origin

log = structlog.get_logger(__name__)

ANNOUNCE_TIMEOUT_S = 0.5  # a stalled Redis must not delay a payment
TELL_LATER: tuple[type[Exception], ...] = (*STORE_AWAY, RoomNotReady)


@dataclass(frozen=True, slots=True)
class Batch:
    """Submissions of one room as Redis has decided them, not yet in Postgres."""

    room_id: RoomId
    epoch: int
    event_id: str
    decided: list[tuple[Message, Decision]]


def keys_of(room_id: RoomId) -> RoomKeys:
    """The room's keys, with the outcomes of today."""
    return RoomKeys(room_id, now_ms() // DAY_MS)


async def decide(stores: Stores, room_id: RoomId, messages: Sequence[Message]) -> Batch:
    """Take stock and allowance for a batch. Raises RoomNotReady, in which case nothing was taken."""
    requests = [Request(it.reservation_id, it.visitor_id, it.items) for it in messages]
    allocation = await stock.allocate(stores.redis, keys_of(room_id), requests)
    decided = list(zip(messages, allocation.decisions, strict=True))
    return Batch(room_id, allocation.epoch, allocation.event_id, decided)


async def record(stores: Stores, batch: Batch) -> None:
    """Write the batch to Postgres, then publish the outcomes: no promise before the commit."""
    origin = Origin(batch.room_id, batch.epoch, batch.event_id)
    holds = {
        message.reservation_id: NewHold(
            message.reservation_id, message.visitor_id, message.fingerprint, decision.terms
        )
        for message, decision in batch.decided
        if decision.word in ("held", "known")
    }
    written, refused = await write(stores, origin, list(holds.values()))
    outcomes = {it: held_outcome(decision.terms) for it, decision in _decisions(batch) if it in written}
    outcomes |= await _correct(stores, batch, refused)
    there_before = holds.keys() - written - refused
    if there_before:
        outcomes |= await _repeat(stores, batch, there_before)
    await stock.settle(
        stores.redis,
        keys_of(batch.room_id),
        [
            Settlement(
                message.message_id,
                message.reservation_id,
                message.fingerprint,
                message.instance,
                outcomes.get(message.reservation_id) or _outcome(message, decision),
            )
            for message, decision in batch.decided
        ],
    )


def _decisions(batch: Batch) -> Iterable[tuple[str, Decision]]:
    return ((message.reservation_id, decision) for message, decision in batch.decided)


def _outcome(message: Message, decision: Decision) -> str:
    """The outcome of a submission that took no tickets; "" if nobody waits for it."""
    if decision.word == "forgotten":
        return ""
    if decision.word == "settled":
        return decision.terms
    return refused_outcome(decision.word, message.visitor_id, decision.terms)


async def write(stores: Stores, origin: Origin, holds: list[NewHold]) -> tuple[set[str], set[str]]:
    """Insert; if Postgres refuses, find the refused rows by halving: (written, refused).

    Raises Superseded.
    """
    if not holds:
        return set(), set()
    try:
        return await reservations.insert_holds(stores.postgres, origin, holds), set()
    except reservations.Refused:
        if len(holds) == 1:
            return set(), {holds[0].reservation_id}
    half = len(holds) // 2
    first = await write(stores, origin, holds[:half])
    second = await write(stores, origin, holds[half:])
    return first[0] | second[0], first[1] | second[1]


async def _correct(stores: Stores, batch: Batch, refused: set[str]) -> dict[str, str]:
    """Postgres has fewer tickets than Redis thought: release them in Redis, and load the totals again.

    Seats that it says are taken are marked as taken, or they would be offered again and again.
    """
    if not refused:
        return {}
    await stock.release(stores.redis, keys_of(batch.room_id), refused)
    await load_totals(stores, batch.room_id, EventId(batch.event_id))
    wanted = {
        message.reservation_id: (message.visitor_id, seats_of(decision.terms))
        for message, decision in batch.decided
        if message.reservation_id in refused
    }
    named = [seat for _, theirs in wanted.values() for seat in theirs]
    taken = await seats.taken(stores.postgres, batch.event_id, named) if named else {}
    if taken:
        await stock.block_seats(stores.redis, keys_of(batch.room_id), taken.items())
    return {it: _refused(visitor_id, theirs, taken) for it, (visitor_id, theirs) in wanted.items()}


def _refused(visitor_id: str, wanted: Sequence[str], taken: Mapping[str, str]) -> str:
    """The outcome of a hold that Postgres refused: the seats it names as taken, or the tickets."""
    if not wanted:
        return refused_outcome("sold_out", visitor_id)
    seats = [it for it in wanted if it in taken] or wanted
    return refused_outcome("seat_taken", visitor_id, "+".join(seats))


async def _repeat(stores: Stores, batch: Batch, there_before: set[str]) -> dict[str, str]:
    """Existing rows keep their outcome; what Redis took for them again is released or confirmed."""
    rows = await reservations.fetch(stores.postgres, list(there_before))
    prints = await reservations.fingerprints(stores.postgres, list(there_before))
    outcomes: dict[str, str] = {}
    for message, _ in batch.decided:
        row = rows.get(message.reservation_id)
        if row is not None:
            same = prints[row.reservation_id] == message.fingerprint
            outcomes[row.reservation_id] = outcome_of(row) if same else f"reused|{row.visitor_id}"
    # Also those that Redis knew: a worker that took tickets for them again may have been killed right here.
    await update_redis(stores, [Ended(it.reservation_id, batch.room_id, it.status) for it in rows.values()])
    return outcomes


def outcome_of(row: Reservation) -> str:
    """The outcome that a reservation was answered with when it was made."""
    return held_outcome(terms_of(row))


async def give_up(stores: Stores, room_id: RoomId, message: Message, why: Exception | str) -> None:
    """Give up a submission that cannot be processed: set it aside with the reason, answer it, release what it
    took.

    If it was committed before it failed, the buyer is told of the hold they have.
    """
    subject = message.reservation_id or message.message_id
    await failures.keep(
        stores, "reservation", f"{room_id} {subject}", why, content=message.items, room_id=room_id
    )
    metrics.reserved("failed")
    try:
        await _answer_given_up(stores, room_id, message)
    except TELL_LATER:
        raise
    except Exception:  # whatever it is: this submission must not hold up the others
        log.exception("a reservation request was dropped", room_id=room_id, reservation_id=subject)
        await submissions.drop(stores.redis, keys_of(room_id), message)


async def _answer_given_up(stores: Stores, room_id: RoomId, message: Message) -> None:
    keys, outcome = keys_of(room_id), ""
    if message.reservation_id:
        row = await reservations.fetch_one(stores.postgres, message.reservation_id)
        if row is None:
            await stock.release(stores.redis, keys, [message.reservation_id])
        outcome = refused_outcome("failed", message.visitor_id) if row is None else outcome_of(row)
    of = message.message_id, message.reservation_id, message.fingerprint, message.instance
    await stock.settle(stores.redis, keys, [Settlement(*of, outcome)])


async def load_totals(stores: Stores, room_id: RoomId, event_id: EventId) -> None:
    """Bring Redis' totals and prices in line with Postgres, and the seats it has not. Raises RoomNotReady."""
    keys = keys_of(room_id)
    ticket_types = await balances.ticket_types(stores.postgres, event_id)
    seated = [it.ticket_type_id for it in ticket_types if it.seated]
    missing = await seat_rows.missing_types(stores.redis, keys, seated)
    if missing:
        rows = await seats.select_rows(stores.postgres, event_id, missing)
        await load_seats(stores.redis, keys, rows)
    await stock.load_stock(stores.redis, keys, ticket_types)


async def expire_due(stores: Stores) -> int:
    """End expired holds and release their tickets; how many."""
    ended = await hold_endings.expire_due(stores.postgres)
    metrics.reserved("expired", len(ended))
    await update_redis(stores, ended)
    return len(ended)


async def sell(stores: Stores, payment_ids: Sequence[str]) -> list[str]:
    """Confirm the reservations these attempts paid for in time; the ids of those confirmed by this call."""
    sold = await payments.confirm(stores.postgres, payment_ids)
    await publish_sold(stores, sold)
    return [it.reservation_id for it in sold]


async def sell_late(stores: Stores, payment_id: str) -> bool:
    """Confirm what was paid for after its hold was over, if tickets are left; whether it was."""
    sold = await payments.confirm_late(stores.postgres, payment_id)
    await publish_sold(stores, sold)
    return bool(sold)


async def publish_sold(stores: Stores, sold: Sequence[Sold]) -> None:
    """Do what follows once Postgres has confirmed these."""
    metrics.reserved("confirmed", len(sold))
    await update_redis(stores, [Ended(*it, "confirmed") for it in sold])


async def update_redis(stores: Stores, changed: Iterable[Ended]) -> None:
    """Update Redis with what Postgres decided. If that fails now, `repair` does it later."""
    by_room = itertools.groupby(
        sorted((it for it in changed if it.status in (*ENDED, *CONFIRMED)), key=_room_and_status),
        key=_room_and_status,
    )
    for (room_id, status), group in by_room:
        ids = [it.reservation_id for it in group]
        try:
            if status in CONFIRMED:
                await stock.confirm(stores.redis, keys_of(room_id), ids)
            else:  # a sale does not expire: where Redis knows of one, Postgres has lost it
                await stock.release(stores.redis, keys_of(room_id), ids, also_sold=status == "cancelled")
            kind = CONFIRMED if status in CONFIRMED else ENDED
            await hold_endings.mark_released(stores.postgres, ids, kind)
        except TELL_LATER:
            continue


def _room_and_status(it: Ended) -> tuple[RoomId, str]:
    return it.room_id, it.status


async def announce(stores: Stores, reservation_ids: Iterable[str]) -> None:
    """Notify watchers of these reservations. Without Redis they poll after a while."""
    with suppress(*REDIS_AWAY):
        async with asyncio.timeout(ANNOUNCE_TIMEOUT_S):
            await submissions.announce(stores.redis, reservation_ids)


async def repair(stores: Stores, older_than_s: float = 2.0) -> int:
    """Update Redis with what it may have missed in a crash; how many reservations."""
    left = await hold_endings.unreleased(stores.postgres, older_than_s)
    await update_redis(stores, left)
    return len(left)
