"""Halls with seats, other people who buy in them, and where a seat is on the drawn map."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.async_api import Page, expect

from tests.browser.conftest import Product

CALLED_TRIES = 50
ARENA = [
    *({"name": f"Floor {it}", "price": 14_500, "rows": 25, "seats_per_row": 40} for it in "ABC"),
    *({"name": f"Lower {it}", "price": 9_900, "rows": 25, "seats_per_row": 40} for it in range(101, 107)),
    *({"name": f"Upper {it}", "price": 5_900, "rows": 25, "seats_per_row": 40} for it in range(201, 212)),
]  # 20,000 seats


async def a_hall(product: Product, sections: list[dict[str, Any]], *, counted: int = 0, **event: Any) -> str:
    """A seated sale, open and with nobody in the queue; returns its room_id."""
    name = await product.a_sale(
        opened=False,
        tickets=max(1, counted),
        event=event,
        admission_rate_per_minute=6000,
        session_ttl_s=3600,
    )
    await product.staff("POST", f"/v1/events/{name}/seats", {"sections": sections})
    await product.staff("POST", f"/v1/rooms/{name}/open", {})
    return name


async def somebody_reserves(product: Product, room_id: str, **wish: Any) -> dict[str, Any]:
    """Another visitor joins and reserves; returns their reservation."""
    async with httpx.AsyncClient(verify=False, base_url=product.url, timeout=20) as client:
        place = (await client.post(f"/v1/rooms/{room_id}/places")).json()
        headers = {"Authorization": f"Bearer {place['place_token']}"}
        for _ in range(CALLED_TRIES):
            claim = await client.post(f"/v1/rooms/{room_id}/places/me/booking-token", headers=headers)
            if claim.status_code != 202:
                break
            await asyncio.sleep(0.1)
        headers = {"Authorization": f"Bearer {claim.json()['booking_token']}", "Idempotency-Key": "k"}
        made = await client.post(f"/v1/events/{room_id}/reservations", headers=headers, json=wish)
    assert made.status_code == 201, made.text
    return dict(made.json())


@dataclass
class Map:
    """The map on a page: the frames it has drawn, and where its seats are."""

    page: Page
    room_id: str
    frames: list[dict[str, Any]] = field(default_factory=list)

    async def open(self, product: Product) -> Map:
        """Get inside, and wait until the hall is drawn."""
        await self.page.goto(f"{product.url}/rooms/{self.room_id}")
        await self.page.wait_for_url("**/events/**")
        return await self.drawn()

    async def drawn(self) -> Map:
        """Wait until the whole hall is drawn."""
        await expect(self.page.locator("[data-map-only]").first).to_be_visible()
        await self.page.evaluate(
            """() => {
              window.frames_drawn = [];
              const canvas = document.querySelector("canvas");
              canvas.addEventListener("drawn", ({ detail }) => frames_drawn.push(detail));
            }"""
        )
        await self.page.get_by_role("button", name="Whole hall").click()
        await self.settled()
        return self

    async def settled(self) -> list[dict[str, Any]]:
        """Wait until drawing stops; returns the frames since the last call."""
        await self.page.wait_for_function(
            """() => new Promise((done) => {
              const before = frames_drawn.length;
              let left = 12;
              const end = () => done(before > 0 && frames_drawn.length === before);
              const again = () => (left-- ? requestAnimationFrame(again) : end());
              again();
            })"""
        )
        drawn: list[dict[str, Any]] = await self.page.evaluate(
            "() => frames_drawn.splice(0, frames_drawn.length - 1)"
        )
        self.frames = [*drawn, await self.page.evaluate("() => frames_drawn[0]")]
        return self.frames

    async def point(self, seat_id: str) -> dict[str, float]:
        """The position of a seat on the canvas, in pixels."""
        point: dict[str, float] = await self.page.evaluate(
            """async ([room, seat, view]) => {
              const script = document.querySelector('script[type="module"]').src.replace(/[^/]*$/, "");
              const { planHall, seatOf } = await import(`${script}hall.js`);
              window.planned ??= planHall(await (await fetch(`/v1/events/${room}/seats`)).json());
              const hall = window.planned;
              const at = seatOf(hall, seat), canvas = document.querySelector("canvas");
              return {
                x: (hall.x[at] - view.x) * view.scale + canvas.clientWidth / 2,
                y: (hall.y[at] - view.y) * view.scale + canvas.clientHeight / 2,
              };
            }""",
            [self.room_id, seat_id, self.frames[-1]],
        )
        return point

    async def click(self, seat_id: str) -> None:
        """Click on the seat."""
        at = await self.point(seat_id)
        await self.page.locator("canvas").click(position={"x": at["x"], "y": at["y"]})
