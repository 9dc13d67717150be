"""The published KnownUser connector, unmodified, in an Express shop: a full round trip, all refusals."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest_asyncio

from app.core.gate import knownuser
from app.core.gate.knownuser import Connector, ConnectorSettings, with_token
from app.core.model import RoomId
from app.core.tokens.place_tokens import new_visitor_id
from app.runtime.embedded_stores import free_port
from tests.clients.conftest import HTML, Product, program
from tests.support.tampering import tampered
from tests.support.waiting import wait_until

ROOM = RoomId("flash2026")
COOKIE = f"QueueITAccepted-SDFrts345E-V3_{ROOM}"
FACE = {
    "customer_id": "ticketania",
    "protect": [{"value": "/buy"}, {"value": "/members"}],
    "cancel": [{"value": "/done"}],
    "ignore": [{"value": "/buy/terms"}],
}


class Browser:
    """Keeps cookies per host, and follows redirects on request."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.cookies: dict[str, dict[str, str]] = {}

    async def get(self, url: str, **headers: str) -> httpx.Response:
        host = urlsplit(url).netloc
        kept = self.cookies.setdefault(host, {})
        cookie = "; ".join(f"{name}={value}" for name, value in kept.items())
        answer = await self._http.get(url, headers={**HTML, "Cookie": cookie, **headers})
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            kept[name] = value
            if not value:
                del kept[name]
        return answer

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Connectors only accept queues over https; there is no TLS here."""
        assert answer.status_code in (302, 308), answer.text
        target = answer.headers["location"]
        if target.startswith("/"):
            target = f"http://{answer.url.netloc.decode()}{target}"
        return await self.get(target.replace("https://", "http://", 1))


@dataclass(frozen=True)
class Shop:
    """The shop, the queue and the secret they share."""

    url: str
    product: Product
    secret: str

    def browser(self, http: httpx.AsyncClient) -> Browser:
        return Browser(http)

    async def set(self, **settings: Any) -> None:
        await self.product.staff("PATCH", f"/v1/rooms/{ROOM}", settings)

    def token(self, *, room_id: str = ROOM, now_s: float = 0, **more: Any) -> str:
        """A token as the queue would create it."""
        connector = Connector(RoomId(room_id), ConnectorSettings(customer_id="ticketania"), self.secret, 1)
        return knownuser.token(connector, new_visitor_id(), int(now_s or time.time()), **more)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(product: Product) -> AsyncIterator[Shop]:
    """The connector as published, after it has read its configuration from the queue."""
    port = free_port()
    await product.web.room(ROOM, target_url=f"http://127.0.0.1:{port}/", admission_rate_per_minute=0)
    made = await product.staff("PUT", f"/v1/rooms/{ROOM}/knownuser", FACE)
    secret, key = made["secret_key"], made["api_key"]
    async with program("node", "tests/knownuser-shop.mjs", str(port), product.url, "ticketania", secret, key):
        yield Shop(f"http://127.0.0.1:{port}", product, secret)


async def test_join_wait_token_cookie_second_page_cancel(shop: Shop, http: httpx.AsyncClient) -> None:
    await shop.set(admission_rate_per_minute=0)
    browser, wanted = shop.browser(http), f"{shop.url}/buy?sku=1&x=it's(ok)*!"
    assert (await browser.get(f"{shop.url}/other")).text == "Shop GET /other"
    assert (await browser.get(f"{shop.url}/buy/terms")).text == "Shop GET /buy/terms"
    joined = await browser.follow(await browser.get(wanted))
    queue_page = await browser.follow(joined)
    assert queue_page.status_code == 200
    assert parse_qs(queue_page.url.query.decode())["return_to"] == [wanted]
    await browser.get(str(queue_page.url))  # a GET joins nobody
    # What the page's button and script do: join, wait, claim, move on.
    room = f"{shop.product.url}/v1/rooms/{ROOM}/places"
    origin = {"Origin": shop.product.url, "Cookie": _cookie(browser, shop)}
    place = (await http.post(room, headers=origin)).json()
    bearer = {"Authorization": f"Bearer {place['place_token']}"}
    assert (await http.post(f"{room}/me/booking-token", headers=bearer)).status_code == 202
    await shop.set(admission_rate_per_minute=6000)

    async def claimed() -> bool:
        return (await http.post(f"{room}/me/booking-token", headers=bearer)).status_code == 201

    await wait_until(claimed, "the turn")
    on = str(queue_page.url).replace(f"/rooms/{ROOM}?", f"/rooms/{ROOM}/go?")
    with_the_token = await browser.get(on, **{"Cookie": f"fairgate_place_{ROOM}={place['place_token']}"})
    assert with_the_token.headers["location"].startswith(f"{wanted}&queueittoken=e_flash2026~q_")
    again = await browser.follow(with_the_token)
    assert (again.status_code, again.headers["location"]) == (302, wanted)
    assert browser.cookies[urlsplit(shop.url).netloc].keys() == {COOKIE}
    assert (await browser.get(wanted)).text.startswith("Shop GET /buy")
    assert (await browser.get(f"{shop.url}/buy/two")).text == "Shop GET /buy/two"
    await shop.set(admission_rate_per_minute=0)
    done = await browser.get(f"{shop.url}/done")
    assert "/cancel/multiple/ticketania" in done.headers["location"]
    back = await browser.follow(done)
    assert (back.status_code, back.headers["location"]) == (302, f"{shop.url}/done")
    assert (await browser.follow(back)).text == "Shop GET /done"
    assert COOKIE not in browser.cookies[urlsplit(shop.url).netloc]
    assert (await browser.get(wanted)).status_code == 302
    assert (await http.post(f"{room}/me/booking-token", headers=bearer)).status_code == 410


async def test_with_no_crowd_nobody_sees_the_queue(shop: Shop, http: httpx.AsyncClient) -> None:
    await shop.set(admission_rate_per_minute=6000)

    async def let_in() -> tuple[Browser, httpx.Response] | None:
        """A newcomer whom the rate allows, as it was just raised."""
        newcomer = shop.browser(http)
        joined = await newcomer.follow(await newcomer.get(f"{shop.url}/buy"))
        return (newcomer, joined) if "queueittoken" in joined.headers["location"] else None

    found = await wait_until(let_in, "a newcomer to be admitted")
    assert found is not None
    browser, joined = found
    page = await browser.follow(await browser.follow(joined))
    assert (page.status_code, page.text) == (200, "Shop GET /buy")
    del browser.cookies[urlsplit(shop.url).netloc][COOKIE]  # it ran out, but their turn has not
    await shop.set(admission_rate_per_minute=0)
    joined = await browser.follow(await browser.get(f"{shop.url}/buy"))
    assert (await browser.follow(await browser.follow(joined))).text == "Shop GET /buy"
    await shop.set(gate_mode="off")
    stranger = shop.browser(http)
    joined = await stranger.follow(await stranger.get(f"{shop.url}/buy"))
    assert "rt_disabled" in joined.headers["location"]
    assert (await stranger.follow(await stranger.follow(joined))).text == "Shop GET /buy"
    await shop.set(gate_mode="auto")


async def test_every_refusal_of_the_connector_leads_back_into_the_line(
    shop: Shop, http: httpx.AsyncClient
) -> None:
    await shop.set(admission_rate_per_minute=0, pass_ip_bound=False)
    good = shop.token()
    for token, code in (
        (tampered(good), "hash"),
        (good.upper().replace("E_FLASH2026", "e_flash2026"), "hash"),
        (shop.token(room_id="other"), "eventid"),
        (shop.token(now_s=time.time() - 1000), "timestamp"),
        (shop.token(client="203.0.113.7"), "ip"),
    ):
        await _is_refused(shop, http, with_token(f"{shop.url}/buy", token), code)
    limited = with_token(f"{shop.url}/limited", good)
    await _is_refused(shop, http, limited, "qidlimit")
    bound = shop.browser(http)
    at_home = {"x-client": "203.0.113.7"}
    moved = await bound.get(with_token(f"{shop.url}/buy", shop.token(client="203.0.113.7")), **at_home)
    assert (await bound.get(moved.headers["location"], **at_home)).text == "Shop GET /buy"
    elsewhere = await bound.get(f"{shop.url}/buy")
    assert "/error/connector/sessionstate/" in elsewhere.headers["location"]
    page = await bound.follow(await bound.follow(elsewhere))
    assert page.status_code == 403
    unknown = await http.get(f"{shop.product.url}/error/made-up?c=ticketania&e={ROOM}", headers=HTML)
    assert unknown.status_code == 404


async def test_a_member_has_one_place_by_an_enqueue_token(shop: Shop, http: httpx.AsyncClient) -> None:
    await shop.set(admission_rate_per_minute=0)
    visitors = set()
    for _ in range(2):
        browser = shop.browser(http)
        answer = await browser.get(f"{shop.url}/members")
        joined = await browser.follow(answer)
        assert joined.headers["location"].startswith(f"/rooms/{ROOM}?return_to=")
        assert (await browser.follow(answer)).status_code == 302  # loaded again by the same browser
        stranger = await shop.browser(http).follow(answer)
        assert stranger.status_code == 401  # already used
        origin = {"Origin": shop.product.url, "Cookie": _cookie(browser, shop)}
        place = (await http.post(f"{shop.product.url}/v1/rooms/{ROOM}/places", headers=origin)).json()
        visitors.add((place["visitor_id"], place["queue_number"]))
    assert len(visitors) == 1


async def test_the_configuration_is_read_and_pushed(shop: Shop, http: httpx.AsyncClient) -> None:
    address, product = f"{shop.product.url}/status/integrationconfig", shop.product
    read = (await http.get(f"{shop.url}/config")).json()
    assert [it["ActionType"] for it in read["Integrations"]] == ["Ignore", "Cancel", "Queue"]
    assert (await http.get(f"{address}/ticketania")).status_code == 404
    assert (await http.get(f"{address}/secure/ticketania")).status_code == 401
    wrong = await http.get(f"{address}/secure/ticketania", headers={"api-key": "x"})
    assert wrong.status_code == 401
    assert (await http.get(f"{address}/secure/nobody", headers={"api-key": "x"})).status_code == 404
    changed = await product.staff(
        "PUT", f"/v1/rooms/{ROOM}/knownuser", {**FACE, "ignore": [], "public_config": True}
    )
    assert changed["secret_key"] is None  # as before
    public = (await http.get(f"{address}/ticketania")).json()
    assert public["Version"] > read["Version"]
    url = {"url": f"{shop.url}/config"}
    pushed = await product.staff("POST", f"/v1/rooms/{ROOM}/knownuser/push", url)
    assert pushed == {"version": public["Version"]}
    assert (await http.get(f"{shop.url}/config")).json() == public
    refused = await product.web.post(
        f"/v1/rooms/{ROOM}/knownuser/push",
        {"url": f"{product.url}/livez"},
        headers=product.web.as_("operator"),
    )
    assert refused.status_code == 422
    await product.staff("PUT", f"/v1/rooms/{ROOM}/knownuser", FACE)
    await product.staff("POST", f"/v1/rooms/{ROOM}/knownuser/push", url)


async def _is_refused(shop: Shop, http: httpx.AsyncClient, url: str, code: str) -> None:
    browser = shop.browser(http)
    sent = await browser.get(url)
    assert f"/error/{code}/" in sent.headers["location"], code
    page = await browser.follow(await browser.follow(sent))
    assert page.status_code == 403
    assert f'href="/rooms/{ROOM}?return_to=' in page.text


def _cookie(browser: Browser, shop: Shop) -> str:
    kept = browser.cookies[urlsplit(shop.product.url).netloc]
    return "; ".join(f"{name}={value}" for name, value in kept.items())
