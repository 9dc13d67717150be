"""Explains in plain words what will happen in a sale and when, before it is created."""

from __future__ import annotations

from datetime import datetime

from app.core.catalogue.definitions import EventDefinition
from app.core.catalogue.seat_numbering import seats_in
from app.core.clock import to_ms
from app.core.text import formatting

Step = tuple[str, str]  # when, what
TYPES_SHOWN = 12


def plan(definition: EventDefinition, zone: str, now: datetime) -> list[Step]:
    """All steps, in order."""
    room = definition.room
    steps = []

    def at(time: datetime) -> str:
        moment = formatting.zoned_time(to_ms(time), zone)
        return f"{moment}: in the past, so at once" if time <= now else moment

    announced = "The queue page is online and in the list of sales. Nobody can join yet."
    if not definition.published:
        announced = "Only staff can see the sale until it is published."
    steps.append(("At once", announced))
    if room.prequeue_at:
        order = (
            "When the sale opens, the order is drawn at random: it does not matter who came first."
            if room.queueing_method == "lottery"
            else "First come, first served."
        )
        steps.append((at(room.prequeue_at), f"The pre-queue starts: people can join and wait. {order}"))
    opening = at(room.opens_at) if room.opens_at else "When you press Open in the cockpit"
    steps.append((opening, f"The queue opens. {_speed(definition)}"))
    steps.append(("From then on", _turn(definition)))
    steps += [("On sale", it) for it in _on_sale(definition)]
    steps.append(("Sold out", _sold_out(definition)))
    closing = at(room.closes_at) if room.closes_at else "When you press Close"
    steps.append(
        (closing, "The sale closes. People inside can finish; everybody else is told that it is over.")
    )
    steps.append((at(definition.starts_at), f"{definition.name} starts."))
    return steps


def warnings(definition: EventDefinition) -> list[str]:
    """Settings that are valid but probably a mistake."""
    warned, room, tickets = [], definition.room, _tickets(definition)
    if room.admission_rate_per_minute == 0:
        warned.append("The rate is 0: nobody is admitted until you raise it.")
    if room.opens_at and room.opens_at >= definition.starts_at:
        warned.append("The sale opens after the event has started.")
    if room.queueing_method == "lottery" and not room.prequeue_at:
        warned.append(
            "A lottery without a pre-queue has nobody to draw: people who join later queue in order."
        )
    if not tickets:
        warned.append("No tickets are on sale: nobody is called.")
    return warned


def _speed(definition: EventDefinition) -> str:
    room = definition.room
    cap = room.active_visitors_max
    inside = (
        "with no limit on how many are inside at once"
        if cap is None
        else f"at most {formatting.number(cap)} inside at once"
    )
    return (
        f"Up to {formatting.number(room.admission_rate_per_minute)} people are admitted per minute, {inside}."
    )


def _turn(definition: EventDefinition) -> str:
    room, most = definition.room, definition.max_tickets_per_visitor
    come, choose = _duration(room.claim_window_s), _duration(room.session_ttl_s)
    return (
        f"Visitors who are called have {come} to respond, then {choose} to choose up to {most} tickets, held "
        f"for {_duration(definition.hold_ttl_s)} until paid. Without a response, the next person is called."
    )


def _on_sale(definition: EventDefinition) -> list[str]:
    """List the ticket types with full prices, so that a misplaced decimal point stands out."""
    sold = [(it.name, it.quantity, it.price) for it in definition.ticket_types]
    sold += [(it.name, seats_in(it), it.price) for it in definition.sections]
    windows = [
        f"{name}: {formatting.number(count)} at {formatting.money(price, definition.currency)}"
        for name, count, price in sold[:TYPES_SHOWN]
    ]
    return ["; ".join(windows) + ("; …" if len(sold) > TYPES_SHOWN else ".")] if windows else []


def _sold_out(definition: EventDefinition) -> str:
    tickets, rate = _tickets(definition), definition.room.admission_rate_per_minute
    text = f"{formatting.number(tickets)} tickets"
    if rate and tickets:
        each = max(1, definition.max_tickets_per_visitor)
        least, most = (_duration(round(60 * tickets / it / rate)) for it in (each, 1))
        text += f": at this rate the last one goes after {least} if everybody takes {each}, {most} if one"
    return f"{text}. Visitors still waiting keep their place and are offered returned tickets."


def _tickets(definition: EventDefinition) -> int:
    counted = sum(it.quantity for it in definition.ticket_types)
    return counted + sum(seats_in(it) for it in definition.sections)


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds"
    if seconds < 2 * 3600:
        return f"{round(seconds / 60)} minutes"
    return f"{round(seconds / 3600)} hours"
