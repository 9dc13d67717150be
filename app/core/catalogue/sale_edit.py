"""Changes to a sale that staff make in one step: its event, its room and its ticket types."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.catalogue.definitions import NewSection, NewTicketType
from app.core.model import Event, Room, TicketType, TicketTypeId

EVENT_FIELDS = (
    "name",
    "artist",
    "venue",
    "starts_at",
    "timezone",
    "currency",
    "max_tickets_per_visitor",
    "hold_ttl_s",
    "hold_extend_s",
    "sell_after_start",
    "prices_include_tax",
    "fee_per_ticket",
    "fee_rate_bp",
    "fee_tax_rate_bp",
    "payments",
    "seller",
)
ROOM_FIELDS = (
    "prequeue_at",
    "opens_at",
    "closes_at",
    "admission_rate_per_minute",
    "active_visitors_max",
    "claim_window_s",
    "session_ttl_s",
    "queueing_method",
    "draw_entropy",
    "message",
    "theme",
)
TYPE_FIELDS = ("name", "price", "tax_rate_bp", "quantity", "sale_from", "sale_until")
NOTIFIED = ("name", "artist", "venue", "starts_at", "timezone")  # changes that buyers must be notified of


class Sale(msgspec.Struct, frozen=True):
    """A sale as stored. `revision` is that of its last change by staff."""

    event: Event
    room: Room
    types: list[TicketType]
    reserved: bool  # whether there ever was a reservation
    revision: int


class SaleEdit(msgspec.Struct, frozen=True):
    """The fields to change; times as datetimes, `terms` by the names of the API."""

    event: dict[str, Any]
    room: dict[str, Any]
    terms: dict[TicketTypeId, dict[str, Any]]
    types: list[NewTicketType]
    sections: list[NewSection]
    removed: list[TicketTypeId]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        return not any(getattr(self, name) for name in self.__struct_fields__)


def differing(before: Any, after: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The fields in which two structs differ, with the values of the second."""
    return {it: getattr(after, it) for it in names if getattr(before, it) != getattr(after, it)}


def terms_of(ticket_type: TicketType) -> dict[str, Any]:
    """The terms of a ticket type, by the names of the API."""
    return {
        "name": ticket_type.name,
        "price": ticket_type.price,
        "tax_rate_bp": ticket_type.tax_rate_bp,
        "quantity": ticket_type.total,
        "sale_from": ticket_type.sale_from,
        "sale_until": ticket_type.sale_until,
    }


def locked(sale: Sale) -> dict[str, str]:
    """The fields that cannot be changed now, and why."""
    reasons = {"event_id": "It is in every link and on every ticket, so it never changes."}
    if sale.reserved:
        reasons["currency"] = "Tickets were reserved in it."
    if sale.room.state != "scheduled":
        reasons["prequeue_at"] = "The pre-queue has started, or the sale has opened."
        reasons["queueing_method"] = "People are in the queue already, by this order."
        reasons["draw_entropy"] = "It was published when the pre-queue started."
    if sale.room.opened_at_ms:
        reasons["opens_at"] = "The sale has opened."
    return reasons
