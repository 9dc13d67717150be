"""A sale's settings in words: the names of the fields, and their values as staff read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.core.clock import to_ms
from app.core.model import Event, Theme, TicketType
from app.core.text import formatting, typed
from app.store.sql.audit import Entry

NAMES = {
    "name": "Name",
    "artist": "Artist",
    "venue": "Venue",
    "starts_at": "Starts",
    "timezone": "Time zone",
    "currency": "Currency",
    "max_tickets_per_visitor": "Tickets per visitor at most",
    "hold_ttl_s": "Time to pay",
    "hold_extend_s": "Extension of the time to pay",
    "sell_after_start": "Sold after the start",
    "published": "Published",
    "prequeue_at": "Pre-queue starts",
    "opens_at": "Opens",
    "closes_at": "Closes",
    "admission_rate_per_minute": "Admitted per minute",
    "active_visitors_max": "Inside at once at most",
    "claim_window_s": "Time to respond",
    "session_ttl_s": "Time to choose tickets",
    "queueing_method": "Order",
    "draw_entropy": "What a draw is made with",
    "message": "Message to the queue",
    "theme": "Look",
    "prices_include_tax": "Prices typed with tax",
    "fee_per_ticket": "Booking fee per ticket",
    "fee_rate_bp": "Booking fee, of the price",
    "fee_tax_rate_bp": "Tax in the booking fee",
    "payments": "How buyers pay",
    "seller": "Seller",
    "price": "Price",
    "tax_rate_bp": "Tax",
    "quantity": "How many",
    "sale_from": "On sale from",
    "sale_until": "On sale until",
    "state": "State",
}
LOOK = {"accent": "accent", "paper": "background", "welcome": "welcome", "footer": "footer"}
ORDERS = {"fifo": "first come, first served", "lottery": "lottery"}
ENTROPIES = {
    "none": "the seed",
    "entries": "the seed and everybody who joins",
    "beacon": "the seed and a public random number",
}
SHORT = 60  # characters shown of a text
STEPS = {
    "create": "created",
    "delete": "removed",
    "open": "opened",
    "pause": "paused",
    "resume": "resumed",
    "close": "closed",
    "reset": "reset",
}


def value(name: str, content: Any, event: Event) -> str:
    """Format a field's value, with times in the event's zone and money in its currency."""
    if content is None:
        return "no limit" if name == "active_visitors_max" else "not set"
    if isinstance(content, bool):
        return "yes" if content else "no"
    if name in ("price", "fee_per_ticket"):
        return formatting.money(content, event.currency)
    if name == "hold_extend_s" and not content:
        return "none"
    if name.endswith("_bp"):
        return formatting.percent(content)
    if name.endswith("_s"):
        return typed.duration_text(content)
    if isinstance(content, int):
        return formatting.number(content)
    if name.endswith(("_at", "_from", "_until")):
        at = datetime.fromisoformat(content) if isinstance(content, str) else content
        return formatting.zoned_time(to_ms(at), event.timezone)
    if name == "payments":
        return ", ".join(one.replace("_", " ") for one in content) or "all ways that are set up"
    if name == "queueing_method":
        return ORDERS[content]
    if name == "draw_entropy":
        return ENTROPIES[content]
    return short(str(content))


def short(text: str) -> str:
    """Shorten a text."""
    return "empty" if not text else text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def look_words(before: Theme, after: Theme) -> tuple[str, str]:
    """Describe two themes by what differs between them."""
    names = [it for it in LOOK if getattr(before, it) != getattr(after, it)]

    def described(it: Theme) -> str:
        return ", ".join(f"{LOOK[name]} {short(getattr(it, name))}" for name in names)

    return described(before), described(after)


def entry_words(entry: Entry, event: Event, types: Sequence[TicketType]) -> str:
    """Describe a change of the log in one line: “Standing: Price €45.00 → €50.00”."""
    subject = ""
    if entry.change.kind == "ticket_type":
        type_id = entry.change.id.rpartition("/")[2]
        subject = next((kind.name for kind in types if kind.ticket_type_id == type_id), type_id)
    if entry.change.action != "change":
        step = STEPS.get(entry.change.action, entry.change.action)
        return (
            f"{subject} {step}" if subject else f"{'sale' if entry.change.kind == 'event' else 'room'} {step}"
        )
    before, after = entry.change.before or {}, entry.change.after or {}
    changes = ", ".join(
        f"{NAMES.get(name, name.replace('_', ' '))} {_change(name, before.get(name), after[name], event)}"
        for name in after
        if name != "why"
    )
    return f"{subject}: {changes}" if subject else changes


def _change(name: str, before: Any, after: Any, event: Event) -> str:
    if isinstance(before, (dict, list)) or isinstance(after, (dict, list)):
        return "changed"
    return f"{value(name, before, event)} → {value(name, after, event)}"
