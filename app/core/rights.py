"""Rights in one sale, beside the roles of the installation: who may do what there.

Every call of the API that is for staff declares a scope, and so does every page and form of the console that
is about one sale. This table is the one place that says which of them a role in a sale may use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from app.core.scopes import Scope

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
    """A role in the sale of an event, with the room of its queue."""

    event_id: str
    room_id: str
    sale_role: SaleRole


class Grants(msgspec.Struct, frozen=True):
    """Everything an account may do in single sales."""

    given: tuple[Grant, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.given)

    def may(self, scope: Scope | None, params: Mapping[str, str], *, of_sales: bool = False) -> bool:
        """Whether it may use a call or page of this scope that is about the event and the room of `params`.

        One that names neither is of no sale, but for a list that shows everybody what is theirs (`of_sales`).
        """
        event_id, room_id = params.get("event_id"), params.get("room_id")
        if event_id is None and room_id is None:
            return of_sales and (bool(self.given) if scope is None else bool(self.events(scope)))
        if scope is None:
            return False
        found = [it for it in self.given if event_id in (None, it.event_id) and room_id in (None, it.room_id)]
        return any(scope in SALE_MAY[it.sale_role] for it in found)

    def events(self, scope: Scope) -> frozenset[str]:
        """The events in whose sales it may use this scope."""
        return frozenset(it.event_id for it in self.given if scope in SALE_MAY[it.sale_role])

    def rooms(self, scope: Scope) -> frozenset[str]:
        """The rooms of those."""
        return frozenset(it.room_id for it in self.given if scope in SALE_MAY[it.sale_role])
