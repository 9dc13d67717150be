"""Simulated fans: ordinary API clients that use only HTTP, one visitor each.

They follow the queue through one shared event stream, like waiting pages behind a CDN, so that even a crowd
of them costs the server little.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from random import Random
from typing import Any

import httpx
import msgspec

AT_ONCE_SHARE = 0.5  # this share arrives almost together, the others one by one
AT_ONCE_S, ONE_BY_ONE_S = 0.08, 0.5  # between two arrivals
NO_SHOW_SHARE, CANCEL_SHARE, FORGET_SHARE, DECLINED_SHARE = 0.05, 0.10, 0.10, 0.10
LOOK_S = (1.0, 8.0)  # to choose tickets, and again to find the card
NEXT_S = (3.0, 20.0)  # until the next fan takes over, in an endless crowd
TICKETS = (1, 1, 2, 2, 2, 3, 4)
CLAIM_AGAIN_S = 1.0
ATTEMPTS_MAX = 60  # calls repeated on 429 and 503
RECONNECT_S = 1.0
TIMEOUT_S = 20.0


class GaveUp(Exception):
    """A fan gave up: sold out, closed, not called in time, or refused."""


@dataclass
class StatusFollower:
    """The room's status document, as last received from the stream."""

    serving_position: int = 0
    state: str = ""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self, client: httpx.AsyncClient, room_id: str) -> None:
        """Follow the stream forever, reconnecting when it breaks."""
        while True:
            with suppress(httpx.HTTPError):
                async with client.stream("GET", f"/v1/rooms/{room_id}/events", timeout=None) as stream:
                    async for line in stream.aiter_lines():
                        if line.startswith("data:"):
                            await self._read(msgspec.json.decode(line[5:]))
            await asyncio.sleep(RECONNECT_S)

    async def _read(self, document: dict[str, Any]) -> None:
        async with self.changed:
            self.serving_position, self.state = document["serving_position"], document["state"]
            self.changed.notify_all()

    async def wait_until_open(self) -> None:
        """Wait until the pre-queue is over."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.state not in ("", "scheduled", "prequeue"))

    async def wait_until_called(self, queue_number: int) -> None:
        """Wait until this number is called. Raises GaveUp if nobody will be called any longer."""
        async with self.changed:
            await self.changed.wait_for(
                lambda: self.serving_position >= queue_number or self.state in ("sold_out", "closed")
            )
            if self.serving_position < queue_number:
                raise GaveUp(self.state)


@dataclass
class Crowd:
    """All fans of one sale. `tally` counts the steps they completed and why they gave up."""

    client: httpx.AsyncClient
    room_id: str
    event_id: str
    ticket_type_ids: list[str]
    random: Random
    seated: bool = False  # whether they ask for the best seats of a section
    status: StatusFollower = field(default_factory=StatusFollower)
    tally: Counter[str] = field(default_factory=Counter)

    async def run_fans(self, fans: int, *, again: bool = False) -> None:
        """Let this many fans arrive, queue and buy; returns when the last one is done.

        With `again` it never returns, because each fan is followed by another a little later.
        """
        following = asyncio.create_task(self.status.follow(self.client, self.room_id))
        try:
            async with asyncio.TaskGroup() as tasks:
                early = round(fans * AT_ONCE_SHARE)
                for number in range(fans):
                    late = max(0, number - early)
                    arrives_in_s = AT_ONCE_S * (number - late) + ONE_BY_ONE_S * late
                    tasks.create_task(self._fans(arrives_in_s) if again else self._fan(arrives_in_s))
        finally:
            following.cancel()

    async def _fans(self, arrives_in_s: float) -> None:
        """Run one fan after another, forever."""
        while True:
            await self._fan(arrives_in_s)
            arrives_in_s = self.random.uniform(*NEXT_S)

    async def _fan(self, arrives_in_s: float) -> None:
        await asyncio.sleep(arrives_in_s)
        try:
            place_token = await self._queue()
            if self.random.random() < NO_SHOW_SHARE:
                raise GaveUp("no_show")
            booking_token = await self._claim(place_token)
            await self._buy(booking_token, place_token)
        except GaveUp as end:
            self.tally[str(end)] += 1
        except httpx.HTTPError:
            self.tally["disconnected"] += 1

    async def _queue(self) -> str:
        place = (await self._call("POST", f"/v1/rooms/{self.room_id}/places")).json()
        self.tally["joined"] += 1
        token: str = place["place_token"]
        if place["queue_number"] is None:  # in the pre-queue: the draw assigns the number
            await self.status.wait_until_open()
        while place["queue_number"] is None:
            await asyncio.sleep(self.random.random() * min(10.0, place["poll_after_s"]))
            place = (await self._call("GET", f"/v1/rooms/{self.room_id}/places/me", token)).json()
            token = place["place_token"] or token
        if place["state"] == "waiting":
            await self.status.wait_until_called(place["queue_number"])
        return token

    async def _claim(self, place_token: str) -> str:
        for _ in range(ATTEMPTS_MAX):
            answer = await self._call(
                "POST", f"/v1/rooms/{self.room_id}/places/me/booking-token", place_token
            )
            if answer.status_code != 202:
                self.tally["admitted"] += 1
                token: str = answer.json()["booking_token"]
                return token
            await asyncio.sleep(CLAIM_AGAIN_S)
        raise GaveUp("never_called")

    async def _buy(self, booking_token: str, place_token: str) -> None:
        await asyncio.sleep(self.random.uniform(*LOOK_S))
        quantity = self.random.choice(TICKETS)
        item = {"ticket_type_id": self.random.choice(self.ticket_type_ids), "quantity": quantity}
        wish: dict[str, Any] = {"best_available": item} if self.seated else {"items": [item]}
        path = f"/v1/events/{self.event_id}/reservations"
        held = (await self._call("POST", path, booking_token, wish)).json()
        self.tally["held"] += 1
        await asyncio.sleep(self.random.uniform(*LOOK_S))
        path, mood = f"/v1/reservations/{held['reservation_id']}", self.random.random()
        if mood < FORGET_SHARE:
            raise GaveUp("forgot")
        if mood < FORGET_SHARE + CANCEL_SHARE:
            await self._call("POST", f"{path}/cancel", place_token)
            await self._leave(place_token)
            raise GaveUp("cancelled")
        if self.random.random() < DECLINED_SHARE:
            with suppress(GaveUp):
                await self._pay(path, place_token, "tok_declined")
        await self._pay(path, place_token, "tok_ok")
        self.tally["bought"] += 1
        self.tally["tickets"] += quantity

    async def _leave(self, place_token: str) -> None:
        """Leave, so that the next visitor need not wait for the end of the session."""
        with suppress(GaveUp):
            await self._call("DELETE", f"/v1/rooms/{self.room_id}/places/me", place_token)

    async def _pay(self, path: str, place_token: str, card: str) -> None:
        await self._call(
            "POST", f"{path}/confirm", place_token, {"payment": {"method": "card", "token": card}}
        )

    async def _call(
        self, method: str, path: str, token: str = "", body: dict[str, Any] | None = None
    ) -> httpx.Response:
        """Make one call, repeated with the same key on 429 and 503. Raises GaveUp if it is refused."""
        headers = {"Idempotency-Key": secrets.token_hex(8)}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        for _ in range(ATTEMPTS_MAX):
            answer = await self.client.request(method, path, headers=headers, json=body)
            if answer.status_code not in (429, 503):
                if answer.is_success:
                    return answer
                raise GaveUp(answer.json()["code"])
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")) + self.random.random())
        raise GaveUp("out_of_patience")


@asynccontextmanager
async def a_client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Open a client for many visitors at once: it keeps no cookies, which would make them all one visitor."""
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=50)
    async with httpx.AsyncClient(
        base_url=url, limits=limits, timeout=httpx.Timeout(TIMEOUT_S, pool=None), trust_env=False
    ) as client:
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield client
