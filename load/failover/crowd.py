"""Fans of a sale whose stores fail over: the responses they got, and when calls succeeded."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

AGAIN_S = 0.1
FANS = 16  # who go in, reserve, and pay or cancel
JOIN_EVERY_S = 0.05  # interval at which somebody joins the queue
MOVES = ("confirm", "cancel", "keep")


@dataclass
class QueuedFan:
    """Somebody who got a place in the queue."""

    visitor_id: str
    number: int
    token: str


@dataclass
class Responses:
    """The responses that all fans got."""

    began: float = field(default_factory=time.monotonic)
    reserved: set[str] = field(default_factory=set)  # reservations answered 201
    cancelled: set[str] = field(default_factory=set)  # answered 200
    confirmed: set[str] = field(default_factory=set)  # answered 200 to a payment
    queue: list[QueuedFan] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    done_at: dict[str, list[float]] = field(default_factory=dict)

    def done(self, what: str) -> None:
        """Record that a writing call succeeded."""
        self.done_at.setdefault(what, []).append(time.monotonic() - self.began)

    def longest_pause_s(self, what: str, after: float) -> float:
        """Return the longest time without a success of this kind that ended after that moment."""
        at = self.done_at.get(what, [])
        return max((b - a for a, b in itertools.pairwise(at) if b >= after), default=float("inf"))


@dataclass
class FailoverCrowd:
    """Fans of one web process; they retry after a 503 and after a broken connection."""

    client: httpx.AsyncClient
    sale: str
    queue_room: str  # whose visitors only wait
    responses: Responses = field(default_factory=Responses)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Run until `over`."""
        await asyncio.gather(self._queue_grows(), *(self._fan(number) for number in range(FANS)))

    async def call(
        self, what: str, method: str, path: str, token: str = "", **options: Any
    ) -> httpx.Response:
        """Repeat one call until the response is not a 503."""
        headers = options.pop("headers", {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        while True:
            try:
                response = await self.client.request(method, path, headers=headers, **options)
            except httpx.TransportError as error:
                self.responses.failed[f"{what}: {type(error).__name__}"] += 1
            else:
                if response.status_code < 500:
                    if response.is_success and response.status_code != 202:
                        self.responses.done(what)
                    return response
                self.responses.failed[f"{what}: {response.status_code} {_code(response)}"] += 1
            await asyncio.sleep(AGAIN_S)

    async def _queue_grows(self) -> None:
        while not self.over.is_set():
            joining = asyncio.create_task(self._join_queue())
            await asyncio.wait({joining}, timeout=5)
            await asyncio.sleep(JOIN_EVERY_S)

    async def _join_queue(self) -> None:
        response = await self.call("join", "POST", f"/v1/rooms/{self.queue_room}/places")
        if response.status_code == 201:
            place = response.json()
            self.responses.queue.append(
                QueuedFan(place["visitor_id"], place["queue_number"], place["place_token"])
            )
        else:
            self.responses.failed[f"join: {response.status_code} {_code(response)}"] += 1

    async def _fan(self, number: int) -> None:
        for turn in itertools.count(number):
            if self.over.is_set():
                return
            place = (await self.call("join", "POST", f"/v1/rooms/{self.sale}/places")).json()
            if booking := await self._claim(place["place_token"]):
                await self._buy(place["place_token"], booking, MOVES[turn % len(MOVES)], turn)

    async def _claim(self, token: str) -> str:
        path = f"/v1/rooms/{self.sale}/places/me/booking-token"
        while not self.over.is_set():
            response = await self.call("claim", "POST", path, token)
            if response.status_code in (200, 201):
                return str(response.json()["booking_token"])
            if response.status_code != 202:
                self.responses.failed[f"claim: {response.status_code} {_code(response)}"] += 1
                return ""
            await asyncio.sleep(AGAIN_S)
        return ""

    async def _buy(self, place: str, booking: str, move: str, turn: int) -> None:
        body = {"items": [{"ticket_type_id": "floor", "quantity": 1 + turn % 3}]}
        path = f"/v1/events/{self.sale}/reservations"
        response = await self.call(
            "reserve", "POST", path, booking, json=body, headers={"Idempotency-Key": f"t{turn}"}
        )
        if response.status_code != 201:
            self.responses.failed[f"reserve: {response.status_code} {_code(response)}"] += 1
            return
        held = response.json()["reservation_id"]
        self.responses.reserved.add(held)
        if move == "cancel":
            response = await self.call("cancel", "POST", f"/v1/reservations/{held}/cancel", place)
            if response.is_success:
                self.responses.cancelled.add(held)
        elif move == "confirm":
            response = await self._pay(held, place)
            if response.status_code == 200:
                self.responses.confirmed.add(held)
        if not response.is_success:
            self.responses.failed[f"{move}: {response.status_code} {_code(response)}"] += 1

    async def _pay(self, held: str, place: str) -> httpx.Response:
        body = {"payment": {"method": "card", "token": "tok_ok"}}
        path = f"/v1/reservations/{held}/confirm"
        for attempt in itertools.count():
            key = {"Idempotency-Key": f"pay-{held}-{attempt // 10}"}
            response = await self.call("confirm", "POST", path, place, json=body, headers=key)
            if response.status_code not in (202, 402) or self.over.is_set():
                return response
            await asyncio.sleep(AGAIN_S)
        raise AssertionError


def no_cookies() -> CookieJar:
    """A cookie policy for a client that acts for many visitors."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json().get("code") or "")
    except ValueError:
        return ""
