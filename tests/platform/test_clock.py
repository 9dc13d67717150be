"""The machine's clock is set back an hour while everything runs, and forward again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.platform.outside import OPS, fairgate, up
from tests.support.http import plain_client
from tests.support.prepared_postgres import prepare
from tests.support.waiting import wait_until

LIBRARIES = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
HOUR = timedelta(hours=1)


class Fan:
    """A visitor who buys."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._headers: dict[str, str] = {}

    async def join(self) -> None:
        place = (await self._ask("/v1/rooms/gala/places")).json()
        self._headers = {"Authorization": f"Bearer {place['place_token']}"}

    async def claim(self) -> None:
        async def claimed() -> httpx.Response | None:
            answer = await self._ask("/v1/rooms/gala/places/me/booking-token")
            return answer if answer.status_code in (200, 201) else None

        answer = await wait_until(claimed, "the claim", every_s=0.5)
        assert answer is not None
        self._headers = {"Authorization": f"Bearer {answer.json()['booking_token']}"}

    async def buy(self) -> None:
        held = await self._ask(
            "/v1/events/gala/reservations", {"items": [{"ticket_type_id": "floor", "quantity": 1}]}
        )
        assert held.status_code == 201, held.text
        path = f"/v1/reservations/{held.json()['reservation_id']}/confirm"
        paid = await self._ask(path, {"payment": {"method": "card", "token": "tok_ok"}})
        assert paid.json()["status"] == "confirmed", paid.text

    async def _ask(self, path: str, document: Any = None) -> httpx.Response:
        self._client.cookies.clear()  # another fan's cookies
        headers = self._headers | {"Idempotency-Key": "once"}
        return await self._client.post(path, json=document, headers=headers)


class Sale:
    """An installation with its own clock, and what staff do there."""

    def __init__(self, clock: Path, client: httpx.AsyncClient, token: str) -> None:
        self._clock, self._client = clock, client
        self._staff = {"Authorization": f"Bearer {token}"}

    async def open(self) -> None:
        await self._send("POST", "/v1/events", event_id="gala", name="Gala", starts_at="2030-01-01T20:00:00Z")
        floor: dict[str, Any] = {"ticket_type_id": "floor", "name": "Floor", "price": 100, "quantity": 9}
        await self._send("POST", "/v1/events/gala/ticket-types", **floor)
        await self._send("PATCH", "/v1/rooms/gala", admission_rate_per_minute=6_000)
        await self._send("POST", "/v1/rooms/gala/open")

    async def set_clock(self, shift: str, expected: timedelta) -> None:
        """Set the clock and wait until the stores follow it."""
        self._clock.write_text(shift)

        async def shifted() -> bool:
            updated = (await self._client.get("/v1/rooms/gala")).json()["updated_at"]
            return abs(datetime.fromisoformat(updated) - datetime.now(UTC) - expected) < HOUR / 2

        await wait_until(shifted, f"the clock at {shift}")

    async def _send(self, method: str, path: str, **document: Any) -> None:
        answer = await self._client.request(method, path, json=document, headers=self._staff)
        assert answer.is_success, answer.text


@pytest.mark.skipif(not LIBRARIES, reason="needs libfaketime (apt-get install faketime)")
async def test_an_hour_back_and_forth_costs_nobody_a_turn_or_a_ticket(data: Path) -> None:
    clock = data.with_suffix(".clock")
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    prepare(data / "postgres")
    running = await up(data, "--simulate-payments", **faked)
    token = (await fairgate("token", "--role", "admin", "--sub", "boss", "--data", str(data))).out.strip()
    async with plain_client(running.url, timeout=20) as client:
        sale = Sale(clock, client, token)
        await sale.open()
        called, inside = Fan(client), Fan(client)
        await called.join()
        await inside.join()
        await inside.claim()
        for shift, expected in (("-1h", -HOUR), ("+0", timedelta())):
            await sale.set_clock(shift, expected)
            newcomer = Fan(client)
            await newcomer.join()
            await newcomer.claim()
            await newcomer.buy()
            if expected:
                await called.claim()
                await called.buy()
                await inside.buy()

        async def ready() -> bool:  # once the workers have been seen at this hour
            return (await client.get("/readyz", headers=OPS)).status_code == 200

        await wait_until(ready, "readiness")
    checked = await fairgate("check", "gala", "--data", str(data))
    assert checked.code == 0, checked.err
    running.process.terminate()  # not `stop`: under libfaketime `time.sleep` fails, and stopping uses it
    await running.process.wait()
