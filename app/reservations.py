"""The reservation half, as the rest of the program calls it: reserve, get, watch, confirm, cancel, check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from app.core.model import BookingClaims, EventId, Item, Reservation, ReservationId, RoomId
from app.settings import Settings
from app.store.connections import Stores


class Desk:
    """One process's end of the reservation path; made by `open_desk`."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reserve call was taken. `reservation` is None when it was not waited for (`wait=False`)."""

    reservation_id: ReservationId
    reservation: Reservation | None
    replayed: bool


@dataclass(frozen=True, slots=True)
class Payment:
    """How the buyer wants to pay; the token is the gateway's, the amount is ours."""

    method: str
    token: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The answer to a confirm: status `confirmed`, or `paying` while the gateway is still asked (202)."""

    reservation: Reservation
    replayed: bool


def open_desk(stores: Stores, settings: Settings) -> AbstractAsyncContextManager[Desk]:
    """The desk of this process, for as long as it serves."""
    raise NotImplementedError


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

    Items as the body gave them; prices in them are ignored. The room is that of the token: an event of another room is
    WrongRoom, an unknown one EventNotFound. Raises also SoldOut, LimitExceeded, SessionEnded, BacklogFull,
    Restoring, IdempotencyKeyReused, ValidationFailed (naming `items[i].ticket_type_id`), StoreUnavailable.
    A refusal that is the answer of an earlier equal call has `replayed` set.
    """
    raise NotImplementedError


async def get(desk: Desk, reservation_id: ReservationId, room_id: RoomId | None = None) -> Reservation | None:
    """The reservation as it is now; whose it is (`visitor_id`, `room_id`) is for the caller to compare.

    With the `room_id` of the asker's token also one that is not decided yet is known: None means
    "ask again". Raises ReservationNotFound, or the refusal that an accepted submission ended in.
    """
    raise NotImplementedError


async def confirm(
    desk: Desk, reservation_id: ReservationId, payment: Payment, idempotency_key: str
) -> Confirmation:
    """Pay for a hold. Raises PaymentDeclined, HoldExpired, Conflict, IdempotencyKeyReused, ValidationFailed.

    The caller has checked who owns it. Waits up to 3 s for the gateway.
    """
    raise NotImplementedError


async def cancel(desk: Desk, reservation_id: ReservationId) -> Reservation:
    """Give the tickets back, and the money if they were paid; a second time changes nothing."""
    raise NotImplementedError


def watch(desk: Desk, reservation_id: ReservationId) -> AsyncIterator[Reservation]:
    """The reservation now and at each change, until it has ended for good."""
    raise NotImplementedError


async def check(stores: Stores, event_id: EventId) -> list[str]:
    """Conservation: what does not add up, one line each; an empty list is good."""
    raise NotImplementedError
