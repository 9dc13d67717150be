"""Requests that a proxy makes to the gate, and visitors who return to a shop."""

from __future__ import annotations

from typing import Any

import httpx

from tests.routes.conftest import Web

GATE = "/v1/rooms/hall/gate"
HTML = {"Accept": "text/html,application/xhtml+xml"}
SHOP: dict[str, Any] = {
    "target_url": "https://shop.example/buy",
    "allowed_return_hosts": ["www.shop.example", "dev.example:8443"],
}


async def handed_over(web: Web, place: dict[str, str], return_to: str) -> str:
    """The address of the shop, with its ticket, to which the queue page sends the visitor."""
    cookie = {"Cookie": f"fairgate_place_hall={place['Authorization'].removeprefix('Bearer ')}"}
    answer = await web.get("/rooms/hall/go", params={"return_to": return_to}, headers=cookie)
    assert answer.status_code == 302
    return answer.headers["location"]


def gate_headers(address: str, **headers: str) -> dict[str, str]:
    """The headers that a proxy sends to the gate for a page opened in a browser."""
    return {**HTML, "X-Original-URL": address, **headers}


def pass_cookie(answer: httpx.Response) -> dict[str, str]:
    """The pass set by a response, as the browser sends it back."""
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
