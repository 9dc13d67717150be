"""Describes an edit line by line: what changes, its consequences, and who is notified."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.core.catalogue.sale_edit import EVENT_FIELDS, NOTIFIED, ROOM_FIELDS, Sale, SaleEdit, terms_of
from app.core.catalogue.seat_numbering import seats_in
from app.core.model import Event, RoomStatus, TicketType, TicketTypeId
from app.core.text.formatting import number
from app.store.sql.monitoring.sale_figures import Buyers
from app.web.console.sale import words as sale_words

SHOWN = "Shown on the queue page and the booking page at once"
WINDOW = "For reservations from now on; what is held can still be paid for."
FEE = "For reservations from now on, and shown before anything is reserved. Orders keep theirs."
TAX = "For reservations from now on; orders keep the tax they were made with."
AT_ONCE = "That is in the past, so it happens at once."


class Line(msgspec.Struct, frozen=True):
    """One change; `effect`: its consequence, "" if not worth mentioning."""

    what: str
    before: str
    after: str
    effect: str


class Context(msgspec.Struct, frozen=True):
    """What the consequences depend on."""

    sale: Sale
    status: RoomStatus
    buyers: Buyers


def lines(edit: SaleEdit, now: Context) -> list[Line]:
    """All changes, in the order of the form."""
    event, settings = now.sale.event, now.sale.room.settings
    changed: Event = msgspec.structs.replace(event, **edit.event)
    effects = [
        _line(it, getattr(event, it), edit.event[it], changed, event, now)
        for it in EVENT_FIELDS
        if it in edit.event
    ]
    effects += [
        line for it in now.sale.types for line in _of_type(it, edit.terms.get(it.ticket_type_id, {}), now)
    ]
    effects += [
        Line(_name(now, it), "on sale", "removed", "Nothing of it was ever reserved.") for it in edit.removed
    ]
    effects += [
        Line(it.name, "not there", f"{number(it.quantity)} at {_price(it.price, changed)}", _new(now))
        for it in edit.types
    ]
    effects += [
        Line(
            it.name,
            "not there",
            f"{number(seats_in(it))} seats at {_price(it.price, changed)}",
            _new(now),
        )
        for it in edit.sections
    ]
    for name in ROOM_FIELDS:
        if name == "theme" and name in edit.room:
            before, after = sale_words.look_words(settings.theme, edit.room[name])
            effects.append(Line("Look", before, after, "Fans see it with their next page."))
        elif name in edit.room:
            effects.append(_line(name, getattr(settings, name), edit.room[name], changed, event, now))
    return effects


def notifies(edit: SaleEdit) -> bool:
    """Whether something changes that buyers should hear about."""
    return any(it in edit.event for it in NOTIFIED)


def letter(changed: list[Line], event: Event) -> tuple[str, str]:
    """Subject and text of a message to the buyers, as a draft for staff."""
    text = "\n".join(
        f"- {it.what}: {it.after} (before: {it.before})" for it in changed if it.what in _NOTIFIED_NAMES
    )
    return (
        f"A change: {event.name}",
        f"Dear guests,\n\nplease note what has changed:\n\n{text}\n\nYour tickets stay valid.",
    )


_NOTIFIED_NAMES = [sale_words.NAMES[it] for it in NOTIFIED]


def _line(name: str, before: Any, after: Any, changed: Event, event: Event, now: Context) -> Line:
    texts = sale_words.value(name, before, event), sale_words.value(name, after, changed)
    return Line(sale_words.NAMES[name], *texts, _effect(name, before, after, now))


def _effect(name: str, before: Any, after: Any, now: Context) -> str:
    if name in NOTIFIED:
        return _who_is_notified(now)
    if name in ("prequeue_at", "opens_at", "closes_at"):
        past = f" {AT_ONCE}" if after is not None and after <= datetime.now(UTC) else ""
        return f"The countdown on every open queue page follows within seconds.{past}"
    effect = _EFFECTS.get(name)
    return effect(before, after, now) if effect else ""


def _who_is_notified(now: Context) -> str:
    orders = now.buyers.orders
    if not orders:
        return f"{SHOWN}. Nobody has bought a ticket yet, so nobody has to be told."
    whom = "1 order is" if orders == 1 else f"{number(orders)} orders are"
    return (
        f"{SHOWN}, and on the tickets of before. {whom} affected: tell the buyers below. "
        "To move the sale with a time for refunds, use “Move or cancel”."
    )


def _rate(before: int, after: int, now: Context) -> str:
    if not after:
        return "Nobody is admitted any more."
    on = now.sale.room.settings.autopilot
    return "From the next second on." + (" The autopilot pauses." if on is not None and not on.paused else "")


def _cap(before: int | None, after: int | None, now: Context) -> str:
    inside = now.status.called + now.status.active
    if after is not None and inside > after:
        return f"{number(inside)} are inside now: they stay, and nobody is called until fewer are."
    return "From the next second on."


_EFFECTS: dict[str, Callable[[Any, Any, Context], str]] = {
    "admission_rate_per_minute": _rate,
    "active_visitors_max": _cap,
    "max_tickets_per_visitor": lambda *_: "For reservations from now on; who has more keeps them.",
    "hold_ttl_s": lambda *_: "For reservations from now on; those that are held keep their time.",
    "hold_extend_s": lambda *_: "For reservations that are held now, too, once each.",
    "claim_window_s": lambda *_: "For those who are called from now on.",
    "session_ttl_s": lambda *_: "For those who go in from now on.",
    "sell_after_start": lambda _, on, __: "" if on else "Nothing more is reserved once the event has begun.",
    "fee_per_ticket": lambda *_: FEE,
    "fee_rate_bp": lambda *_: FEE,
    "fee_tax_rate_bp": lambda *_: TAX,
    "payments": lambda *_: "For payments from now on; those that have begun go on where they are.",
    "seller": lambda *_: "On receipts from now on.",
    "message": lambda _, __, now: f"{number(now.status.waiting)} in the queue read it within a second.",
    "queueing_method": lambda *_: "For everybody who joins.",
    "draw_entropy": lambda *_: "In a lottery: it is published when the pre-queue starts.",
}


def _of_type(ticket_type: TicketType, terms: dict[str, Any], now: Context) -> list[Line]:
    event, before = now.sale.event, terms_of(ticket_type)
    effects = dict.fromkeys(("sale_from", "sale_until"), WINDOW) | {"tax_rate_bp": TAX}
    effects |= {"name": f"{SHOWN}, and on the tickets of before.", "price": _price_effect(ticket_type)}
    if "quantity" in terms:
        effects["quantity"] = _quantity_effect(ticket_type, terms["quantity"], now)
    return [
        Line(
            f"{ticket_type.name}: {sale_words.NAMES[name].lower()}",
            sale_words.value(name, before[name], event),
            sale_words.value(name, value, event),
            effects[name],
        )
        for name, value in terms.items()
    ]


def _price_effect(ticket_type: TicketType) -> str:
    held, sold = number(ticket_type.held), number(ticket_type.sold)
    unchanged = f"{held} held and {sold} sold keep the price they were taken at. "
    return (
        "For reservations from now on. "
        + (unchanged if ticket_type.held or ticket_type.sold else "")
        + "Whoever has the booking page open is shown the new price before anything is reserved."
    )


def _quantity_effect(ticket_type: TicketType, quantity: int, now: Context) -> str:
    free = quantity - ticket_type.held - ticket_type.sold
    if quantity < ticket_type.total:
        fewer = number(ticket_type.total - quantity)
        return f"{fewer} fewer: {number(free)} stay free. What is held or sold is kept."
    waiting = now.status.waiting
    first = f", first to the {number(waiting)} who wait" if waiting else ""
    return f"{number(quantity - ticket_type.total)} more go on sale at once{first}."


def _new(now: Context) -> str:
    return "On sale with the others at once."


def _name(now: Context, ticket_type_id: TicketTypeId) -> str:
    return next(it.name for it in now.sale.types if it.ticket_type_id == ticket_type_id)


def _price(amount: int, event: Event) -> str:
    return sale_words.value("price", amount, event)
