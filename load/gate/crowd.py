"""A crowd of browsers at a shop behind the gate: who is admitted at once, who queues, and who gets through.

Each browser opens a page of the shop. If there is a crowd, it is sent to the queue page, joins, waits,
claims, and returns by ticket to the very address it wanted. Then it views some more pages. It knows only what
a browser gets to see.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from random import Random
from urllib.parse import urljoin, urlsplit

import httpx

ARRIVE_S = 5.0  # from the first arrival to the last
PAGES = (2, 5)  # each views this many more
THINK_S = (0.5, 2.0)
POLL_MIN_S, POLL_MAX_S = 0.5, 10.0
TIMEOUT_S = 30.0
TICKET = "fairgate_ticket="
HTML = {"Accept": "text/html,application/xhtml+xml"}
JSON = {"Accept": "application/json", "Content-Type": "application/json"}
BUSY = (429, 502, 503, 504)


class VisitOver(Exception):
    """A browser's visit is over; the message says how."""


@dataclass
class Outcomes:
    """What all browsers of a run saw."""

    count: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)  # of those who got through the queue
    shop_ms: list[float] = field(default_factory=list)  # pages of the shop, for visitors inside
    inside: int = 0
    inside_max: int = 0

    @property
    def good(self) -> bool:
        """Whether everybody who was called got through, and at most one in a hundred requests failed."""
        calls = len(self.shop_ms) + self.count["came"]
        wrong = self.count["went round in a circle"] + self.count["lost their turn"]
        return bool(self.count["came"]) and not wrong and sum(self.errors.values()) <= calls // 100


