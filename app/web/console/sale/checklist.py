"""The checklist of what to do before a sale opens."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from app.core.clock import to_ms
from app.core.model import Event, Room, RoomStatus, Theme, TicketType
from app.core.text.formatting import money, number, zoned_time
from app.settings import Settings
from app.store.sql.catalogue.sale_lives import Life


class Step(msgspec.Struct, frozen=True):
    """One step before the opening; `href`: where to do it."""

    title: str
    done: bool
    about: str
    href: str = ""
    link: str = ""


class SaleFacts(msgspec.Struct, frozen=True):
    """Everything the checklist is computed from."""

    room: Room
    status: RoomStatus
    event: Event
    types: list[TicketType]
    life: Life


def steps(facts: SaleFacts, settings: Settings, may_edit: bool) -> list[Step]:
    """All steps, in order."""
    base = f"/admin/rooms/{facts.room.room_id}"
    edit, link = (f"{base}/edit", "Edit") if may_edit else ("", "")
    sold = any(kind.total for kind in facts.types)
    return [
        Step("Tickets and prices", sold, _sold(facts), edit and f"{edit}#tickets", link),
        Step("Times", facts.room.settings.opens_at is not None, _times(facts), edit and f"{edit}#when", link),
        _look_step(facts, f"{base}/theme"),
        _sender(settings),
        _payments(facts, settings),
        _rehearsed(facts),
        _published(facts),
    ]


def _look_step(facts: SaleFacts, href: str) -> Step:
    done = facts.room.settings.theme != Theme()
    about = "Colours, words or pictures of your own." if done else "It has the usual look so far."
    return Step("Look", done, about, href, "Look")


def _sender(settings: Settings) -> Step:
    sends = bool(settings.smtp_url.get_secret_value())
    about = "No mail server is set: mails are kept here and reach nobody."
    if sends:
        about = f"Confirmations and tickets are sent from {settings.mail_from}."
    return Step("Mail sender", sends, about, "/admin/mail", "Mail")


def _payments(facts: SaleFacts, settings: Settings) -> Step:
    free = bool(facts.types) and not any(kind.price for kind in facts.types)
    real = bool(settings.gateway) and not settings.simulates_payments
    if free:
        return Step("Payments", True, "Everything is free, so nothing has to be paid.")
    if real and not facts.room.settings.test:
        return Step("Payments", True, f"Tickets are paid by {settings.gateway.replace('_', ' ')}.")
    if settings.gateway or facts.room.settings.test:
        return Step("Payments", False, "Payments are simulated: no money is taken.")
    return Step("Payments", False, "No payment gateway is set, so nothing can be paid.")


def _rehearsed(facts: SaleFacts) -> Step:
    done = facts.life.rehearsed_at is not None
    about = "Walk through the sale as a fan does, with test payments."
    return Step("Test purchase", done, "Somebody bought tickets in a rehearsal." if done else about)


def _published(facts: SaleFacts) -> Step:
    is_published = facts.event.published
    return Step(
        "Published", is_published, "Fans can see it." if is_published else "Only staff can see it so far."
    )


def _sold(facts: SaleFacts) -> str:
    if not facts.types:
        return "Nothing is on sale yet."
    prices = sorted(kind.price for kind in facts.types)
    low, high = (money(price, facts.event.currency) for price in (prices[0], prices[-1]))
    count, kinds = number(sum(kind.total for kind in facts.types)), len(facts.types)
    span = low if low == high else f"{low} to {high}"
    return f"{count} tickets of {kinds} {'kind' if kinds == 1 else 'kinds'}, {span}."


def _times(facts: SaleFacts) -> str:
    opens, starts = facts.room.settings.opens_at, facts.event.starts_at
    begins = f"It starts on {zoned_time(to_ms(starts), facts.event.timezone)}."
    if starts <= datetime.now(UTC):
        begins = "Its start is in the past."
    if opens is None:
        return f"{begins} You open the sale by hand in the cockpit."
    return f"{begins} The sale opens on {zoned_time(to_ms(opens), facts.event.timezone)}."
