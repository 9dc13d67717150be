"""The reservation half, as the rest of the program calls it: reserve, get, watch, confirm, cancel, check.

Paying is in `checkout.py`, the work behind the stream in `holds.py`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from app.checkout import Confirmation, Payment, cancel, confirm
from app.conservation import check
from app.core.errors import (
    BacklogFull,
    EventNotFound,
    IdempotencyKeyReused,
    LimitExceeded,
    Refusal,
    ReservationNotFound,
    Restoring,
    SessionEnded,
    SoldOut,
    StoreUnavailable,
    ValidationFailed,
    WrongRoom,
)
from app.core.model import BookingClaims, EventId, Item, PlaceClaims, Reservation, ReservationId, VisitorId
from app.desk import LOOK_UP_OTHERS_S, Desk, Waiter, open_desk, stores_needed
from app.holds import keys_of
from app.store import reservations, stream
from app.store.batching import CoalescerFull
from app.store.connections import STORE_AWAY
from app.store.stock_scripts import Submission

__all__ = [
    "ENDED",
    "Confirmation",
    "Desk",
    "Payment",
    "Reserved",
    "cancel",
    "check",
    "confirm",
    "get",
    "of_visitor",
    "open_desk",
    "reserve",
    "watch",
]

ENDED = ("cancelled", "expired")  # nothing more comes of these
WATCH_S = 15.0  # a watcher looks for itself after so long without news

REFUSALS: dict[str, type[Refusal]] = {
    "sold_out": SoldOut,
    "limit_exceeded": LimitExceeded,
    "reused": IdempotencyKeyReused,
    "session_ended": SessionEnded,
    "backlog_full": BacklogFull,
    "restoring": Restoring,
    "unknown": Restoring,  # the room is not loaded: wiped, and about to be restored
}


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reserve call was taken. `reservation` is None when it was not waited for (`wait=False`)."""

    reservation_id: ReservationId
    reservation: Reservation | None
    replayed: bool


async def reserve(
    desk: Desk,
    claims: BookingClaims,
    event_id: EventId,
    items: Sequence[Item],
    *,
    idempotency_key: str,
    wait: bool = True,
) -> Reserved:
    """Take the tickets, all or none; returns when the row is committed (or, without `wait`, submitted).

    Items as the body gave them; prices in them are ignored. The room is that of the token: an event of
    another room is WrongRoom, an unknown one EventNotFound. Raises also SoldOut, LimitExceeded, SessionEnded,
    BacklogFull, Restoring, IdempotencyKeyReused, ValidationFailed (naming `items[i].ticket_type_id`),
    StoreUnavailable. A refusal that is the answer of an earlier equal call has `replayed` set.
    """
    wish = _wish(tuple([(it.ticket_type_id, it.quantity) for it in items]))
    reservation_id = _reservation_id(desk, claims.visitor_id, event_id, idempotency_key)
    submission = _submission(desk, claims, reservation_id, wish, wait)
    waiter = desk.wait_for(claims.room_id, reservation_id) if wait else None
    try:
        word, outcome = await _submit(desk, claims, event_id, submission)
        if word == "unknown_type":
            field = f"items[{wish.names.index(outcome)}].ticket_type_id"
            raise ValidationFailed(field, "is not on sale here")
        replayed = word != "queued"
        if word != "known":
            if waiter is None:
                return Reserved(reservation_id, None, replayed)
            outcome = await _outcome(waiter, word)
        return Reserved(reservation_id, _told(claims, event_id, reservation_id, outcome, replayed), replayed)
    finally:
        if waiter is not None:
            desk.forget(reservation_id, waiter)


class _Wish(NamedTuple):
    names: list[str]  # in the order of the body
    items: str
    fingerprint: str


@lru_cache(maxsize=4096)
def _wish(lines: tuple[tuple[str, int], ...]) -> _Wish:
    """The canonical form of a body, the same for equal bodies. Most bodies of a sale are the same few."""
    if not lines:
        raise ValidationFailed("items", "names no tickets")
    names = [name for name, _ in lines]
    for i, (name, quantity) in enumerate(lines):
        if name in names[:i]:
            raise ValidationFailed(f"items[{i}].ticket_type_id", "is named twice")
        if quantity < 1:
            raise ValidationFailed(f"items[{i}].quantity", "has to be 1 or more")
    items = ",".join(f"{name}:{quantity}" for name, quantity in sorted(lines))
    digest = hashlib.blake2b(items.encode(), digest_size=12).digest()
    return _Wish(names, items, base64.urlsafe_b64encode(digest).decode())


