"""Crawlers at the gate: DNS proves who they are; otherwise they wait like anybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.core.gate.crawlers import CRAWLERS, crawler_named
from app.settings import Settings
from app.store.connections import Stores
from app.web.gate import crawlers
from app.web.http.routes import Request
from tests.routes.conftest import Web, served
from tests.support.name_server import BROKEN, SILENT, NameServer, name_server, reverse

GATE = "/v1/rooms/hall/gate"
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
BING = "Mozilla/5.0 AppleWebKit/537.36 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SHOP: dict[str, Any] = {"target_url": "https://shop.example/", "admission_rate_per_minute": 0}


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as found:
        yield found


def fill(names: NameServer) -> None:
    """The hosts of two crawlers, and others that pretend to be theirs."""
    names.put("66.249.66.1", "crawl-66-249-66-1.googlebot.com", forward="66.249.66.1")
    names.put("2001:4860:4801::1", "crawl-1.googlebot.com", forward="2001:4860:4801::1")
    names.put("157.55.39.1", "odd.example", "msnbot-157-55-39-1.search.msn.com")
    names.zone["msnbot-157-55-39-1.search.msn.com.", "A"] = ["157.55.39.2", "157.55.39.1"]
    # the owner of an address can give it any name
    names.put("192.0.2.1", "crawl-66-249-66-1.googlebot.com")
    names.put("192.0.2.2", "crawl.evilgooglebot.com", forward="192.0.2.2")
    names.put("192.0.2.3", "3.2.0.192.bc.googleusercontent.com", forward="192.0.2.3")
    names.put("192.0.2.4", "nowhere.googlebot.com")
    names.put("192.0.2.5", BROKEN)


async def test_who_is_proved_passes_and_nobody_else_is_asked_about(
    stores: Stores, settings: Settings, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawlers, "WAIT_S", 30.0)  # for a loaded machine
    fill(names)
    behind = {"trusted_proxies": ["127.0.0.1"], "public_url": "http://q.test"}
    changed = settings.model_copy(update={"dns_servers": [names.address]} | behind)
    async with served(changed) as web:
        await web.room(**SHOP, verified_crawlers=True)

        async def passed(agent: str, address: str) -> str:
            headers = {"User-Agent": agent, "X-Forwarded-For": address, "Accept": "text/html"}
            answer = await web.get(GATE, headers=headers)
            assert answer.status_code == (204 if "x-fairgate-bypass" in answer.headers else 302)
            return str(answer.headers.get("x-fairgate-bypass", ""))

        assert await passed(GOOGLE, "66.249.66.1") == "crawler=Googlebot"
        assert await passed(GOOGLE, "2001:4860:4801::1") == "crawler=Googlebot"
        assert await passed(BING, "157.55.39.1") == "crawler=bingbot"
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"):
            assert await passed(GOOGLE, address) == "", address
        queries = len(names.queries)
        assert await passed(BING, "66.249.66.1") == ""  # another crawler's host
        assert len(names.queries) == queries + 1
        for agent, address in (
            (GOOGLE, "66.249.66.1"),  # proved a moment ago
            (GOOGLE, "192.0.2.1"),  # disproved a moment ago
            (GOOGLE, "192.0.2.5"),
            (PERSON, "66.249.66.1"),
            (PERSON, "192.0.2.7"),
        ):
            assert bool(await passed(agent, address)) is (agent is GOOGLE and address == "66.249.66.1")
        await web.room("plain", **SHOP)  # off by default
        headers = {"User-Agent": GOOGLE, "X-Forwarded-For": "66.249.66.1", "Accept": "text/html"}
        assert (await web.get("/v1/rooms/plain/gate", headers=headers)).status_code == 302
        assert len(names.queries) == queries + 1


async def test_a_flood_of_crawlers_asks_about_few_and_a_silent_server_proves_none(
    web: Web, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawlers, "WAIT_S", 0.2)
    monkeypatch.setattr(crawlers, "KEPT_MAX", 16)
    found = crawlers.Crawlers([names.address])
    addresses = [f"198.51.100.{i}" for i in range(100)]
    for it in addresses:
        names.put(it, SILENT)
    agent = {b"user-agent": GOOGLE.encode()}
    requests = [Request(web.app, "GET", GATE, {}, b"", agent, "http", it, "") for it in addresses]
    assert await asyncio.gather(*map(found.proved, requests)) == [""] * 100
    assert len({name for name, _ in names.queries}) <= crawlers.ASKED_MAX
    assert {name for name, _ in names.queries} <= {reverse(it) for it in addresses}
    assert len(found._kept) <= 16


def test_each_crawler_is_known_by_what_it_calls_itself() -> None:
    for crawler in CRAWLERS:
        assert crawler_named(f"Mozilla/5.0 (compatible; {crawler.name.upper()}/1.0)") is crawler
        assert all(
            crawler.has(f"crawl-1.{domain}.") and not crawler.has(domain) for domain in crawler.domains
        )
        assert not any(crawler.has(f"crawl.evil{domain}") for domain in crawler.domains)
    assert crawler_named(PERSON) is crawler_named("") is None
