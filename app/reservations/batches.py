"""A batch of submissions: granted in Redis when they were submitted, written to Postgres here, then answered.

Each function may be cut off at any line and run again: every step is keyed by the reservation id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import structlog

from app import metrics
from app.core.clock import now_ms
from app.core.model import EventId, Reservation, RoomId
from app.core.outcomes import held_outcome, refused_outcome
from app.core.terms import code_in, read_terms, seats_of, terms_of
from app.reservations.holds import TELL_LATER, keys_of, load_totals, update_redis
from app.reservations.seat_map import mark_taken
from app.set_aside import failures
from app.store.connections import Stores
from app.store.redis import submissions
from app.store.redis.submissions import Message
from app.store.scripts import stock
from app.store.scripts.stock import Decision, Request, Settlement
from app.store.sql import codes, reservations
from app.store.sql.hold_endings import Ended
from app.store.sql.reservations import NewHold, Origin

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Submissions of one room as Redis has decided them, not yet in Postgres."""

    room_id: RoomId
    epoch: int
    event_id: str
    decided: list[tuple[Message, Decision]]


async def decided(
    stores: Stores, room_id: RoomId, messages: Sequence[Message], *, again: bool = False
) -> Batch:
    """A batch with what it was granted when it was submitted.

    What has no decision (the release before this one left it to workers), or one that is void (`again`: it
    was Superseded) or over, is decided now. Raises RoomNotReady, in which case nothing was taken.
    """
    origins = {(it.epoch, it.event_id) for it in messages}
    oldest = min(messages, key=attrgetter("since_ms"))
    if len(origins) == 1 and not again and _lasts(oldest):
        return Batch(room_id, *origins.pop(), [(it, Decision("held", it.terms)) for it in messages])
    requests = [Request(it.reservation_id, it.visitor_id, it.items) for it in messages]
    found = await stock.decide_again(stores.redis, keys_of(room_id), requests)
    return Batch(room_id, found.epoch, found.event_id, list(zip(messages, found.decisions, strict=True)))


def _lasts(oldest: Message) -> bool:
    """Whether a batch was decided, and has not waited for longer than its holds last."""
    if not oldest.terms:
        return False
    terms, waited_ms = read_terms(oldest.terms), now_ms() - oldest.since_ms
    return waited_ms < terms.expires_at_ms - terms.created_at_ms


async def record(stores: Stores, batch: Batch, consumer: str = "") -> list[Message]:
    """Write the batch to Postgres, then publish the outcomes: no promise before the commit.

    Returns the next messages of this `consumer`, if one is named: they are read in the same round trip.
    Raises Superseded where the room was restored since the batch was decided, and RoomNotReady.
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
    there_before = holds.keys() - written - refused
    if there_before:
        outcomes |= await _repeat(stores, batch, there_before)
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
    wanted = {
        message.reservation_id: (message.visitor_id, decision.terms)
        for message, decision in batch.decided
        if message.reservation_id in refused
    }
    named = [seat for _, terms in wanted.values() for seat in seats_of(terms)]
    taken = await mark_taken(stores, keys_of(batch.room_id), batch.event_id, named) if named else {}
    await load_totals(stores, batch.room_id, EventId(batch.event_id))
    given = [found[0] for _, terms in wanted.values() if (found := code_in(terms))]
    used_up = await codes.used_up(stores.postgres, batch.event_id, given)
    return {it: _refused(*whose, taken, used_up) for it, whose in wanted.items()}


def _refused(visitor_id: str, terms: str, taken: Mapping[str, str | None], used_up: set[str]) -> str:
    """The outcome of a hold that Postgres refused: its code, the seats it names as taken, or the tickets."""
    if (code := code_in(terms)) and code[0] in used_up:
        return refused_outcome("code_refused", visitor_id, "used_up")
    if not (wanted := seats_of(terms)):
        return refused_outcome("sold_out", visitor_id)
    return refused_outcome("seat_taken", visitor_id, "+".join([it for it in wanted if it in taken] or wanted))


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
