"""The types of outbox events, as sent to other systems."""

from __future__ import annotations

from typing import Literal

NoticeType = Literal[
    "reservation.held",
    "reservation.confirmed",
    "reservation.cancelled",
    "reservation.expired",
    "payment.succeeded",
    "payment.declined",
    "payment.failed",
    "payment.refunded",
    "room.opened",
    "room.paused",
    "room.resumed",
    "room.closed",
    "room.sold_out",
    "room.rate_changed",
    "room.reset",
    "room.deleted",
    "room.visitor_events_dropped",
    "visitor.joined",
    "visitor.called",
    "visitor.claimed",
    "visitor.no_show",
    "visitor.left",
    "alert.started",
    "alert.ended",
]
