"""A batch of submissions: granted in Redis when submitted, written to Postgres here, then answered.

Each function may be interrupted at any line and run again: every step is keyed by the reservation id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import structlog

from app import metrics
from app.core.clock import now_ms
from app.core.model import EventId, Reservation, RoomId
from app.core.reservations.outcomes import held_outcome, refused_outcome
from app.core.reservations.terms import code_in, read_terms, seats_of, terms_of
from app.reservations.holds import RETRY_LATER, keys_of, load_totals, update_redis
from app.reservations.seat_map import mark_taken
from app.set_aside import failures
from app.store.connections import Stores
from app.store.redis import submissions
from app.store.redis.submissions import Message
from app.store.scripts import stock
from app.store.scripts.stock import Decision, Request, Settlement
from app.store.sql.catalogue import codes
from app.store.sql.reservations import reservations
from app.store.sql.reservations.hold_endings import EndedReservation
from app.store.sql.reservations.reservations import NewHold, Origin

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Submissions of one room as Redis has decided them, not yet written to Postgres."""

    room_id: RoomId
    epoch: int
    event_id: str
    decided: list[tuple[Message, Decision]]


async def decide(
    stores: Stores, room_id: RoomId, messages: Sequence[Message], *, again: bool = False
) -> Batch:
    """Return a batch with the decisions made when its submissions arrived.

    Submissions are decided now if they have no decision (the previous release left that to workers), or if
    theirs is void (`again`: the batch was Superseded) or has lapsed. Raises RoomNotReady, in which case
    nothing was taken.
    """
    origins = {(it.epoch, it.event_id) for it in messages}
    oldest = min(messages, key=attrgetter("since_ms"))
    if len(origins) == 1 and not again and _lasts(oldest):
        return Batch(room_id, *origins.pop(), [(it, Decision("held", it.terms)) for it in messages])
    requests = [Request(it.reservation_id, it.visitor_id, it.items) for it in messages]
    decisions = await stock.decide_again(stores.redis, keys_of(room_id), requests)
    return Batch(
        room_id, decisions.epoch, decisions.event_id, list(zip(messages, decisions.decisions, strict=True))
    )


def _lasts(oldest: Message) -> bool:
    """Whether the decisions were made already, and their holds would not have ended in the meantime."""
    if not oldest.terms:
        return False
    terms, waited_ms = read_terms(oldest.terms), now_ms() - oldest.since_ms
    return waited_ms < terms.expires_at_ms - terms.created_at_ms


async def record(stores: Stores, batch: Batch, consumer: str = "") -> list[Message]:
    """Write the batch to Postgres, then publish the outcomes: nothing is promised before the commit.

    Returns the next messages of `consumer`, if one is given; they are read in the same round trip. Raises
    Superseded if the room was restored after the batch was decided, and RoomNotReady.
    """
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
    existing = holds.keys() - written - refused
    if existing:
        outcomes |= await _repeat(stores, batch, existing)
    settlements = [
        Settlement(
            message.message_id,
            message.reservation_id,
            message.fingerprint,
            message.instance,
            outcomes.get(message.reservation_id) or _outcome(message, decision),
        )
        for message, decision in batch.decided
    ]
    keys = keys_of(batch.room_id)
    if consumer:
        return await submissions.settle_and_read(stores.redis, keys, settlements, consumer)
    await stock.settle(stores.redis, keys, settlements)
    return []


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
    """Insert the holds and return (written, refused) ids; refused rows are found by halving.

    Raises Superseded.
    """
    if not holds:
        return set(), set()
    try:
        return await reservations.insert_holds(stores.postgres, origin, holds), set()
    except reservations.InsertRefused:
        if len(holds) == 1:
            return set(), {holds[0].reservation_id}
    half = len(holds) // 2
    first = await write(stores, origin, holds[:half])
    second = await write(stores, origin, holds[half:])
    return first[0] | second[0], first[1] | second[1]


