"""The reservation half, as the rest of the program calls it: reserve, get, watch.

Paying is in `reservations/checkout.py`, the work behind the stream in `reservations/holds.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from app.core.claims import BookingClaims, PlaceClaims
from app.core.errors import (
    BacklogFull,
    EventNotFound,
    IdempotencyKeyReused,
    InternalError,
    LimitExceeded,
    PriceChanged,
    Refusal,
    ReservationNotFound,
    Restoring,
    SeatTaken,
    SessionEnded,
    SoldOut,
    StoreUnavailable,
    WrongRoom,
)
from app.core.model import EventId, Reservation, ReservationId, RoomId, VisitorId, Wanted
from app.core.terms import items_of, read_terms, terms_granted
from app.reservations import change_limits
from app.reservations.checkout import Confirmation, Payment, cancel, confirm, extend
from app.reservations.consistency import check
from app.reservations.holds import keys_of
from app.reservations.pending import LOOK_UP_OTHERS_S, ReservationEngine, Waiter, open_engine
from app.reservations.request import TicketRequest, not_on_sale, ticket_request
from app.store.away import stores_answer
from app.store.coalescer import CoalescerFull
from app.store.connections import REDIS_AWAY, STORE_AWAY
from app.store.redis import submissions
from app.store.scripts.stock import Change, Submission
from app.store.sql import reservations

__all__ = [
    "ENDED",
    "Confirmation",
    "Payment",
    "ReservationEngine",
    "Reserved",
    "cancel",
    "check",
    "confirm",
    "count_change",
    "extend",
    "get",
    "of_visitor",
    "of_visits",
    "open_engine",
    "reserve",
    "watch",
]

FAILED = "This request could not be processed, and nothing was taken. It has been logged; send a new one."
ENDED = ("cancelled", "expired")  # nothing more comes of these
WATCH_S = 15.0  # a watcher looks for itself after so long without news

REFUSALS: dict[str, type[Refusal]] = {
    "sold_out": SoldOut,
    "seat_taken": SeatTaken,
    "limit_exceeded": LimitExceeded,
    "reused": IdempotencyKeyReused,
    "session_ended": SessionEnded,
    "backlog_full": BacklogFull,
    "failed": InternalError,
    "restoring": Restoring,
    "unknown": Restoring,  # the room is not loaded: wiped, and about to be restored
}


UNKNOWN_WORDS = ("unknown_type", "seated_type", "no_seats", "unknown_seat")


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reserve call was taken. `reservation` is None when it was not waited for (`wait=False`)."""

    reservation_id: ReservationId
    reservation: Reservation | None
    replayed: bool


async def reserve(
    engine: ReservationEngine,
    claims: BookingClaims,
    event_id: EventId,
    wanted: Wanted,
    *,
    idempotency_key: str,
    wait: bool = True,
    expected: int | None = None,
    network: str = "",
) -> Reserved:
    """Take the tickets, all or none; returns when the row is committed (or, without `wait`, submitted).

    Items as the body gave them; prices in them are ignored. A named seat that the visitor has already stays
    in the reservation it is in, and the new one takes the others; were there none, it is SeatTaken. They have
    to come to the `expected` amount, if there is one, else it is PriceChanged (with the present `amount`).

    The room is that of the token: an event of another room is WrongRoom, an unknown one EventNotFound. Raises
    also RateLimited (visitor, `network`), SoldOut, NotOnSale, SeatTaken, LimitExceeded, SessionEnded,
    BacklogFull, Restoring, IdempotencyKeyReused, ValidationFailed (naming the field), StoreUnavailable. A
    refusal that is the answer of an earlier equal call has `replayed` set.
    """
    request = ticket_request(wanted)
    reservation_id = _reservation_id(engine, claims.visitor_id, event_id, idempotency_key)
    submission = _submission(engine, claims, reservation_id, request, wait)._replace(network=network)
    if expected is not None:
        submission = submission._replace(expected=expected)
    waiter = engine.wait_for(claims.room_id, reservation_id) if wait else None
    try:
        word, outcome = await _submit(engine, claims, event_id, submission, request)
        if word in UNKNOWN_WORDS:
            raise request.refusal(word, outcome)
        replayed = word != "queued"
        if word != "known":
            if waiter is None:
                return Reserved(reservation_id, None, replayed)
            outcome = await _outcome(waiter, word)
        terms = terms_granted(outcome)
        if terms is None:
            raise _answered_refusal(request, outcome, replayed)
        told = _as_answered(claims, event_id, reservation_id, terms, await engine.extension_s(event_id))
        return Reserved(reservation_id, told, replayed)
    finally:
        if waiter is not None:
            engine.forget(reservation_id, waiter)


def _reservation_id(
    engine: ReservationEngine, visitor_id: VisitorId, event_id: EventId, key: str
) -> ReservationId:
    """The same for the same asker, event and Idempotency-Key; not to be guessed by anyone else."""
    return ReservationId(engine.signed(f"{visitor_id}|{event_id}|{key}"))


def _submission(
    engine: ReservationEngine,
    claims: BookingClaims,
    reservation_id: ReservationId,
    request: TicketRequest,
    wait: bool,
) -> Submission:
    return Submission(
        reservation_id,
        claims.visitor_id,
        claims.exp * 1000,
        request.fingerprint,
        engine.instance if wait else "",
        request.items,
    )


