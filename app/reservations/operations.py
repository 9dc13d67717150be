"""Reservations, as the rest of the program uses them: reserve, get, watch.

Paying is in `reservations/checkout.py`, the work behind the stream in `reservations/batches.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress

from app.core.errors import (
    BacklogFull,
    EventNotFound,
    PriceChanged,
    Refusal,
    ReservationNotFound,
    Restoring,
    StoreUnavailable,
    WrongRoom,
)
from app.core.model import EventId, Reservation, ReservationId, RoomId, VisitorId
from app.core.reservations.outcomes import PENDING, outcome_in, read_outcome, terms_granted
from app.core.reservations.requested_tickets import RequestedTickets
from app.core.reservations.terms import read_terms
from app.core.tokens.claims import BookingClaims, PlaceClaims
from app.reservations import change_limits
from app.reservations.checkout import Confirmation, Payment, cancel, confirm, extend
from app.reservations.consistency import check
from app.reservations.holds import keys_of
from app.reservations.pending import ReservationEngine, open_engine
from app.reservations.refusals import REFUSALS, UNKNOWN_WORDS, refusal, refusal_of
from app.reservations.request import TicketRequest, coded, ticket_request
from app.reservations.reserve_result import ReserveResult
from app.store.away import stores_answer
from app.store.coalescer import CoalescerFull
from app.store.connections import REDIS_AWAY, STORE_AWAY
from app.store.redis import submissions
from app.store.scripts.stock import ANY_AMOUNT, Change, Submission, SubmitReply
from app.store.spans import sampled, span
from app.store.sql.reservations import reservations

__all__ = [
    "ENDED",
    "Confirmation",
    "Payment",
    "ReservationEngine",
    "ReserveResult",
    "cancel",
    "check",
    "confirm",
    "count_change",
    "extend",
    "get",
    "of_browser",
    "of_visitor",
    "open_engine",
    "reserve",
    "watch",
]

ENDED = ("cancelled", "expired")  # final states
WATCH_S = 15.0  # without news, a watcher reads the reservation this often


async def reserve(
    engine: ReservationEngine,
    claims: BookingClaims,
    event_id: EventId,
    tickets: RequestedTickets,
    *,
    idempotency_key: str,
    wait: bool = True,
    expected: int | None = None,
    network: str = "",
    code: str | None = None,
) -> ReserveResult:
    """Take the tickets, all or none; return when the row is committed (or, without `wait`, submitted).

    `tickets` is what the body asked for; prices in it are ignored. Named seats that the visitor already has
    stay in the reservation they are in, and the new one takes the others; if there are no others, SeatTaken
    is raised. If `expected` is given and the tickets cost another amount, PriceChanged is raised (with the
    current `amount`).

    The room is that of the token: raises WrongRoom for an event of another room, EventNotFound for an unknown
    one. Raises also RateLimited (by visitor or `network`), SoldOut, NotOnSale, CodeRefused, SeatTaken,
    LimitExceeded, SessionEnded, BacklogFull, Restoring, IdempotencyKeyReused, ValidationFailed (naming the
    field), StoreUnavailable. A refusal that repeats the answer to an earlier equal call has `replayed` set.
    """
    request = coded(ticket_request(tickets), code)
    reservation_id = _reservation_id(engine, claims.visitor_id, event_id, idempotency_key)
    submission = _submission(engine, claims, reservation_id, request, wait)
    submission = submission._replace(network=network, expected=ANY_AMOUNT if expected is None else expected)
    word, answer = await _answer(engine, claims.room_id, event_id, submission)
    replayed = word != "queued"
    of = reservation_id, event_id, claims.room_id, claims.visitor_id, replayed
    if isinstance(answer, SubmitReply):
        if answer.word in ("queued", "pending"):
            return ReserveResult(*of)
        if answer.word != "known":
            raise await _refusal(engine, claims, event_id, request, answer)
        answer = answer.detail
    terms, policy = _terms(answer, request, replayed), await engine.policy_of(event_id)
    return ReserveResult(*of, read_terms(terms), policy)


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
        traceparent=caller.traceparent if (caller := sampled()) else "",
    )


async def _answer(
    engine: ReservationEngine, room_id: RoomId, event_id: EventId, submission: Submission
) -> tuple[str, str | SubmitReply]:
    """Submit, and return the word of the script's reply with the outcome; or with the reply, if the caller
    does not wait for more."""
    try:
        waiter = engine.submit(room_id, event_id, submission)
    except CoalescerFull:
        raise BacklogFull from None
    try:
        with span("outcome"):
            answer = await waiter.answer
    except STORE_AWAY as error:
        raise StoreUnavailable from error
    finally:
        engine.forget(waiter)
    if isinstance(answer, Refusal):
        raise answer
    return waiter.word, answer


def _terms(outcome: str, request: TicketRequest, replayed: bool) -> str:
    """Return the granted terms, or raise the refusal."""
    terms = terms_granted(outcome)
    if terms is None:
        refused = refusal_of(outcome, request)
        refused.replayed = replayed
        raise refused
    return terms


def _reservation_id(
    engine: ReservationEngine, visitor_id: VisitorId, event_id: EventId, key: str
) -> ReservationId:
    """Derive the id for this visitor, event and Idempotency-Key: always the same, and not guessable."""
    return ReservationId(engine.signed(f"{visitor_id}|{event_id}|{key}"))


async def _refusal(
    engine: ReservationEngine,
    claims: BookingClaims,
    event_id: EventId,
    request: TicketRequest,
    reply: SubmitReply,
) -> Refusal:
    """Why the script did not accept a request. Raises StoreUnavailable."""
    word, detail = reply
    if word in UNKNOWN_WORDS:
        return request.refusal(word, detail)
    if word in ("seat_taken", "companion_alone", "not_on_sale", "code_refused"):
        return refusal(word, request, detail)
    if word == "limited":
        return change_limits.refusal(engine.limits, detail)
    if word == "price_changed":
        return PriceChanged(amount=int(detail))
    if word == "other_event":
        with stores_answer():
            room_id = await reservations.room_of(engine.stores.postgres, event_id)
        if room_id is None:
            return EventNotFound()
        if room_id != claims.room_id:
            return WrongRoom()
    return REFUSALS.get(word, Restoring)()


async def count_change(engine: ReservationEngine, reservation: Reservation, network: str) -> None:
    """Count that a visitor is about to pay for, extend or cancel this reservation. Raises RateLimited.

    Nothing is counted while Redis is unavailable: a hold can still be paid for.
    """
    if not (engine.limits.visitor_rate or engine.limits.network_rate):
        return
    change = Change(reservation.visitor_id, network)
    with suppress(*REDIS_AWAY, CoalescerFull):
        word, detail = await engine.counted.submit(reservation.room_id, change)
        if word == "limited":
            raise change_limits.refusal(engine.limits, detail)


async def get(
    engine: ReservationEngine,
    reservation_id: ReservationId,
    claims: BookingClaims | PlaceClaims | None = None,
) -> Reservation | None:
    """Return the reservation as it is now; the caller compares whose it is (`visitor_id`, `room_id`).

    With `claims`, the visitor's own submissions that were not waited for are found, too: the result is None
    while one is undecided ("ask again"), and its refusal is raised once it is refused. Raises
    ReservationNotFound, StoreUnavailable.
    """
    with stores_answer():
        reservation = await engine.read.submit("", reservation_id)
        if reservation is not None:
            return reservation
        if claims is None:
            raise ReservationNotFound
        outcomes = await submissions.outcomes(engine.stores.redis, keys_of(claims.room_id), [reservation_id])
        outcome = outcome_in(outcomes[reservation_id] or "")
        if terms_granted(outcome):  # granted meanwhile; Postgres has it before Redis does
            reservation = await engine.read.submit("", reservation_id)
    if reservation is not None:
        return reservation
    if not outcome or terms_granted(outcome) or read_outcome(outcome).visitor_id != claims.visitor_id:
        raise ReservationNotFound
    if read_outcome(outcome).word != PENDING:
        raise refusal_of(outcome)
    return None


async def of_visitor(
    engine: ReservationEngine, event_id: EventId, visitor_id: VisitorId
) -> list[Reservation]:
    """Return a visitor's reservations for an event, newest first. Raises StoreUnavailable."""
    with stores_answer():
        return await reservations.of_visitor(engine.stores.postgres, event_id, visitor_id)


async def of_browser(
    engine: ReservationEngine, visitors: Mapping[RoomId, VisitorId], others: Sequence[str]
) -> list[Reservation]:
    """Return the reservations of one browser, newest first: those of the rooms where it has a place, and
    those it opened by link.

    Raises StoreUnavailable.
    """
    with stores_answer():
        by_visits = await reservations.of_visits(engine.stores.postgres, visitors)
        by_id = await reservations.fetch(engine.stores.postgres, others) if others else {}
    by_id |= {it.reservation_id: it for it in by_visits}
    return sorted(by_id.values(), key=lambda it: -it.created_at_ms)


async def watch(engine: ReservationEngine, reservation_id: ReservationId) -> AsyncIterator[Reservation]:
    """Yield the reservation now and after each change, until it is cancelled or expired."""
    last: Reservation | None = None
    with engine.changes(reservation_id) as changed:
        while last is None or last.status not in ENDED:
            changed.clear()
            with stores_answer():
                reservation = await engine.read.submit("", reservation_id)
            if reservation is None:
                raise ReservationNotFound
            if reservation != last:
                last = reservation
                yield reservation
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), WATCH_S)
