"""The prices on the queue page: one line per price, with the ticket types at that price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.model import TicketType

PRICES_MAX, NAMES_MAX = 12, 8  # limits, because the whole crowd loads that page


@dataclass(frozen=True)
class PriceLine:
    """One price, and the comma-separated names of its ticket types."""

    names: str
    price: int


def price_lines(ticket_types: Sequence[TicketType]) -> tuple[PriceLine, ...]:
    """The prices of an event, lowest first. A hall of twenty sections may have only three."""
    names: dict[int, list[str]] = {}
    for it in ticket_types:
        names.setdefault(it.price, []).append(it.name)
    lines = [PriceLine(_some(named), price) for price, named in sorted(names.items())]
    return tuple(lines[:PRICES_MAX])


def _some(names: Sequence[str]) -> str:
    more = " …" if len(names) > NAMES_MAX else ""
    return f"{', '.join(names[:NAMES_MAX])}{more}"
