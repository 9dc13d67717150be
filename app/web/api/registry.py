"""Every call of the contract, in its order. Importing a module of calls declares them."""

from __future__ import annotations

from app.web.api import (
    accounts,
    alerts,
    api_keys,
    audit,
    checkout,
    events,
    gate_stats,
    guest_takeover,
    health,
    openapi,
    orders,
    origin,
    password_resets,
    payments,
    place_email,
    reservations,
    room_admin,
    room_history,
    room_list,
    room_settings,
    rooms,
    seats,
    stats,
    virtual_waiting_room,
    webhooks,
)
from app.web.gate import forward_auth, knownuser, preview, sessions, sites
from app.web.http.routes import ENDPOINTS, Endpoint

_MODULES = (
    room_list,
    rooms,
    place_email,
    forward_auth,
    sites,
    events,
    seats,
    orders,
    reservations,
    checkout,
    guest_takeover,
    payments,
    accounts,
    password_resets,
    room_admin,
    room_settings,
    origin,
    sessions,
    preview,
    knownuser,
    virtual_waiting_room,
    stats,
    room_history,
    gate_stats,
    audit,
    alerts,
    webhooks,
    api_keys,
    health,
    openapi,
)
_ORDER = [it.__name__ for it in _MODULES]
CALLS: tuple[Endpoint, ...] = tuple(sorted(ENDPOINTS, key=lambda it: _ORDER.index(it.run.__module__)))
