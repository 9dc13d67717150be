"""The crowd: an event on sale, and visitors inside with a booking token each; created by HTTP only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import jwt

from app.core.model import EventId, RoomId
from load.measure.wrk import Requests, WrkOptions, send
from load.servers.product import NotStarted, Product

TICKET_TYPES = ("floor", "balcony", "circle")
TICKETS = 10_000_000  # of each type, if they are not to run out
CALLED_TIMEOUT_S = 60.0
PREPARE_S = 600  # maximum for each step
LONG_S = 86_400
RATE_MAX = 60_000_000
PLACE_TOKEN = '"place_token":"([^"]+)"'
BOOKING_TOKEN = '"booking_token":"([^"]+)"'
RESERVATION_ID = '"reservation_id":"([^"]+)"'


@dataclass(frozen=True, slots=True)
class Sale:
    """An event on sale and its room, with the same id."""

    name: str

    @property
    def room_id(self) -> RoomId:
        """The room's id."""
        return RoomId(self.name)

    @property
    def event_id(self) -> EventId:
        """The event's id."""
        return EventId(self.name)


async def open_room(product: Product, name: str, **settings: object) -> RoomId:
    """Create and open a room without an event."""
    await product.post("/v1/rooms", {"room_id": name, "name": f"Benchmark {name}", **settings})
    await product.post(f"/v1/rooms/{name}/open")
    return RoomId(name)


async def open_sale(product: Product, name: str, tickets_each: int = TICKETS) -> Sale:
    """Create an event with several ticket types, with everybody admitted at once and nothing expiring."""
    room = {
        "admission_rate_per_minute": RATE_MAX,
        "active_visitors_max": None,
        "claim_window_s": LONG_S,
        "session_ttl_s": LONG_S,
        "visitors_per_ticket_max": 100,
    }
    event = {"event_id": name, "name": f"Benchmark {name}", "starts_at": "2030-01-01T20:00:00Z"}
    await product.post("/v1/events", {**event, "hold_ttl_s": LONG_S, "room": room})
    for ticket_type in TICKET_TYPES:
        document = {"ticket_type_id": ticket_type, "name": ticket_type.title(), "price": 4500}
        await product.post(f"/v1/events/{name}/ticket-types", {**document, "quantity": tickets_each})
    await product.post(f"/v1/rooms/{name}/open")
    return Sale(name)


def joins(room_id: RoomId, count: int = 0) -> Requests:
    """Requests that are each a new visitor's join: `count` of them, or without end."""
    lines = [("",)] * count
    return Requests("POST", f"/v1/rooms/{room_id}/places", lines=lines)


def joins_by_address(room_id: RoomId, count: int) -> Requests:
    """Requests that are each a new visitor's join, from one of 65,536 addresses reported by a trusted
    proxy."""
    lines = [(f"10.1.{number // 256 % 256}.{number % 256}",) for number in range(count)]
    return Requests("POST", f"/v1/rooms/{room_id}/places", {"X-Forwarded-For": "{1}"}, lines=lines)


def places(room_id: RoomId, place_tokens: Sequence[str]) -> Requests:
    """Requests for exact places, one visitor after the other."""
    path, headers = f"/v1/rooms/{room_id}/places/me", {"Authorization": "Bearer {1}"}
    return Requests("GET", path, headers, lines=[(token,) for token in place_tokens], again=True)


def claims(room_id: RoomId, place_tokens: Sequence[str]) -> Requests:
    """Requests for booking tokens, each by another called visitor."""
    path, headers = f"/v1/rooms/{room_id}/places/me/booking-token", {"Authorization": "Bearer {1}"}
    return Requests("POST", path, headers, lines=[(token,) for token in place_tokens], capture=BOOKING_TOKEN)


def statuses(room_id: RoomId) -> Requests:
    """Requests for the shared status document."""
    return Requests("GET", f"/v1/rooms/{room_id}")


def reservations(sale: Sale, booking_tokens: Sequence[str], first: int = 0) -> Requests:
    """Requests that each reserve one or two tickets for another visitor with another key (numbered from
    `first`)."""
    lines = []
    for number, token in enumerate(booking_tokens, first):
        ticket_type, quantity = TICKET_TYPES[number % len(TICKET_TYPES)], 1 + number % 2
        items = f'{{"items":[{{"ticket_type_id":"{ticket_type}","quantity":{quantity}}}]}}'
        lines.append((token, f"bench-{number}", str(len(items)), items))
    headers = {"Authorization": "Bearer {1}", "Idempotency-Key": "{2}", "Content-Length": "{3}"}
    path = f"/v1/events/{sale.event_id}/reservations"
    return Requests("POST", path, headers, "{4}", lines, capture=RESERVATION_ID)


def unhurried(options: WrkOptions) -> WrkOptions:
    """The same settings, but until all requests are answered."""
    return replace(options, seconds=PREPARE_S, rate=0)


async def waiting(product: Product, room_id: RoomId, count: int, options: WrkOptions) -> list[str]:
    """Let visitors join; return their place tokens."""
    requests = replace(joins(room_id, count), capture=PLACE_TOKEN)
    answers = await send(product.url, requests, unhurried(options))
    if len(answers.captured) != count:
        raise NotStarted(f"{count} visitors did not all join {room_id}: {dict(answers.answered)}")
    return list(answers.captured)


async def join_until_called(product: Product, sale: Sale, count: int, options: WrkOptions) -> list[str]:
    """Let visitors join and be called; return their place tokens."""
    place_tokens = await waiting(product, sale.room_id, count, options)
    await _until_called(product, sale.room_id, count)
    return place_tokens


async def inside(product: Product, sale: Sale, count: int, options: WrkOptions) -> list[str]:
    """Let visitors join, be called and claim; return their booking tokens."""
    requests = claims(sale.room_id, await join_until_called(product, sale, count, options))
    answers = await send(product.url, requests, unhurried(options))
    if len(answers.captured) != count:
        raise NotStarted(f"{count} visitors did not all claim in {sale.room_id}: {dict(answers.answered)}")
    return list(answers.captured)


def visitor_of(booking_token: str) -> str:
    """Return the visitor id in a booking token."""
    return str(jwt.decode(booking_token, options={"verify_signature": False})["sub"])


async def _until_called(product: Product, room_id: RoomId, count: int) -> None:
    deadline = time.monotonic() + CALLED_TIMEOUT_S
    while time.monotonic() < deadline:
        document = (await product.staff.get(f"/v1/rooms/{room_id}")).json()
        if document["called"] >= count:
            return
        await asyncio.sleep(0.2)
    raise NotStarted(f"the queue of {room_id} was not called within {CALLED_TIMEOUT_S:.0f} s")
