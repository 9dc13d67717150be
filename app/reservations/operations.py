"""Reservations, as the rest of the program calls them: reserve, get, watch.

Paying is in `reservations/checkout.py`, the work behind the stream in `reservations/batches.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress

from app.core.claims import BookingClaims, PlaceClaims
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
from app.core.outcomes import PENDING, outcome_known, read_outcome, terms_granted
from app.core.terms import read_terms
from app.core.wanted import Wanted
from app.reservations import change_limits
from app.reservations.checkout import Confirmation, Payment, cancel, confirm, extend
from app.reservations.consistency import check
from app.reservations.holds import keys_of
from app.reservations.pending import ReservationEngine, open_engine
from app.reservations.refusals import REFUSALS, UNKNOWN_WORDS, refusal, refusal_of
from app.reservations.request import TicketRequest, coded, ticket_request
from app.reservations.reserved import Reserved
from app.store.away import stores_answer
from app.store.coalescer import CoalescerFull
from app.store.connections import REDIS_AWAY, STORE_AWAY
from app.store.redis import submissions
from app.store.scripts.stock import ANY_AMOUNT, Change, Submission, Submitted
from app.store.spans import sampled, span
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
    "of_browser",
    "of_visitor",
    "open_engine",
    "reserve",
    "watch",
]

ENDED = ("cancelled", "expired")  # nothing more comes of these
WATCH_S = 15.0  # a watcher looks for itself after so long without news


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
    code: str | None = None,
) -> Reserved:
    """Take the tickets, all or none; returns when the row is committed (or, without `wait`, submitted).

    Items as the body gave them; prices in them are ignored. A named seat that the visitor has already stays
    in the reservation it is in, and the new one takes the others; were there none, it is SeatTaken. They have
    to come to the `expected` amount, if there is one, else it is PriceChanged (with the present `amount`).

    The room is that of the token: an event of another room is WrongRoom, an unknown one EventNotFound. Raises
    also RateLimited (visitor, `network`), SoldOut, NotOnSale, CodeRefused, SeatTaken, LimitExceeded,
    SessionEnded, BacklogFull, Restoring, IdempotencyKeyReused, ValidationFailed (naming the field),
    StoreUnavailable. A refusal that is the answer of an earlier equal call has `replayed` set.
    """
    request = coded(ticket_request(wanted), code)
    reservation_id = _reservation_id(engine, claims.visitor_id, event_id, idempotency_key)
    submission = _submission(engine, claims, reservation_id, request, wait)
    submission = submission._replace(network=network, expected=ANY_AMOUNT if expected is None else expected)
    word, answer = await _answer(engine, claims.room_id, event_id, submission)
    replayed = word != "queued"
    of = reservation_id, event_id, claims.room_id, claims.visitor_id, replayed
    if isinstance(answer, Submitted):
        if answer.word in ("queued", "pending"):
            return Reserved(*of)
        if answer.word != "known":
            raise await _refusal(engine, claims, event_id, request, answer)
        answer = answer.detail
    terms, policy = _terms(answer, request, replayed), await engine.policy_of(event_id)
    return Reserved(*of, read_terms(terms), policy)


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
) -> tuple[str, str | Submitted]:
    """The word of the script's reply, and the outcome; or the reply, if it is all that is waited for."""
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
    """The granted terms. Raises the refusal if there were none."""
    terms = terms_granted(outcome)
    if terms is None:
        refused = refusal_of(outcome, request)
        refused.replayed = replayed
        raise refused
    return terms


def _reservation_id(
    engine: ReservationEngine, visitor_id: VisitorId, event_id: EventId, key: str
) -> ReservationId:
    """The id for this visitor, event and Idempotency-Key: always the same, and not guessable."""
    return ReservationId(engine.signed(f"{visitor_id}|{event_id}|{key}"))


async def _refusal(
    engine: ReservationEngine,
    claims: BookingClaims,
    event_id: EventId,
    request: TicketRequest,
    reply: Submitted,
) -> Refusal:
    """Why the script did not take a request in. Raises StoreUnavailable."""
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
    """Count that somebody is about to pay, extend or cancel this reservation. Raises RateLimited.

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
        outcome = outcome_known(known[reservation_id] or "")
        if terms_granted(outcome):  # meanwhile; Postgres knew it before Redis did
            found = await engine.read.submit("", reservation_id)
    if found is not None:
        return found
    if not outcome or terms_granted(outcome) or read_outcome(outcome).visitor_id != asker.visitor_id:
        raise ReservationNotFound
    if read_outcome(outcome).word != PENDING:
        raise refusal_of(outcome)
    return None


async def of_visitor(
    engine: ReservationEngine, event_id: EventId, visitor_id: VisitorId
) -> list[Reservation]:
    """A visitor's reservations for an event, newest first. Raises StoreUnavailable."""
    with stores_answer():
        return await reservations.of_visitor(engine.stores.postgres, event_id, visitor_id)


async def of_browser(
    engine: ReservationEngine, visitors: Mapping[RoomId, VisitorId], others: Sequence[str]
) -> list[Reservation]:
    """One browser's reservations in the rooms where it has a place, and those that links showed it; newest
    first. Raises StoreUnavailable."""
    with stores_answer():
        mine = await reservations.of_visits(engine.stores.postgres, visitors)
        shown = await reservations.fetch(engine.stores.postgres, others) if others else {}
    shown |= {it.reservation_id: it for it in mine}
    return sorted(shown.values(), key=lambda it: -it.created_at_ms)


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
