"""Crawlers that a gate lets through: the User-Agent names one, reverse and forward DNS confirm it.

DNS is queried for no other visitors. Results are cached. While DNS does not respond, or too many queries are
pending, a crawler is treated like any visitor.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from app import metrics
from app.core.gate.crawlers import Crawler, crawler_named
from app.notifications.sender_domain import resolver_of
from app.store.single_flight import SingleFlight
from app.web.http.routes import Request

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

PROVED_S = 3600.0
DISPROVED_S = 600.0
AWAY_S = 10.0  # time until the next query for an address after DNS failed
KEPT_MAX = 20_000  # cached results; then the oldest sixteenth is evicted
ASKED_MAX = 32  # pending addresses at most, which limits the cost of a flood of fake crawlers
WAIT_S = 2.0  # for both queries
NAMES_MAX = 3  # host names checked per address


class _CachedName(NamedTuple):
    until_s: float
    proved: bool


class Crawlers:
    """The crawlers known to one process. `servers`: name servers; if empty, those of the system."""

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = servers
        self._resolver: Resolver | None = None
        self._kept: dict[tuple[str, str], _CachedName] = {}  # by crawler and address
        self._look_ups = SingleFlight[tuple[str, str], bool]()
        self._asked: set[tuple[str, str]] = set()

    async def proved(self, request: Request) -> str:
        """The name of the crawler that sent this request, if DNS confirms it; else ""."""
        crawler = crawler_named(request.header(b"user-agent") or "")
        address = _address(request.client) if crawler else ""
        if crawler is None or not address:
            return ""
        key = crawler.name, address
        remembered = self._kept.get(key)
        if remembered is None or time.monotonic() >= remembered.until_s:
            if key not in self._asked and len(self._asked) >= ASKED_MAX:
                metrics.CRAWLERS.labels("not_asked").inc()
                return ""
            self._asked.add(key)
            proved = await self._look_ups.get(key, lambda: self._look_up(crawler, address))
        else:
            proved = remembered.proved
        return crawler.name if proved else ""

    async def _look_up(self, crawler: Crawler, address: str) -> bool:
        """Query DNS and cache the result."""
        from dns.exception import DNSException  # 4 MB that only gates with crawlers need

        proved, keep_s, outcome = False, DISPROVED_S, "disproved"
        try:
            async with asyncio.timeout(WAIT_S):
                proved = await self._is_of(crawler, address)
            if proved:
                keep_s, outcome = PROVED_S, "proved"
        except (DNSException, OSError):  # includes TimeoutError
            keep_s, outcome = AWAY_S, "away"
        finally:
            self._asked.discard((crawler.name, address))
        metrics.CRAWLERS.labels(outcome).inc()
        if len(self._kept) >= KEPT_MAX:
            self._kept = dict(list(self._kept.items())[KEPT_MAX // 16 :])
        self._kept.pop((crawler.name, address), None)
        self._kept[crawler.name, address] = _CachedName(time.monotonic() + keep_s, proved)
        return proved

    async def _is_of(self, crawler: Crawler, address: str) -> bool:
        """Whether a name of the address is the crawler's and resolves to this address. Raises DNSException,
        OSError."""
        from dns.resolver import NXDOMAIN, NoAnswer

        resolver = self._resolver = self._resolver or resolver_of(self._servers)
        kind = "AAAA" if ":" in address else "A"
        try:
            names = [str(it.target) for it in await resolver.resolve_address(address, lifetime=WAIT_S)]
            for name in names[:NAMES_MAX]:
                if not crawler.has(name):
                    continue
                addresses = await resolver.resolve(name, kind, search=False, lifetime=WAIT_S)
                if any(ipaddress.ip_address(it.address) == ipaddress.ip_address(address) for it in addresses):
                    return True
        except (NXDOMAIN, NoAnswer):
            pass  # a result, too: there is no such name
        return False


def _address(client: str) -> str:
    try:
        ip = ipaddress.ip_address(client)
    except ValueError:
        return ""
    return str(getattr(ip, "ipv4_mapped", None) or ip)
