"""The prices that the queue page tells: one line for each, with what is sold at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.model import TicketType

PRICES_MAX, NAMES_MAX = 12, 8  # everybody carries the weight of that page


@dataclass(frozen=True)
class PriceLine:
    """One price and what is sold at it: the names of ticket types, apart by commas."""

    names: str
    price: int


def price_lines(ticket_types: Sequence[TicketType]) -> tuple[PriceLine, ...]:
    """The prices of an event, the lowest first; a hall of twenty sections has three of them."""
    names: dict[int, list[str]] = {}
    for it in ticket_types:
        names.setdefault(it.price, []).append(it.name)
    lines = [PriceLine(_some(named), price) for price, named in sorted(names.items())]
    return tuple(lines[:PRICES_MAX])


def _some(names: Sequence[str]) -> str:
    more = " …" if len(names) > NAMES_MAX else ""
    return f"{', '.join(names[:NAMES_MAX])}{more}"
