"""The way of a visitor through a sale. Any other call is `request`, with the documents of `types`."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from random import uniform
from typing import TYPE_CHECKING, Any, cast

import httpx

if TYPE_CHECKING:
    from fairgate_client.types import (
        BookingTokenDocument,
        PaymentBody,
        PlaceDocument,
        ReservationDocument,
        ReserveBody,
        StatusDocument,
    )

READY = ("called", "active")
WAITING = ("prequeue", "waiting")
AGAIN = (429, 503)
PAUSE_MAX_S = 30.0
STREAM_QUIET_S = 30.0  # a stream says something every fifteen seconds; a silent one is dead
STREAM_AGAIN_S = 2.0


class Refused(Exception):
    """The API said no; `code` says why, `document` is all it said."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(str(document.get("detail") or document.get("title") or status))
        self.status = status
        self.code = str(document.get("code", ""))
        self.document = document


class Over(Exception):
    """The place is none any more; `state` says how it ended."""

    def __init__(self, state: str) -> None:
        super().__init__(f"The place has ended: {state}.")
        self.state = state


class Fairgate:
    """One visitor's, or one shop's, way to a Fairgate. Use it in `async with`.

    What the server asks to be sent again (429, 503), and what got no answer, is sent again for `patience_s`,
    where that changes nothing twice: everything here but a join whose answer was lost.
    """

    def __init__(self, url: str, *, patience_s: float = 60.0, timeout_s: float = 10.0) -> None:
        self._patience_s = patience_s
        self._http = httpx.AsyncClient(base_url=url.rstrip("/"), timeout=timeout_s)

    async def __aenter__(self) -> Fairgate:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def join(
        self, room_id: str, *, quantity: int = 1, place_token: str = "", locale: str = ""
    ) -> PlaceDocument:
        """A place in the queue; with the token of one before, that very place."""
        body: dict[str, Any] = {"quantity": quantity} if quantity > 1 else {}
        if locale:
            body["locale"] = locale
        path = f"/v1/rooms/{room_id}/places"
        found = await self.request("POST", path, token=place_token, json=body, repeat=bool(place_token))
        return cast("PlaceDocument", found)

    async def place(self, place: PlaceDocument) -> PlaceDocument:
        """The place as it is now. Its token may be a new one: keep the newest."""
        path = f"/v1/rooms/{place['room_id']}/places/me"
        return cast("PlaceDocument", await self.request("GET", path, token=place["place_token"]))

    async def wait(self, place: PlaceDocument) -> PlaceDocument:
        """Until it is their turn: the place to claim with. Raises Over when the place ends before.

        The shared status document is followed, and the place itself is asked for when the queue has come to
        it, or as often as the server says.
        """
        news = asyncio.Event()
        follower = asyncio.create_task(self._follow(place, news))
        try:
            while (place := await self.place(place))["state"] in WAITING:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(news.wait(), max(1, place["poll_after_s"]) * uniform(0.75, 1.25))
                news.clear()
        finally:
            follower.cancel()
            with suppress(asyncio.CancelledError):
                await follower
        if place["state"] not in READY:
            raise Over(place["state"])
        return place

    async def claim(self, place: PlaceDocument) -> BookingTokenDocument:
        """The booking token of a turn, the same one when asked again. Waits where the turn has not come."""
        path = f"/v1/rooms/{place['room_id']}/places/me/booking-token"
        while True:
            found = await self.request("POST", path, token=place["place_token"])
            if "booking_token" in found:
                return cast("BookingTokenDocument", found)
            place = await self.wait(cast("PlaceDocument", {**found, "place_token": place["place_token"]}))

    async def reserve(
        self,
        event_id: str,
        booking_token: str,
        what: ReserveBody,
        *,
        key: str = "",
        expected_amount: int | None = None,
    ) -> ReservationDocument:
        """Hold tickets. With the same `key` it is the same reservation, however often it is asked for."""
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(16)}
        if expected_amount is not None:
            headers["X-Expected-Amount"] = str(expected_amount)
        path = f"/v1/events/{event_id}/reservations"
        found = await self.request("POST", path, token=booking_token, json=what, headers=headers)
        return await self._decided(found, booking_token)

    async def pay(
        self, reservation_id: str, booking_token: str, payment: PaymentBody | None = None, *, key: str = ""
    ) -> ReservationDocument:
        """Pay a hold; without a payment where the tickets are free. With the same `key` it is paid once."""
        path = f"/v1/reservations/{reservation_id}/confirm"
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(16)}
        body = {"payment": payment} if payment else {}
        found = await self.request("POST", path, token=booking_token, json=body, headers=headers)
        return await self._decided(found, booking_token)

    async def status(self, room_id: str) -> AsyncIterator[StatusDocument]:
        """The shared status document, at each change, until the stream breaks off."""
        async with self._http.stream(
            "GET", f"/v1/rooms/{room_id}/events", timeout=httpx.Timeout(10.0, read=STREAM_QUIET_S)
        ) as answer:
            if answer.status_code != 200:
                raise Refused(answer.status_code, {})
            data: list[str] = []
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    data.append(line[5:].removeprefix(" "))
                elif not line and data:
                    yield cast("StatusDocument", json.loads("\n".join(data)))
                    data = []

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        json: Any = None,
        headers: dict[str, str] | None = None,
        repeat: bool = True,
    ) -> dict[str, Any]:
        """Any call. Raises Refused, and httpx.TransportError when there was no answer for `patience_s`."""
        sent = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        until, pause_s = time.monotonic() + self._patience_s, 0.5
        while True:
            try:
                answer = await self._http.request(method, path, json=json, headers=sent)
                self._http.cookies.clear()  # a place is in its token; a second visitor of ours is another one
            except httpx.TransportError as error:
                sendable = repeat or isinstance(error, httpx.ConnectError)
                if not sendable or time.monotonic() + pause_s > until:
                    raise
            else:
                document = answer.json() if answer.content else {}
                if answer.is_success:
                    return cast("dict[str, Any]", document)
                pause_s = max(pause_s, _retry_after_s(answer))
                if answer.status_code not in AGAIN or time.monotonic() + pause_s > until:
                    raise Refused(answer.status_code, document)
            await asyncio.sleep(uniform(0.75, 1.25) * pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _follow(self, place: PlaceDocument, news: asyncio.Event) -> None:
        """Say when the queue has come to the place. Asking goes on where there are no streams."""
        while True:
            with suppress(httpx.HTTPError, Refused, ValueError):
                async for status in self.status(place["room_id"]):
                    number = place["queue_number"]
                    if status["state"] != "open" or number is None or _serving(status, place) >= number:
                        news.set()
            await asyncio.sleep(uniform(1, 2) * STREAM_AGAIN_S)

    async def _decided(self, found: dict[str, Any], token: str) -> ReservationDocument:
        """The reservation, once it is held, or its payment has come to an end."""
        until = time.monotonic() + self._patience_s
        path = f"/v1/reservations/{found['reservation_id']}"
        while "status" not in found or found["status"] == "paying":
            if time.monotonic() > until:
                raise TimeoutError(f"{path} is still undecided")
            await asyncio.sleep(uniform(0.75, 1.25))
            found = await self.request("GET", path, token=token)
        return cast("ReservationDocument", found)


def _serving(status: StatusDocument, place: PlaceDocument) -> int:
    """How far the queue is; in a room with lanes, how far that of the place's lane."""
    lanes, lane = status.get("lanes"), place.get("lane", 0)
    return lanes[lane]["serving_position"] if lanes else status["serving_position"]


def _retry_after_s(answer: httpx.Response) -> float:
    try:
        return min(PAUSE_MAX_S, max(0.0, float(answer.headers.get("retry-after", ""))))
    except ValueError:
        return 0.0
