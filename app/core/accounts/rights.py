"""Rights in one sale, in addition to the roles of the installation.

Every staff call of the API declares a scope, and so does every page and form of the console that concerns one
sale. This table is the only place that says which scopes a role in a sale includes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from app.core.accounts.scopes import Scope

SaleRole = Literal["owner", "operator", "door", "finance", "viewer"]
SALE_ROLES: tuple[SaleRole, ...] = get_args(SaleRole)

_SEE: frozenset[Scope] = frozenset(("rooms:read", "events:read", "stats:read"))
_DOOR: frozenset[Scope] = frozenset(("check_ins:read", "check_ins:write"))
SALE_MAY: Mapping[SaleRole, frozenset[Scope]] = {
    "owner": _SEE
    | _DOOR
    | frozenset(("rooms:write", "sessions:write", "events:write", "reservations:read", "reservations:write")),
    "operator": _SEE | _DOOR | frozenset(("rooms:write", "sessions:write", "reservations:read")),
    "door": _DOOR | frozenset(("events:read",)),
    "finance": _SEE | frozenset(("reservations:read", "reservations:write")),
    "viewer": _SEE,
}
SAYS: Mapping[SaleRole, str] = {
    "owner": "everything in this sale, and who else may",
    "operator": "runs the queue and sees the orders",
    "door": "checks tickets in",
    "finance": "sees orders and money, and refunds",
    "viewer": "looks, and changes nothing",
}


class Grant(msgspec.Struct, frozen=True):
    """A role in an event's sale, with the room of its queue."""

    event_id: str
    room_id: str
    sale_role: SaleRole


class Grants(msgspec.Struct, frozen=True):
    """Everything an account may do in single sales."""

    given: tuple[Grant, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.given)

    def may(self, scope: Scope | None, params: Mapping[str, str], *, of_sales: bool = False) -> bool:
        """Whether a call or page with this scope is allowed for the event and the room in `params`.

        One that names neither belongs to no sale, except for lists that show all accounts their own
        (`of_sales`).
        """
        event_id, room_id = params.get("event_id"), params.get("room_id")
        if event_id is None and room_id is None:
            return of_sales and (bool(self.given) if scope is None else bool(self.events(scope)))
        if scope is None:
            return False
        matching = [
            it for it in self.given if event_id in (None, it.event_id) and room_id in (None, it.room_id)
        ]
        return any(scope in SALE_MAY[it.sale_role] for it in matching)

    def events(self, scope: Scope) -> frozenset[str]:
        """The events in whose sales this scope is granted."""
        return frozenset(it.event_id for it in self.given if scope in SALE_MAY[it.sale_role])

    def rooms(self, scope: Scope) -> frozenset[str]:
        """The rooms of those events."""
        return frozenset(it.room_id for it in self.given if scope in SALE_MAY[it.sale_role])
