"""Every call of the contract, in its order. Importing a module of calls declares what is in it."""

from __future__ import annotations

from app.web import events, gate, health, openapi, orders, reservations, rooms, staff
from app.web.http import ENDPOINTS, Endpoint

_ORDER = [it.__name__ for it in (rooms, gate, events, orders, reservations, staff, health, openapi)]
CALLS: tuple[Endpoint, ...] = tuple(sorted(ENDPOINTS, key=lambda it: _ORDER.index(it.run.__module__)))
