"""Partial refunds of an order, and cancelling some of its tickets. Never refunds more than was paid, whatever
repeats.

The refund is committed before the gateway is called, under an id that the gateway refunds only once; a worker
continues what is interrupted in between (`settlement`). Redis is updated as for other endings
(`holds.update_redis`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.catalogue.seating import seat_words
from app.core.errors import Conflict, IdempotencyKeyReused, NotFound, ReservationNotFound, ValidationFailed
from app.core.model import ReservationId
from app.core.payments.refunds import PARTS_MAX, CancelledTicket, Refund, divide, share
from app.core.text.formatting import money
from app.reservations import approvals, companions, holds
from app.reservations.pending import ReservationEngine
from app.reservations.settlement import refund as refund_whole
from app.reservations.settlement import refund_part
from app.store.away import stores_answer
from app.store.connections import Connection
from app.store.sql.payments import payments
from app.store.sql.payments import refunds as rows
from app.store.sql.payments.refunds import LockedOrder, Paid
from app.store.sql.reservations import hold_endings, orders
from app.store.sql.reservations.hold_endings import EndedReservation

NO_REFUND = "There is no such refund of this order."


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A requested refund. `amount` is in minor units; None means the price of the tickets, at most what is
    left.

    `to_stock`: the tickets go back on sale; otherwise their places stay empty.
    """

    amount: int | None = None
    ticket_ids: Sequence[str] = ()
    to_stock: bool = True
    reason: str = ""

    @property
    def fingerprint(self) -> str:
        """Equal for equal requests."""
        text = msgspec.json.encode((self.amount, list(self.ticket_ids), self.to_stock, self.reason))
        return hashlib.blake2b(text, digest_size=12).hexdigest()


async def refund(
    engine: ReservationEngine, reservation_id: ReservationId, new: NewRefund, key: str, *, by: Author
) -> Refund:
    """Refund a part of an order, once for each key, and cancel the given tickets.

    If all tickets go back on sale, the order is cancelled. Raises ReservationNotFound, ValidationFailed
    naming the field, IdempotencyKeyReused, Conflict if the order was not paid for, and ApprovalNeeded if a
    second person has to request the same.
    """
    refund_id = engine.signed(f"refund|{reservation_id}|{key}")
    async with approvals.requesting_approval(engine.stores, reservation_id, by=by):
        with stores_answer():
            return await engine.see_through(_refund(engine, reservation_id, new, refund_id, by))


async def _refund(
    engine: ReservationEngine, reservation_id: ReservationId, new: NewRefund, refund_id: str, by: Author
) -> Refund:
    postgres = engine.stores.postgres
    async with postgres.acquire() as connection, connection.transaction():
        order = await rows.lock_order(connection, reservation_id)
        if order is None:
            raise ReservationNotFound("There is no such reservation.")
        before, ended = await rows.select_one(connection, refund_id), list[EndedReservation]()
        if before is not None and before.fingerprint != new.fingerprint:
            raise IdempotencyKeyReused
        if before is None:
            new_refund = await _make(connection, order, reservation_id, new, refund_id)
            await approvals.needs_approval(connection, reservation_id, new_refund.amount, by=by)
            ended = await _return_to_stock(connection, order, new_refund)
            await _record(connection, order, new_refund, by)
    await holds.update_redis(engine.stores, ended)
    await holds.announce(engine.stores, [reservation_id])
    return await _refund_now(engine, refund_id)


async def _make(
    connection: Connection, order: LockedOrder, reservation_id: str, new: NewRefund, refund_id: str
) -> Refund:
    """Validate the request and record the refund as owed."""
    paid = await rows.lock_paid(connection, reservation_id)
    if paid is None or order.status not in ("confirmed", "cancelled"):
        raise Conflict(f"An order that is {order.status} cannot be refunded.")
    if len(await rows.of_order(connection, reservation_id)) >= PARTS_MAX:
        raise Conflict(f"An order can have {PARTS_MAX} refunds.")
    tickets = await _tickets(connection, order, reservation_id, new.ticket_ids)
    seats = [it.seat_id for it in tickets if it.seat_id]
    if alone := await companions.left_alone(connection, order.event_id, reservation_id, seats):
        words = ", ".join(map(seat_words, alone))
        raise ValidationFailed("ticket_ids", f"must have the companion seat as well: {words}")
    amount = min(_paid_for(order, tickets), paid.left) if new.amount is None else new.amount
    _check_amount(amount, paid, order, tickets)
    of = paid.payment_id, reservation_id, amount, order.currency
    new_refund = Refund(refund_id, *of, tickets, new.to_stock, new.reason, "owed", "", 0, datetime.now(UTC))
    await rows.insert(connection, new_refund, new.fingerprint)
    await rows.void(connection, new.ticket_ids)
    if not amount or not paid.gateway:  # paid without a gateway: nothing to call
        await rows.mark_done(connection, refund_id)
    return new_refund


def _paid_for(order: LockedOrder, tickets: Sequence[CancelledTicket]) -> int:
    worth = sum(it.price * it.quantity for it in (*order.items, *order.cancelled))
    return share(sum(it.price for it in tickets), order.amount, worth)


