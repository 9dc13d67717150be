"""Crawlers that a gate lets through once DNS verifies them: their User-Agents and their domains.

Only those whose operators document verification by reverse and forward DNS, and the domains to expect.
Sources:

* Google: developers.google.com/search/docs/crawling-indexing/verifying-googlebot. Not googleusercontent.com:
    its customers' machines have names there, too.
* Bing: bing.com/webmasters/help/verifying-that-bingbot-is-bingbot-3905dc26
* Apple: support.apple.com/119829
* Yandex: yandex.com/support/webmaster/robot-workings/check-yandex-robots.html
* Baidu: help.baidu.com/question?prod_id=99&class=0&id=3001
* Seznam: o-seznam.cz/napoveda/vyhledavani/en/seznambot-crawler
* Petal: webmaster.petalsearch.com/site/petalbot
"""

from __future__ import annotations

import msgspec


class Crawler(msgspec.Struct, frozen=True):
    """One operator's crawler."""

    name: str  # as it appears in the User-Agent
    domains: tuple[str, ...]  # its hosts are below one of these

    def has(self, host: str) -> bool:
        """Whether a host of this name can belong to it."""
        return host.lower().rstrip(".").endswith(tuple(f".{it}" for it in self.domains))


CRAWLERS = (
    Crawler("Googlebot", ("googlebot.com", "google.com")),
    Crawler("bingbot", ("search.msn.com",)),
    Crawler("Applebot", ("applebot.apple.com",)),
    Crawler("Yandex", ("yandex.ru", "yandex.net", "yandex.com")),
    Crawler("Baiduspider", ("crawl.baidu.com", "crawl.baidu.jp")),
    Crawler("SeznamBot", ("seznam.cz",)),
    Crawler("PetalBot", ("petalsearch.com",)),
)


def crawler_named(user_agent: str) -> Crawler | None:
    """The crawler this User-Agent claims to be (anybody can); None: not one that can be verified."""
    agent = user_agent.lower()
    return next((it for it in CRAWLERS if it.name.lower() in agent), None)
