"""Every client of the gate follows one table, `clients/cases.json`, with a shop and a real Fairgate."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from app.core.model import RoomId, SigningAlgorithm
from app.core.tokens.claims import PassClaims, session_id
from app.core.tokens.place_tokens import new_visitor_id
from app.core.tokens.signing_key import SigningKey
from app.core.tokens.tokens import BookingSigner
from app.gate import sessions
from app.gate.sessions import GateVisitor
from app.web.http.routes import App
from tests.clients.conftest import CLIENTS, HTML, Product
from tests.clients.shops import KINDS, shops
from tests.routes.conftest import code
from tests.support.relay import Relay
from tests.support.waiting import wait_until

CASES: list[dict[str, Any]] = json.loads((CLIENTS / "cases.json").read_text())
KNOWN = {
    *("name", "room", "open", "away", "soon", "who", "cookie", "method", "path", "page", "headers", "body"),
    *("shop", "pass", "queue", "refused", "goes", "ends", "status", "in_line"),
}
QUIET: dict[str, Any] = {"admission_rate_per_minute": 60_000, "bypass": [], "pass_ip_bound": False}
RULES = [{"path_prefix": "/health"}, {"method": "POST", "path_prefix": "/payments/callback"}]
ROOMS: dict[str, dict[str, Any]] = {
    "": QUIET,
    "crowd": {**QUIET, "admission_rate_per_minute": 0},
    "bound": {**QUIET, "admission_rate_per_minute": 0, "pass_ip_bound": True},
    "rule": {**QUIET, "admission_rate_per_minute": 0, "bypass": RULES},
}
SHOP = "shop.localhost"
LONG = "x" * 5000


@dataclass
class Site:
    """Two instances of a shop behind a client, and the room in front of it."""

    product: Product
    way: Relay
    http: httpx.AsyncClient
    room_id: RoomId
    closed: int
    opened: int
    settings: str = "?"
    sid: str = ""
    failures: list[str] = field(default_factory=list)

    @property
    def app(self) -> App:
        return self.product.web.app

    async def be(self, name: str) -> None:
        if name != self.settings:
            await self.product.staff("PATCH", f"/v1/rooms/{self.room_id}", ROOMS[name])
            self.settings = name
            if name == "":
                await wait_until(self._lets_in, "the rate to allow newcomers")

    async def _lets_in(self) -> bool:
        entering = GateVisitor(new_visitor_id(), "", anew=True)
        return await sessions.enter(self.app.gate, self.room_id, entering) is not None

    def claims(self, **changes: Any) -> PassClaims:
        now_s, visitor_id = int(time.time()), new_visitor_id()
        room = self.app.queues.loaded_rooms.last_read(self.room_id)
        claims = PassClaims(
            self.room_id, visitor_id, session_id(visitor_id, 1), now_s - 10, now_s + 600, now_s,
            generation=room.generation if room else None,
        )  # fmt: skip
        return msgspec.structs.replace(claims, **changes)

    async def inside(self) -> str:
        """The pass of a session that began a while ago, so that the gate is asked about it."""
        entering = GateVisitor(new_visitor_id(), "", anew=True)
        await self.be("")
        place = await sessions.enter(self.app.gate, self.room_id, entering)
        assert place is not None
        self.sid = session_id(place.visitor_id, place.queue_number or 0)
        return self.signed(self.claims(visitor_id=place.visitor_id, sid=self.sid))

    def signed(self, claims: PassClaims, algorithm: SigningAlgorithm = "EdDSA") -> str:
        return self.app.keyring.signer.sign_pass(claims, algorithm)

    async def shown(self, case: dict[str, Any]) -> str:
        """The cookie that the visitor of this case has."""
        if "cookie" in case:
            return LONG if case["cookie"] == "LONG" else str(case["cookie"])
        now_s, net = int(time.time()), self.app.handover.net
        match case.get("who", "nobody"):
            case "inside":
                return await self.inside()
            case "ended":
                token = await self.inside()
                await self.product.staff("POST", f"/v1/rooms/{self.room_id}/sessions/{self.sid}/end")
                return token
            case "expired":
                return self.signed(self.claims(iat=now_s - 700, exp=now_s - 100))
            case "other room":
                return self.signed(self.claims(room_id=RoomId("other")))
            case "forged":
                return BookingSigner([SigningKey.new("pass")]).sign_pass(self.claims())
            case "booking as pass":
                await self.be("")
                _, booking = await self.product.web.inside(self.room_id)
                return booking["Authorization"].removeprefix("Bearer ")
            case "ES256" | "RS256" as algorithm:
                return self.signed(self.claims(), algorithm)
            case "forged ES256":
                return BookingSigner([SigningKey.new("pass"), SigningKey.new("pass", "ES256")]).sign_pass(
                    self.claims(), "ES256"
                )
            case "bound elsewhere":
                return self.signed(self.claims(net=net("203.0.113.7")))
            case "bound here":
                return self.signed(self.claims(net=net("127.0.0.1")))
            case _:
                return ""

    async def ticketed(self, address: str, host: str) -> str:
        """The address with a ticket, to which the queue page sends a visitor."""
        await self.be("")
        place, _ = await self.product.web.inside(self.room_id)
        cookie = {"Cookie": f"fairgate_place_{self.room_id}={place['Authorization'].removeprefix('Bearer ')}"}
        on = f"/rooms/{self.room_id}/go"
        answer = await self.product.web.get(
            on, params={"return_to": f"http://{host}{address}"}, headers=cookie
        )
        return answer.headers["location"].removeprefix(f"http://{host}")


@asynccontextmanager
async def site(kind: str, product: Product, http: httpx.AsyncClient) -> AsyncIterator[Site]:
    room_id = RoomId(f"shop-{kind}")
    await product.web.room(room_id)
    for algorithm in ("ES256", "RS256", "EdDSA"):
        await product.staff("PATCH", f"/v1/rooms/{room_id}", {"signing_algorithm": algorithm})
    await product.web.app.keyring.refresh()
    made = await product.web.post(
        "/v1/keys", {"name": kind, "role": "operator"}, headers=product.web.as_("admin")
    )
    async with Relay(product.url).open() as way, shops(kind, way.url, room_id, made.json()["key"]) as ports:
        target = {
            "target_url": f"http://{SHOP}:{ports[0]}/",
            "allowed_return_hosts": [f"{SHOP}:{ports[1]}", f"other.localhost:{ports[0]}"],
        }
        await product.staff("PATCH", f"/v1/rooms/{room_id}", target)
        yield Site(product, way, http, room_id, *ports)


def test_the_table_says_nothing_that_is_not_looked_at() -> None:
    assert {key for it in CASES for key in it} <= KNOWN
    assert len({it["name"] for it in CASES}) == len(CASES)
    assert all({"shop", "queue", "refused", "goes", "ends", "status", "in_line"} & it.keys() for it in CASES)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_case_of_the_table(kind: str, product: Product, http: httpx.AsyncClient) -> None:
    failures = []
    async with site(kind, product, http) as found:
        for case in CASES:
            try:
                await _case(found, case, kind)
            except (AssertionError, httpx.TransportError) as error:
                failures.append(f"{case['name']}: {error!r}")
    assert not failures, "\n\n".join(failures)


async def _case(site: Site, case: dict[str, Any], kind: str) -> None:
    port = site.opened if case.get("open") else site.closed
    host, path = f"{SHOP}:{port}", case["path"]
    who, cookie = case.get("who", ""), await site.shown(case)
    if who in ("ticket", "used ticket"):
        path = await site.ticketed(path, host)
    if who == "ticket of another host":
        path = await site.ticketed(path, f"other.localhost:{port}")
    await site.be(case.get("room", ""))
    headers = {**(HTML if case.get("page", True) else {"Accept": "application/json"}), "Host": host}
    if cookie:
        headers["Cookie"] = f"fairgate_pass_{site.room_id}={cookie}"
    for name, value in case.get("headers", {}).items():
        headers[name] = "x" * 12_000 if value == "LONG" else value

    async def send() -> httpx.Response:
        return await site.http.request(
            case.get("method", "GET"),
            f"http://127.0.0.1:{port}{path}",
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            content=case.get("body"),
        )

    if who == "used ticket":
        assert (await send()).status_code == 302
    if case.get("soon"):

        async def is_over() -> bool:
            return (await send()).status_code == 302

        await wait_until(is_over, "the end of a session to be known")
    if case.get("away"):
        site.way.cut()
    try:
        answer = await send()
    finally:
        site.way.restore()
    await _held_against(site, case, answer, host, kind)


async def _held_against(
    site: Site, case: dict[str, Any], answer: httpx.Response, host: str, kind: str
) -> None:
    path, headers = case["path"], answer.headers
    cookies = headers.get_list("set-cookie")
    ours = [it for it in cookies if it.startswith(f"fairgate_pass_{site.room_id}=")]
    queue = f"{site.way.url}/rooms/{site.room_id}"
    what = f"{answer.status_code} {dict(headers)} {answer.text[:200]}"
    assert "x-fairgate-end" not in headers, what
    if case.get("shop"):
        method = case.get("method", "GET")
        shown = "" if method == "HEAD" else f"Shop {method} {path}"
        assert (answer.status_code, answer.text) == (200, shown), what
        assert "basket=1; Path=/" in cookies, what
    if "pass" in case:
        assert bool(ours) is case["pass"], what
    if "queue" in case:
        assert answer.status_code == 302, what
        found = urlsplit(headers["location"])
        assert f"{found.scheme}://{found.netloc}{found.path}" == queue, what
        wanted = [f"http://{host}{case['queue']}"] if case["queue"] else []
        assert parse_qs(found.query).get("return_to", []) == wanted, what
        assert "Shop" not in answer.text, what
    if case.get("refused"):
        assert code(answer)[0] == 401, what
        assert answer.json()["queue_url"] == headers["x-fairgate-queue"], what
        assert headers["x-fairgate-queue"].startswith(queue), what
    if case.get("in_line"):
        assert answer.status_code != 200, what
    if "goes" in case:
        assert (answer.status_code, headers["location"]) == (302, f"http://{host}{case['goes']}"), what
    if "status" in case:
        assert answer.status_code == case["status"], what
        assert headers.get("retry-after") == "5", what
    if case.get("ends") and kind != "next":  # whose middleware cannot see a page's headers
        assert ours == [f"fairgate_pass_{site.room_id}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"], what
        over = await site.product.web.post(
            f"/v1/rooms/{site.room_id}/sessions/{site.sid}/renew", headers=site.product.web.as_("operator")
        )
        assert code(over)[1] == "done", over.text
