"""Every call of the contract, in its order. Importing a module of calls declares them."""

from __future__ import annotations

from app.web.api import openapi
from app.web.api.access import accounts, api_keys, password_resets
from app.web.api.orders import (
    buyers,
    check_ins,
    checkout,
    guest_takeover,
    orders,
    payments,
    reservations,
    transfers,
)
from app.web.api.room import (
    gate_stats,
    identity,
    member_login,
    origin,
    place_email,
    place_receipt,
    proof_of_work,
    room_admin,
    room_history,
    room_invites,
    room_list,
    room_log,
    room_settings,
    rooms,
    virtual_waiting_room,
)
from app.web.api.sale import cancel_or_move, codes, events, guests, seats
from app.web.api.system import alerts, audit, health, stats, webhooks
from app.web.gate import forward_auth, knownuser, preview, sessions, sites
from app.web.http.routes import ENDPOINTS, Endpoint

_MODULES = (
    room_list,
    rooms,
    room_log,
    place_receipt,
    proof_of_work,
    identity,
    place_email,
    forward_auth,
    sites,
    events,
    cancel_or_move,
    seats,
    codes,
    guests,
    orders,
    check_ins,
    reservations,
    checkout,
    buyers,
    transfers,
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
    member_login,
    room_invites,
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