def _reservation_id(desk: Desk, visitor_id: VisitorId, event_id: EventId, key: str) -> ReservationId:
    """The same for the same asker, event and Idempotency-Key; not to be guessed by anyone else."""
    return ReservationId(desk.signed(f"{visitor_id}|{event_id}|{key}"))


def _submission(
    desk: Desk, claims: BookingClaims, reservation_id: ReservationId, wish: _Wish, wait: bool
) -> Submission:
    return Submission(
        reservation_id,
        claims.visitor_id,
        claims.exp * 1000,
        wish.fingerprint,
        desk.instance if wait else "",
        wish.items,
    )


async def _submit(
    desk: Desk, claims: BookingClaims, event_id: EventId, submission: Submission
) -> tuple[str, str]:
    """Into the stream, or refused: queued, pending, known with the outcome, unknown_type with the type."""
    try:
        word, detail = await desk.submissions.submit((claims.room_id, event_id), submission)
    except STORE_AWAY as error:
        raise StoreUnavailable from error
    except CoalescerFull:
        raise BacklogFull from None
    if word in ("queued", "pending", "known", "unknown_type"):
        return word, detail
    if word == "other_event":
        with stores_needed():
            room_id = await reservations.room_of(desk.stores.postgres, event_id)
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


def _told(
    claims: BookingClaims, event_id: EventId, reservation_id: ReservationId, outcome: str, replayed: bool
) -> Reservation:
    """The reservation as it was made, the same at each repeat; or the refusal it came to."""
    word, *terms = outcome.split("|")
    if word != "held":
        refusal = REFUSALS[word]()
        refusal.replayed = replayed
        raise refusal
    amount, currency, created_ms, expires_ms, items = terms
    return Reservation(
        reservation_id=reservation_id,
        event_id=event_id,
        room_id=claims.room_id,
        visitor_id=claims.visitor_id,
        status="held",
        items=list(reservations.items_of(items)),
        amount=int(amount),
        currency=currency,
        created_at_ms=int(created_ms),
        expires_at_ms=int(expires_ms),
        confirmed_at_ms=0,
        tickets=[],
    )


async def get(
    desk: Desk, reservation_id: ReservationId, asker: BookingClaims | PlaceClaims | None = None
) -> Reservation | None:
    """The reservation as it is now; whose it is (`visitor_id`, `room_id`) is for the caller to compare.

    With the asker's token also their own submission is known that was not waited for: None while it is not
    decided ("ask again"), the refusal it came to. Raises ReservationNotFound, StoreUnavailable.
    """
    with stores_needed():
        found = await reservations.fetch_one(desk.stores.postgres, reservation_id)
        if found is not None:
            return found
        if asker is None:
            raise ReservationNotFound
        known = await stream.outcomes(desk.stores.redis, keys_of(asker.room_id), [reservation_id])
    _, word, visitor_id = (known[reservation_id] or "||").split("|", 2)
    if visitor_id != asker.visitor_id:
        raise ReservationNotFound
    if word != "pending":
        raise REFUSALS[word]
    return None


async def of_visitor(desk: Desk, event_id: EventId, visitor_id: VisitorId) -> list[Reservation]:
    """What a visitor holds, bought and gave up of an event, the newest first. Raises StoreUnavailable."""
    with stores_needed():
        return await reservations.of_visitor(desk.stores.postgres, event_id, visitor_id)


async def watch(desk: Desk, reservation_id: ReservationId) -> AsyncIterator[Reservation]:
    """The reservation now and at each change, until it is cancelled or expired."""
    seen: Reservation | None = None
    with desk.changes(reservation_id) as changed:
        while seen is None or seen.status not in ENDED:
            changed.clear()
            with stores_needed():
                found = await reservations.fetch_one(desk.stores.postgres, reservation_id)
            if found is None:
                raise ReservationNotFound
            if found != seen:
                seen = found
                yield found
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), WATCH_S)
