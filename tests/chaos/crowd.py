"""Visitors of a sale: they join, wait, hold, pay or cancel, and retry when asked to."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.core.model import EventId, RoomId
from tests.support.waiting import wait_until

RETRY_S = 0.1
VISITS_MAX = 4_000
ENDINGS = ("hold", "confirm", "cancel", "confirm")  # what visitors do with a hold, in turn


@dataclass(frozen=True)
class Sale:
    """What is on sale."""

    room_id: RoomId
    event_id: EventId
    ticket_type_id: str
    quantity: int


@dataclass
class Crowd:
    """All visitors of one sale, the responses they got, and what they were promised."""

    client: httpx.AsyncClient
    sale: Sale
    promised: dict[str, dict[str, Any]] = field(default_factory=dict)  # by reservation id, from each 201
    answers: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)  # responses that no visitor should get
    _unanswered: set[object] = field(default_factory=set)  # one for each reserve call without a response yet
    _fans: list[asyncio.Task[None]] = field(default_factory=list)
    _visits: itertools.count[int] = field(default_factory=itertools.count)

    async def send(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        key: str = "",
        body: Any = None,
    ) -> httpx.Response:
        """Send until there is a response: again after a 503 or a broken connection."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if key:
            headers["Idempotency-Key"] = key

        async def answer() -> httpx.Response | None:
            try:
                found = await self.client.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                self.answers["broken"] += 1
                return None
            return self._checked(found)

        return await wait_until(answer, f"{method} {path}", every_s=RETRY_S)

    def _checked(self, found: httpx.Response) -> httpx.Response | None:
        """The response, or None for a 503. Anything that breaks the contract is recorded as a violation."""
        document = found.json() if "json" in found.headers.get("content-type", "") else {}
        code = document.get("code") or ""
        self.answers[f"{found.status_code} {code}".strip()] += 1
        request = f"{found.request.method} {found.request.url.path}: {found.status_code} {code}"
        if found.status_code >= 400 and found.headers["content-type"] != "application/problem+json":
            self.violations.append(f"{request} is no problem document: {found.text[:200]}")
        if found.status_code >= 500 and found.status_code != 503:
            self.violations.append(request)
        if found.status_code != 503:
            return found
        if not found.headers.get("retry-after", "").isdigit():
            self.violations.append(f"{request} has no Retry-After")
        return None

    def expect(self, found: httpx.Response, *statuses: int) -> httpx.Response:
        """Record a response with any other status as a violation."""
        if found.status_code not in statuses:
            self.violations.append(
                f"{found.request.method} {found.request.url.path}: {found.status_code} {found.text[:200]}"
            )
        return found

    async def visitor(self) -> Visitor:
        """Somebody who has just joined."""
        found = await self.send("POST", f"/v1/rooms/{self.sale.room_id}/places")
        place = self.expect(found, 201).json()
        return Visitor(self, place["visitor_id"], place["place_token"], place["queue_number"])

    async def buyer(self) -> Visitor:
        """Somebody inside."""
        visitor = await self.visitor()
        await visitor.enter()
        return visitor

    async def visit(self) -> None:
        """One visitor from the door to a hold, a ticket, or the way back."""
        number = next(self._visits)
        visitor = await self.buyer()
        found = await visitor.reserve("only", quantity=1 + number % 3)
        if self.expect(found, 201, 409).status_code == 201:
            held = found.json()["reservation_id"]
            match ENDINGS[number % len(ENDINGS)]:
                case "confirm":
                    await visitor.pay(held)
                case "cancel":
                    self.expect(await visitor.cancel(held), 200)

    @asynccontextmanager
    async def traffic(self, fans: int = 10) -> AsyncIterator[None]:
        """This many fans visit one after another while the block runs; it ends when all have left."""
        over = asyncio.Event()

        async def fan() -> None:
            visits = 0
            while not over.is_set() and visits < VISITS_MAX // fans:
                await self.visit()
                visits += 1

        self._fans = [asyncio.create_task(fan()) for _ in range(fans)]
        try:
            yield
        finally:
            over.set()
            ended = await asyncio.gather(*self._fans, return_exceptions=True)
        for broke in ended:
            if isinstance(broke, BaseException):
                raise broke

    @contextmanager
    def reserving(self) -> Iterator[None]:
        """Count somebody as waiting for an outcome."""
        call = object()
        self._unanswered.add(call)
        try:
            yield
        finally:
            self._unanswered.discard(call)

    async def wait_for_outcomes(self) -> None:
        """Wait until everybody now waiting for a reservation has a response."""
        waiting = self._unanswered.copy()

        async def all_answered() -> bool:
            return not waiting & self._unanswered

        await wait_until(all_answered, f"{len(waiting)} outcomes")

    async def wait_for_promises(self, more: int) -> None:
        """Wait for this many more reservations with a 201."""
        wanted = len(self.promised) + more

        async def enough() -> bool:
            for fan in self._fans:
                if fan.done():
                    fan.result()  # raises whatever ended them early
            return len(self.promised) >= wanted

        try:
            await wait_until(enough, f"{more} more reservations")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; so far {self.answers}; violations: {self.violations[:3]}"
            ) from None


