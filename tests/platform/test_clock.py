"""The clock of the machine is set back an hour while everything runs, and forward again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.platform.outside import OPS, fairgate, up
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
        self._client.cookies.clear()  # those of another fan
        headers = self._headers | {"Idempotency-Key": "once"}
        return await self._client.post(path, json=document, headers=headers)


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
    running = await up(data, "--simulate-payments", **faked)
    told = await fairgate("token", "--role", "admin", "--sub", "boss", "--data", str(data))
    staff = {"Authorization": f"Bearer {told.out.strip()}"}
    async with httpx.AsyncClient(base_url=running.url, timeout=20) as client:

        async def post(path: str, document: Any = None) -> None:
            answer = await client.post(path, json=document, headers=staff)
            assert answer.is_success, answer.text

        async def at(shift: str, expected: timedelta) -> None:
            """Set the clock, and wait until the stores go by it."""
            clock.write_text(shift)

            async def shifted() -> bool:
                updated = (await client.get("/v1/rooms/gala")).json()["updated_at"]
                off = datetime.fromisoformat(updated) - datetime.now(UTC) - expected
                return abs(off) < HOUR / 2

            await wait_until(shifted, f"the clock at {shift}")

        await post("/v1/events", {"event_id": "gala", "name": "Gala", "starts_at": "2030-01-01T20:00:00Z"})
        floor = {"ticket_type_id": "floor", "name": "Floor", "price": 100, "quantity": 9}
        await post("/v1/events/gala/ticket-types", floor)
        rate = {"admission_rate_per_minute": 6_000}
        assert (await client.patch("/v1/rooms/gala", json=rate, headers=staff)).is_success
        await post("/v1/rooms/gala/open")
        called, inside = Fan(client), Fan(client)
        await called.join()
        await inside.join()
        await inside.claim()
        for shift, expected in (("-1h", -HOUR), ("+0", timedelta())):
            await at(shift, expected)
            newcomer = Fan(client)
            await newcomer.join()
            await newcomer.claim()
            await newcomer.buy()
            if expected:
                await called.claim()
                await called.buy()
                await inside.buy()
        assert (await client.get("/readyz", headers=OPS)).status_code == 200
    checked = await fairgate("check", "gala", "--data", str(data))
    assert checked.code == 0, checked.err
    running.process.terminate()  # not `stop`: under libfaketime `time.sleep` fails, which its end calls
    await running.process.wait()