def _check_amount(amount: int, paid: Paid, order: LockedOrder, tickets: Sequence[CancelledTicket]) -> None:
    if amount > paid.left:
        left = money(paid.left, order.currency)
        raise ValidationFailed("amount", f"must not be more than what is left to refund, {left}")
    if amount < 0 or (not amount and not tickets):
        raise ValidationFailed("amount", "must be more than 0, unless tickets are cancelled")


async def _tickets(
    connection: Connection, order: LockedOrder, reservation_id: str, ticket_ids: Sequence[str]
) -> list[CancelledTicket]:
    """Return the tickets with these ids, all of which must be valid tickets of the order."""
    valid = {it.ticket_id: it for it in await rows.valid_tickets(connection, reservation_id)}
    prices: dict[str, int] = {it.ticket_type_id: it.price for it in order.items}
    cancelled = list[CancelledTicket]()
    for i, ticket_id in enumerate(ticket_ids):
        ticket = valid.pop(ticket_id, None)
        if ticket is None:
            raise ValidationFailed(f"ticket_ids[{i}]", "is not a valid ticket of this order")
        cancelled.append(
            CancelledTicket(
                ticket_type_id=ticket.ticket_type_id,
                seat_id=ticket.seat_id,
                code=ticket.code,
                price=prices.get(ticket.ticket_type_id, 0),
            )
        )
    return cancelled


async def _return_to_stock(
    connection: Connection, order: LockedOrder, new_refund: Refund
) -> list[EndedReservation]:
    """Return the tickets to the stock; the result is what Redis has to be updated with."""
    if not new_refund.tickets or not new_refund.to_stock:
        return []
    kept, returned = divide(order.items, new_refund.tickets)
    if not kept:
        return await hold_endings.cancel_refunded(connection, new_refund.reservation_id)
    await rows.shrink(connection, new_refund.reservation_id, kept, returned)
    items = msgspec.json.encode(kept).decode()
    return [EndedReservation(new_refund.reservation_id, order.room_id, "confirmed", items)]


async def _record(connection: Connection, order: LockedOrder, new_refund: Refund, by: Author) -> None:
    after: dict[str, object] = {"refunded": order.refunded + new_refund.amount}
    if new_refund.tickets:
        after |= {
            "tickets_cancelled": [it.code for it in new_refund.tickets],
            "back_on_sale": new_refund.to_stock,
        }
    if new_refund.reason:
        after["reason"] = new_refund.reason
    entity = Entity("reservation", new_refund.reservation_id)
    await audit.record(connection, by, "refund", entity, before={"refunded": order.refunded}, after=after)


async def _refund_now(engine: ReservationEngine, refund_id: str) -> Refund:
    """Have the gateway refund it now, if it is still owed; return the refund as it is afterwards."""
    recorded = await rows.select_one(engine.stores.postgres, refund_id)
    if recorded is not None and recorded.refund.state == "owed":
        await refund_part(engine.stores, engine.gateway, recorded.refund)
        recorded = await rows.select_one(engine.stores.postgres, refund_id)
    if recorded is None:
        raise NotFound(NO_REFUND)
    return recorded.refund


async def retry(
    engine: ReservationEngine, reservation_id: ReservationId, refund_id: str, *, by: Author
) -> None:
    """Ask the gateway again for a refund that it refused; `refund_id` "" is the refund of the whole order.

    Raises ReservationNotFound, NotFound, and Conflict if less than its amount is left.
    """
    with stores_answer():
        await engine.see_through(_retry(engine, reservation_id, refund_id, by))


async def _retry(
    engine: ReservationEngine, reservation_id: ReservationId, refund_id: str, by: Author
) -> None:
    async with engine.stores.postgres.acquire() as connection, connection.transaction():
        if await orders.lock_status(connection, reservation_id) is None:
            raise ReservationNotFound("There is no such reservation.")
        if refund_id:
            await _make_due_again(connection, reservation_id, refund_id)
        elif not await rows.retry_full(connection, reservation_id):
            raise Conflict("No refund of this order has failed.")
        entity = Entity("reservation", reservation_id)
        await audit.record(connection, by, "retry_refund", entity, after={"refund": refund_id or "order"})
    if refund_id:
        await _refund_now(engine, refund_id)
        return
    for payment_id in await payments.refunds_owed(engine.stores.postgres, reservation_id):
        await refund_whole(engine.stores, engine.gateway, payment_id)


async def _make_due_again(connection: Connection, reservation_id: str, refund_id: str) -> None:
    recorded = await rows.select_one(connection, refund_id)
    if recorded is None or recorded.refund.reservation_id != reservation_id:
        raise NotFound(NO_REFUND)
    paid = await rows.lock_paid(connection, reservation_id, recorded.refund.payment_id)
    if paid is None or recorded.refund.amount > paid.left:
        raise Conflict("What is left of the payment is less than this refund.")
    if not await rows.retry(connection, refund_id):
        raise Conflict("This refund has not failed.")