async def _correct(stores: Stores, batch: Batch, refused: set[str]) -> dict[str, str]:
    """Handle holds for which Postgres has fewer tickets than Redis assumed, and return their outcomes.

    Releases them in Redis and reloads the totals. Seats that are taken in Postgres are marked as taken in
    Redis, too; otherwise they would be offered again and again.
    """
    if not refused:
        return {}
    await stock.release(stores.redis, keys_of(batch.room_id), refused)
    requests = {
        message.reservation_id: (message.visitor_id, decision.terms)
        for message, decision in batch.decided
        if message.reservation_id in refused
    }
    named = [seat for _, terms in requests.values() for seat in seats_of(terms)]
    taken = await mark_taken(stores, keys_of(batch.room_id), batch.event_id, named) if named else {}
    await load_totals(stores, batch.room_id, EventId(batch.event_id))
    code_ids = [found[0] for _, terms in requests.values() if (found := code_in(terms))]
    used_up = await codes.used_up(stores.postgres, batch.event_id, code_ids)
    return {it: _refused(*submitted, taken, used_up) for it, submitted in requests.items()}


def _refused(visitor_id: str, terms: str, taken: Mapping[str, str | None], used_up: set[str]) -> str:
    """The outcome of a hold that Postgres refused, because of its code, its named seats, or the tickets
    left."""
    if (code := code_in(terms)) and code[0] in used_up:
        return refused_outcome("code_refused", visitor_id, "used_up")
    if not (requested := seats_of(terms)):
        return refused_outcome("sold_out", visitor_id)
    return refused_outcome(
        "seat_taken", visitor_id, "+".join([it for it in requested if it in taken] or requested)
    )


async def _repeat(stores: Stores, batch: Batch, existing: set[str]) -> dict[str, str]:
    """Answer submissions whose rows already exist with their outcome; release or confirm what Redis took
    again."""
    rows = await reservations.fetch(stores.postgres, list(existing))
    prints = await reservations.fingerprints(stores.postgres, list(existing))
    outcomes: dict[str, str] = {}
    for message, _ in batch.decided:
        row = rows.get(message.reservation_id)
        if row is not None:
            same = prints[row.reservation_id] == message.fingerprint
            outcomes[row.reservation_id] = outcome_of(row) if same else f"reused|{row.visitor_id}"
    # Include those that Redis knew: a worker may have taken their tickets again and been killed right here.
    await update_redis(
        stores, [EndedReservation(it.reservation_id, batch.room_id, it.status) for it in rows.values()]
    )
    return outcomes


def outcome_of(row: Reservation) -> str:
    """The outcome with which a reservation was answered when it was created."""
    return held_outcome(terms_of(row))


async def give_up(stores: Stores, room_id: RoomId, message: Message, why: Exception | str) -> None:
    """Give up on a submission that cannot be processed: set it aside with the reason, answer it, and release
    what it took.

    If it was committed before it failed, the buyer gets the hold they have.
    """
    subject = message.reservation_id or message.message_id
    await failures.set_aside(
        stores, "reservation", f"{room_id} {subject}", why, content=message.items, room_id=room_id
    )
    metrics.count_reservations("failed")
    try:
        await _answer_failed(stores, room_id, message)
    except RETRY_LATER:
        raise
    except Exception:  # whatever the cause, this submission must not block the others
        log.exception("a reservation request was dropped", room_id=room_id, reservation_id=subject)
        await submissions.drop(stores.redis, keys_of(room_id), message)


async def _answer_failed(stores: Stores, room_id: RoomId, message: Message) -> None:
    keys, outcome = keys_of(room_id), ""
    if message.reservation_id:
        row = await reservations.fetch_one(stores.postgres, message.reservation_id)
        if row is None:
            await stock.release(stores.redis, keys, [message.reservation_id])
        outcome = refused_outcome("failed", message.visitor_id) if row is None else outcome_of(row)
    of = message.message_id, message.reservation_id, message.fingerprint, message.instance
    await stock.settle(stores.redis, keys, [Settlement(*of, outcome)])
