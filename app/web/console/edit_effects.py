"""Describes an edit line by line: what changes, its consequences, and who is notified."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.core.formatting import number
from app.core.model import Event, RoomStatus, TicketType, TicketTypeId
from app.core.sale_edit import EVENT_FIELDS, ROOM_FIELDS, TOLD, Sale, SaleEdit, terms_of
from app.core.seat_numbering import seats_in
from app.store.sql.sale_figures import Buyers
from app.web.console import sale_words

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


class Now(msgspec.Struct, frozen=True):
    """What the consequences depend on."""

    sale: Sale
    status: RoomStatus
    buyers: Buyers


def lines(edit: SaleEdit, now: Now) -> list[Line]:
    """All changes, in the order of the form."""
    event, settings = now.sale.event, now.sale.room.settings
    wanted: Event = msgspec.structs.replace(event, **edit.event)
    found = [
        _line(it, getattr(event, it), edit.event[it], wanted, event, now)
        for it in EVENT_FIELDS
        if it in edit.event
    ]
    found += [
        line for it in now.sale.types for line in _of_type(it, edit.terms.get(it.ticket_type_id, {}), now)
    ]
    found += [
        Line(_name(now, it), "on sale", "removed", "Nothing of it was ever reserved.") for it in edit.removed
    ]
    found += [
        Line(it.name, "not there", f"{number(it.quantity)} at {_price(it.price, wanted)}", _new(now))
        for it in edit.types
    ]
    found += [
        Line(
            it.name,
            "not there",
            f"{number(seats_in(it))} seats at {_price(it.price, wanted)}",
            _new(now),
        )
        for it in edit.sections
    ]
    for it in ROOM_FIELDS:
        if it == "theme" and it in edit.room:
            before, after = sale_words.look(settings.theme, edit.room[it])
            found.append(Line("Look", before, after, "Fans see it with their next page."))
        elif it in edit.room:
            found.append(_line(it, getattr(settings, it), edit.room[it], wanted, event, now))
    return found


def told(edit: SaleEdit) -> bool:
    """Whether something changes that buyers should hear about."""
    return any(it in edit.event for it in TOLD)


def letter(changed: list[Line], event: Event) -> tuple[str, str]:
    """Subject and text of a message to the buyers, as a draft for staff."""
    said = "\n".join(
        f"- {it.what}: {it.after} (before: {it.before})" for it in changed if it.what in _TOLD_NAMES
    )
    return (
        f"A change: {event.name}",
        f"Dear guests,\n\nplease note what has changed:\n\n{said}\n\nYour tickets stay valid.",
    )


_TOLD_NAMES = [sale_words.NAMES[it] for it in TOLD]


def _line(name: str, before: Any, after: Any, wanted: Event, event: Event, now: Now) -> Line:
    said = sale_words.value(name, before, event), sale_words.value(name, after, wanted)
    return Line(sale_words.NAMES[name], *said, _effect(name, before, after, now))


def _effect(name: str, before: Any, after: Any, now: Now) -> str:
    if name in TOLD:
        return _told(now)
    if name in ("prequeue_at", "opens_at", "closes_at"):
        past = f" {AT_ONCE}" if after is not None and after <= datetime.now(UTC) else ""
        return f"The countdown on every open queue page follows within seconds.{past}"
    found = _EFFECTS.get(name)
    return found(before, after, now) if found else ""


def _told(now: Now) -> str:
    orders = now.buyers.orders
    if not orders:
        return f"{SHOWN}. Nobody has bought a ticket yet, so nobody has to be told."
    whom = "1 order is" if orders == 1 else f"{number(orders)} orders are"
    return (
        f"{SHOWN}, and on the tickets of before. {whom} affected: tell the buyers below. "
        "To move the sale with a time for refunds, use “Move or cancel”."
    )


def _rate(before: int, after: int, now: Now) -> str:
    if not after:
        return "Nobody is admitted any more."
    on = now.sale.room.settings.autopilot
    return "From the next second on." + (" The autopilot pauses." if on is not None and not on.paused else "")


def _cap(before: int | None, after: int | None, now: Now) -> str:
    inside = now.status.called + now.status.active
    if after is not None and inside > after:
        return f"{number(inside)} are inside now: they stay, and nobody is called until fewer are."
    return "From the next second on."


_EFFECTS: dict[str, Callable[[Any, Any, Now], str]] = {
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


def _of_type(it: TicketType, terms: dict[str, Any], now: Now) -> list[Line]:
    event, before = now.sale.event, terms_of(it)
    effects = dict.fromkeys(("sale_from", "sale_until"), WINDOW) | {"tax_rate_bp": TAX}
    effects |= {"name": f"{SHOWN}, and on the tickets of before.", "price": _price_effect(it)}
    if "quantity" in terms:
        effects["quantity"] = _quantity_effect(it, terms["quantity"], now)
    return [
        Line(
            f"{it.name}: {sale_words.NAMES[name].lower()}",
            sale_words.value(name, before[name], event),
            sale_words.value(name, value, event),
            effects[name],
        )
        for name, value in terms.items()
    ]


def _price_effect(it: TicketType) -> str:
    kept = f"{number(it.held)} held and {number(it.sold)} sold keep the price they were taken at. "
    return (
        "For reservations from now on. "
        + (kept if it.held or it.sold else "")
        + "Whoever has the booking page open is shown the new price before anything is reserved."
    )


def _quantity_effect(it: TicketType, wanted: int, now: Now) -> str:
    free = wanted - it.held - it.sold
    if wanted < it.total:
        return f"{number(it.total - wanted)} fewer: {number(free)} stay free. What is held or sold is kept."
    waiting = now.status.waiting
    first = f", first to the {number(waiting)} who wait" if waiting else ""
    return f"{number(wanted - it.total)} more go on sale at once{first}."


def _new(now: Now) -> str:
    return "On sale with the others at once."


def _name(now: Now, ticket_type_id: TicketTypeId) -> str:
    return next(it.name for it in now.sale.types if it.ticket_type_id == ticket_type_id)


def _price(amount: int, event: Event) -> str:
    return sale_words.value("price", amount, event)