async def _submit(
    engine: ReservationEngine,
    claims: BookingClaims,
    event_id: EventId,
    submission: Submission,
    request: TicketRequest,
) -> tuple[str, str]:
    """Into the stream, or refused: queued, pending, known with the outcome, or what it is that is unknown."""
    try:
        word, detail = await engine.submissions.submit((claims.room_id, event_id), submission)
    except STORE_AWAY as error:
        raise StoreUnavailable from error
    except CoalescerFull:
        raise BacklogFull from None
    if word in ("queued", "pending", "known", *UNKNOWN_WORDS):
        return word, detail
    if word in ("seat_taken", "not_on_sale"):
        raise _refusal(word, request, detail)
    if word == "limited":
        raise change_limits.refusal(engine.limits, detail)
    if word == "price_changed":
        raise PriceChanged(amount=int(detail))
    if word == "other_event":
        with stores_answer():
            room_id = await reservations.room_of(engine.stores.postgres, event_id)
        if room_id is None:
            raise EventNotFound
        if room_id != claims.room_id:
            raise WrongRoom
    raise REFUSALS.get(word, Restoring)


async def _outcome(waiter: Waiter, word: str) -> str:
    """Wait for the outcome; for that of a repeat, which perhaps another process is told, look it up soon."""
    if word == "pending":
        waiter.look_up_every_s = LOOK_UP_OTHERS_S
        waiter.look_up_at = 0.0
    outcome = await waiter.outcome
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


def _as_answered(
    claims: BookingClaims, event_id: EventId, reservation_id: ReservationId, text: str, extend_s: int
) -> Reservation:
    """The reservation as first answered, the same at each repeat."""
    terms = read_terms(text)
    return Reservation(
        reservation_id=reservation_id,
        event_id=event_id,
        room_id=claims.room_id,
        visitor_id=claims.visitor_id,
        status="held",
        items=list(items_of(terms.items)),
        amount=terms.amount,
        currency=terms.currency,
        created_at_ms=terms.created_at_ms,
        expires_at_ms=terms.expires_at_ms,
        confirmed_at_ms=0,
        tickets=[],
        extend_s=extend_s,
    )


def _answered_refusal(request: TicketRequest, outcome: str, replayed: bool) -> Refusal:
    """The refusal that a submission led to."""
    word, *terms = outcome.split("|")
    refusal = _refusal(word, request, *terms[1:])
    refusal.replayed = replayed
    return refusal


def _refusal(word: str, request: TicketRequest | None = None, detail: str = "") -> Refusal:
    """The refusal a word of the scripts stands for; `detail`: the seats taken, or what is not on sale."""
    if word == "failed":
        return InternalError(FAILED)
    if not detail:
        return REFUSALS[word]()
    if word == "not_on_sale":
        return not_on_sale(detail, request.fields if request else {})
    taken = detail.split("+")
    return SeatTaken(f"Taken, or yours already: {', '.join(taken)}.", seat_ids=taken)


async def count_change(engine: ReservationEngine, reservation: Reservation, network: str) -> None:
    """Count that somebody is about to pay, extend or give back this reservation. Raises RateLimited.

    While Redis is unavailable nobody is counted: what was held can be paid.
    """
    if not (engine.limits.visitor_rate or engine.limits.network_rate):
        return
    change = Change(reservation.visitor_id, network)
    with suppress(*REDIS_AWAY, CoalescerFull):
        word, detail = await engine.counted.submit(reservation.room_id, change)
        if word == "limited":
            raise change_limits.refusal(engine.limits, detail)


async def get(
    engine: ReservationEngine, reservation_id: ReservationId, asker: BookingClaims | PlaceClaims | None = None
) -> Reservation | None:
    """The reservation as it is now; whose it is (`visitor_id`, `room_id`) is for the caller to compare.

    With the asker's token also their own submission is known that was not waited for: None while it is not
    decided ("ask again"), the refusal it came to. Raises ReservationNotFound, StoreUnavailable.
    """
    with stores_answer():
        found = await engine.read.submit("", reservation_id)
        if found is not None:
            return found
        if asker is None:
            raise ReservationNotFound
        known = await submissions.outcomes(engine.stores.redis, keys_of(asker.room_id), [reservation_id])
        _, word, visitor_id, *more = (known[reservation_id] or "||").split("|")
        if word == "held" and (found := await engine.read.submit("", reservation_id)):
            return found  # decided between the two looks; Postgres knew it before Redis did
    if visitor_id != asker.visitor_id:
        raise ReservationNotFound
    if word != "pending":
        raise _refusal(word, None, *more)
    return None


async def of_visitor(
    engine: ReservationEngine, event_id: EventId, visitor_id: VisitorId
) -> list[Reservation]:
    """What a visitor holds, bought and gave up of an event, the newest first. Raises StoreUnavailable."""
    with stores_answer():
        return await reservations.of_visitor(engine.stores.postgres, event_id, visitor_id)


async def of_visits(engine: ReservationEngine, visitors: Mapping[RoomId, VisitorId]) -> list[Reservation]:
    """What one browser reserved in the rooms it has places of, the newest first. Raises StoreUnavailable."""
    with stores_answer():
        return await reservations.of_visits(engine.stores.postgres, visitors)


async def watch(engine: ReservationEngine, reservation_id: ReservationId) -> AsyncIterator[Reservation]:
    """The reservation now and at each change, until it is cancelled or expired."""
    seen: Reservation | None = None
    with engine.changes(reservation_id) as changed:
        while seen is None or seen.status not in ENDED:
            changed.clear()
            with stores_answer():
                found = await engine.read.submit("", reservation_id)
            if found is None:
                raise ReservationNotFound
            if found != seen:
                seen = found
                yield found
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), WATCH_S)
