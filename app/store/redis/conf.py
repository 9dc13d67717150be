"""The fields of a room's `conf` that staff set. Scripts write the others."""

from __future__ import annotations

from typing import get_args

from app.core.clock import to_ms
from app.core.identity import Identity
from app.core.lanes import shares_text
from app.core.model import RoomSettings
from app.core.tokens.proof_of_work import WORK
from app.core.waiting_room.newcomers import suspects_lane
from app.store.sql.waiting_room.rooms import RoomRow

FOR_EVER_MS = 9_000_000_000_000_000  # exact as a Lua number, too


def conf_fields(row: RoomRow) -> dict[str, str | int]:
    """Settings in the form that scripts read; 0 means none."""
    settings, (hold_ttl_s, max_tickets, currency) = row.room.settings, row.terms
    return {
        "rate": settings.admission_rate_per_minute,
        "burst": settings.burst or 0,
        "active_max": settings.active_visitors_max or 0,
        "claim_window_ms": settings.claim_window_s * 1000,
        "per_network": settings.unclaimed_per_network_max or 0,
        "session_ttl_ms": settings.session_ttl_s * 1000,
        "visitors_per_ticket": _decimal(settings),
        "ends_on_confirm": int(settings.session_ends_on_confirm),
        "members_until_ms": _members_until_ms(settings),
        "visitor_events": int(settings.visitor_events),
        "method": settings.queueing_method,
        "prequeue_at_ms": to_ms(settings.prequeue_at),
        "opens_at_ms": to_ms(settings.opens_at),
        "closes_at_ms": to_ms(settings.closes_at),
        "event_id": row.room.event_id or "",
        "generation": row.room.generation,
        "hold_ttl_ms": hold_ttl_s * 1000,
        "max_tickets": max_tickets,
        "currency": currency,
        "lanes": shares_text(settings.lanes),
        "parts": settings.parts if settings.parts > 1 else "",
        "newcomers": settings.newcomers_per_address or 0,
        "suspects": suspects_lane(settings),
        "work": WORK if settings.proof_of_work else 0,
        "captcha": int(settings.captcha),
        "identity": get_args(Identity).index(settings.identity),
    }


def restored_fields(row: RoomRow, draw_first: int) -> dict[str, str | int]:
    """All initial fields of a restored room.

    An open lottery whose draw was not prepared has given nobody a number: it is reset to its opening, which
    happens by itself unless staff paused the room. The same goes for an open room that was reset.
    """
    room, fields = row.room, conf_fields(row)
    fields |= {"version": room.version, "state": room.state}
    for name in ("lanes", "parts"):
        if not fields[name]:
            del fields[name]  # a room without them has no such field
    fields |= {"opened_at_ms": room.opened_at_ms, "closed_at_ms": room.closed_at_ms}
    fields |= {"unloaded": int(row.unloaded)}  # an unloaded room had nobody passed over
    undrawn = room.settings.queueing_method == "lottery" and draw_first == 0
    if (undrawn and room.state in ("open", "paused")) or (room.state == "open" and room.opened_at_ms == 0):
        fields |= {"state": "prequeue", "opened_at_ms": 0, "opens_at_ms": int(room.state == "open")}
    return fields


def _members_until_ms(settings: RoomSettings) -> int:
    if not settings.members_only:
        return 0
    return to_ms(settings.members_until) or FOR_EVER_MS


def _decimal(settings: RoomSettings) -> str:
    return f"{settings.visitors_per_ticket_max:.6f}".rstrip("0").rstrip(".")