@dataclass
class Visitor:
    """One person visiting a sale."""

    crowd: Crowd
    visitor_id: str
    place_token: str
    queue_number: int
    booking_token: str = ""

    def _room(self, path: str) -> str:
        return f"/v1/rooms/{self.crowd.sale.room_id}/{path}"

    async def place(self) -> dict[str, Any]:
        """Their place."""
        found = await self.crowd.send("GET", self._room("places/me"), token=self.place_token)
        document: dict[str, Any] = self.crowd.expect(found, 200).json()
        self.place_token = document["place_token"]
        return document

    async def claim(self) -> httpx.Response:
        """Ask for the booking token once."""
        return await self.crowd.send("POST", self._room("places/me/booking-token"), token=self.place_token)

    async def enter(self) -> None:
        """Wait to be called, and claim."""

        async def inside() -> bool:
            found = self.crowd.expect(await self.claim(), 200, 201, 202)
            self.booking_token = found.json().get("booking_token", "")
            return found.status_code != 202

        await wait_until(inside, "being called", every_s=RETRY_S)

    async def reserve(self, key: str, *, quantity: int = 1) -> httpx.Response:
        """Hold tickets; the same key is the same request."""
        return await self.reserve_body(
            key, {"items": [{"ticket_type_id": self.crowd.sale.ticket_type_id, "quantity": quantity}]}
        )

    async def reserve_body(self, key: str, wanted: dict[str, Any]) -> httpx.Response:
        """Hold what the body asks for."""
        sale = self.crowd.sale
        with self.crowd.reserving():
            found = await self.crowd.send(
                "POST",
                f"/v1/events/{sale.event_id}/reservations",
                token=self.booking_token,
                key=key,
                body=wanted,
            )
        if found.status_code == 201:
            document = found.json()
            self.crowd.promised.setdefault(document["reservation_id"], document)
        return found

    async def pay(self, reservation_id: str) -> None:
        """Pay until it succeeds: a declined attempt charged nothing, so it is repeated."""
        attempts = itertools.count()
        key = f"pay-{next(attempts)}"

        async def paid() -> bool:
            nonlocal key
            found = await self.confirm(reservation_id, key=key)
            if found.status_code == 402:
                key = f"pay-{next(attempts)}"
            # 202: the gateway is still being asked. 409: an attempt has just ended, so ask again.
            return self.crowd.expect(found, 200, 202, 402, 409).status_code == 200

        await wait_until(paid, "the payment", every_s=RETRY_S)

    async def confirm(self, reservation_id: str, *, key: str = "pay") -> httpx.Response:
        """Ask to pay for a hold."""
        return await self.crowd.send(
            "POST",
            f"/v1/reservations/{reservation_id}/confirm",
            token=self.place_token,
            key=key,
            body={"payment": {"method": "card", "token": "tok_ok"}},
        )

    async def cancel(self, reservation_id: str) -> httpx.Response:
        """Cancel a hold."""
        return await self.crowd.send(
            "POST", f"/v1/reservations/{reservation_id}/cancel", token=self.place_token
        )
