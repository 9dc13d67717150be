"""Every call of the contract, in its order. Importing a module of calls declares what is in it."""

from __future__ import annotations

from app.web import (
    accounts,
    audit,
    claims,
    events,
    gate,
    gate_sessions,
    health,
    keys,
    knownuser,
    openapi,
    orders,
    payments,
    reservations,
    resets,
    rooms,
    seats,
    staff,
    stats,
    webhooks,
)
from app.web.http import ENDPOINTS, Endpoint

_MODULES = (
    rooms,
    gate,
    events,
    seats,
    orders,
    reservations,
    claims,
    payments,
    accounts,
    resets,
    staff,
    gate_sessions,
    knownuser,
    stats,
    audit,
    webhooks,
    keys,
    health,
    openapi,
)
_ORDER = [it.__name__ for it in _MODULES]
CALLS: tuple[Endpoint, ...] = tuple(sorted(ENDPOINTS, key=lambda it: _ORDER.index(it.run.__module__)))
