"""The limits of an API key besides its role: scopes and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

Scope = Literal[
    "rooms:read",
    "rooms:write",
    "sessions:write",
    "origin:write",
    "events:read",
    "events:write",
    "reservations:read",
    "reservations:write",
    "check_ins:read",
    "check_ins:write",
    "stats:read",
    "audit:read",
    "webhooks:read",
    "webhooks:write",
    "alerts:read",
    "alerts:write",
    "keys:read",
    "keys:write",
]
SCOPES: tuple[Scope, ...] = get_args(Scope)


class KeyRights(msgspec.Struct, frozen=True):
    """The limits of an API key; `scopes` or `events` None: only its role limits it."""

    scopes: frozenset[str] | None = None
    events: frozenset[str] | None = None
    rooms: frozenset[str] | None = None  # those of its events

    def may(self, scope: Scope | None) -> bool:
        """Whether it may make calls of this scope; calls without one are reserved for people."""
        return scope is not None and (self.scopes is None or scope in self.scopes)

    def is_for(self, params: Mapping[str, str]) -> bool:
        """Whether it covers the event and the room that a path names; the path must name at least one."""
        if self.events is None:
            return True
        event_id, room_id = params.get("event_id"), params.get("room_id")
        if event_id is None and room_id is None:
            return False
        return (event_id is None or event_id in self.events) and (
            room_id is None or room_id in (self.rooms or ())
        )

    def within(self, other: KeyRights) -> KeyRights:
        """The intersection of two sets of rights."""
        return KeyRights(
            _both(self.scopes, other.scopes), _both(self.events, other.events), _both(self.rooms, other.rooms)
        )


def _both(first: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if first is None or other is None:
        return other if first is None else first
    return first & other