@dataclass
class Browser:
    """One visitor, with cookies for each host."""

    number: int
    shop: str
    client: httpx.AsyncClient
    outcomes: Outcomes
    ends_at_s: float
    random: Random = field(init=False)
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = Random(self.number)

    async def visit(self) -> None:
        """Visit from the first page to the last."""
        self.outcomes.count["came"] += 1
        address = f"{self.shop}/page/{self.number}?from=load"
        try:
            answer = await self._open(address)
            if _leads_to_queue(answer):
                await self._queue(address, answer.headers["location"])
            elif answer.is_success:
                self.outcomes.count["let in at once"] += 1
            else:
                self.outcomes.errors[f"{answer.status_code} from the shop or its gate"] += 1
                return
            await self._browse()
        except VisitOver as over:
            self.outcomes.count[str(over)] += 1
        except httpx.HTTPError as error:
            self.outcomes.errors[type(error).__name__] += 1

    async def _queue(self, wanted: str, page: str) -> None:
        """Wait on the queue page, and return to the wanted page."""
        self.outcomes.count["queued"] += 1
        began_s = time.monotonic()
        split = urlsplit(page)
        room = f"{split.scheme}://{split.netloc}/v1{split.path}"
        place = await self._called(room)
        claimed = await self._call_api("POST", f"{room}/places/me/booking-token", place)
        if not claimed.is_success:
            raise VisitOver("lost their turn")
        back = await self._open(f"{page.partition('?')[0]}/go?{split.query}")
        address = back.headers.get("location", "")
        if TICKET not in address:
            self.outcomes.errors["no ticket from the queue page"] += 1
            raise VisitOver("lost their turn")
        answer = await self._open(urljoin(page, address))
        if answer.is_redirect and not _leads_to_queue(answer):
            if answer.headers["location"] != wanted:
                self.outcomes.errors["another address than the one they wanted"] += 1
            answer = await self._open(urljoin(wanted, answer.headers["location"]))
        if _leads_to_queue(answer):
            raise VisitOver("went round in a circle")
        self.outcomes.count["came through the queue"] += 1
        self.outcomes.waits_s.append(time.monotonic() - began_s)

    async def _called(self, room: str) -> str:
        """Join, and poll the place until it is called; return the token that claims it."""
        joined = await self._call_api("POST", f"{room}/places")
        while joined.status_code in BUSY:
            self.outcomes.count["asked to join later"] += 1
            await self._pause(float(joined.headers.get("retry-after", 1)))
            joined = await self._call_api("POST", f"{room}/places")
        if not joined.is_success:
            self.outcomes.errors[f"{joined.status_code} at the join"] += 1
            raise VisitOver("were refused a place")
        place = joined.json()
        token = str(place["place_token"])
        while place["state"] not in ("called", "active"):
            if place["state"] not in ("prequeue", "waiting"):
                raise VisitOver("lost their place")
            await self._pause(float(place.get("poll_after_s") or 1))
            answer = await self._call_api("GET", f"{room}/places/me", token)
            if answer.is_success:
                place = answer.json()
                token = str(place.get("place_token") or token)
            elif answer.status_code not in BUSY:
                raise VisitOver("lost their place")
        return token

    async def _browse(self) -> None:
        """View some more pages while inside."""
        self.outcomes.inside += 1
        self.outcomes.inside_max = max(self.outcomes.inside_max, self.outcomes.inside)
        try:
            for number in range(self.random.randint(*PAGES)):
                await self._pause(self.random.uniform(*THINK_S))
                began_s = time.monotonic()
                answer = await self._open(f"{self.shop}/item/{number}")
                if _leads_to_queue(answer):
                    raise VisitOver("sent back to the queue while inside")
                if answer.status_code in BUSY:
                    self.outcomes.errors[f"{answer.status_code} while inside"] += 1
                else:
                    self.outcomes.shop_ms.append(1000 * (time.monotonic() - began_s))
            self.outcomes.count["looked at all their pages"] += 1
        finally:
            self.outcomes.inside -= 1

    async def _pause(self, seconds: float) -> None:
        """Wait as a page does, with its jitter; the visit ends with the run."""
        seconds = min(max(seconds, POLL_MIN_S), POLL_MAX_S) * self.random.uniform(0.75, 1.25)
        left_s = self.ends_at_s - time.monotonic()
        if left_s <= 0:
            raise VisitOver("still there at the end")
        await asyncio.sleep(min(seconds, left_s))

    async def _open(self, address: str) -> httpx.Response:
        return await self._send("GET", address, HTML)

    async def _call_api(self, method: str, address: str, token: str = "") -> httpx.Response:
        headers = JSON | ({"Authorization": f"Bearer {token}"} if token else {})
        return await self._send(method, address, headers)

    async def _send(self, method: str, address: str, headers: Mapping[str, str]) -> httpx.Response:
        """Send one request with the cookies of its host, and with our own address for those who trust it."""
        number, host = self.number, urlsplit(address).netloc
        jar = self.cookies.setdefault(host, {})
        sent = {**headers, "X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"}
        if jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        body = b"{}" if method == "POST" else None
        answer = await self.client.request(method, address, headers=sent, content=body)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            jar[name.strip()] = value
        return answer


def _leads_to_queue(answer: httpx.Response) -> bool:
    """Whether the gate sends us to the queue page; its other redirects have other addresses."""
    return answer.is_redirect and "/rooms/" in answer.headers.get("location", "").partition("?")[0]


async def run_browsers(shop: str, fans: int, seconds: int, outcomes: Outcomes) -> None:
    """Let the browsers come one after the other, until all are through or the time is up."""
    ends_at_s = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    nothing_kept = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    async with httpx.AsyncClient(
        timeout=TIMEOUT_S, limits=limits, trust_env=False, cookies=nothing_kept
    ) as client:
        async with asyncio.TaskGroup() as visits:
            for number in range(fans):
                if time.monotonic() > ends_at_s:
                    break
                browser = Browser(number, shop.rstrip("/"), client, outcomes, ends_at_s)
                visits.create_task(browser.visit())
                await asyncio.sleep(min(ARRIVE_S / fans, 0.1))
