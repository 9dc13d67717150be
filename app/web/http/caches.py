"""Short-lived caches, so that a crowd asking the same causes one read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.web.http.cache import TimedCache

if TYPE_CHECKING:
    from app.core.account import Account
    from app.core.gate.knownuser import Connector
    from app.core.waiting_room.members import MemberLogin
    from app.monitoring.fairness import Fairness
    from app.monitoring.readiness import Readiness
    from app.store.sql.reservations.orders import ReservationCounts
    from app.web.documents.seats import CachedSeatMap


@dataclass(frozen=True, slots=True)
class Caches:
    """One of each per process."""

    # By event_id: whether it is published, and the document.
    availability: TimedCache[tuple[bool, bytes]] = field(default_factory=lambda: TimedCache(1.0))
    seat_maps: TimedCache[CachedSeatMap] = field(default_factory=lambda: TimedCache(1.0))  # by event_id
    # By event_id, "" for all: counting reads all reservations.
    reservation_counts: TimedCache[ReservationCounts] = field(default_factory=lambda: TimedCache(5.0))
    # By token: its account's current state. Calls that change something look it up each time.
    accounts: TimedCache[Account] = field(default_factory=lambda: TimedCache(2.0))
    connectors: TimedCache[Connector | None] = field(default_factory=lambda: TimedCache(2.0))  # by room_id
    member_logins: TimedCache[MemberLogin | None] = field(
        default_factory=lambda: TimedCache(2.0)
    )  # by room_id
    fairness: TimedCache[Fairness] = field(default_factory=lambda: TimedCache(5.0))  # by room_id
    readiness: TimedCache[Readiness] = field(default_factory=lambda: TimedCache(1.0))
