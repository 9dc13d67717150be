"""A page that serves one test after another, for tests that only walk to a page and look at it.

A new browser starts two processes, and reads the scripts of axe and Playwright anew: 0.3 s of CPU, a third of
what a walk takes. This one forgets what the test before left in it: cookies, storage, cached files, service
workers, routes, and how it was shown. It would keep what is installed in the browser itself (init scripts, a
virtual authenticator, permissions, clocks): a test that does that needs a browser of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Browser, CDPSession, Page

from tests.browser.conftest import PHONE
from tests.browser.layout_shifts import watch_shifts
from tests.browser.page_errors import listen


@dataclass
class ReusedPage:
    """The page, and what it has reported since it was renewed."""

    page: Page
    devtools: CDPSession
    complaints: list[str] = field(default_factory=list)

    async def renewed(self, url: str) -> Page:
        """The page as a visitor opens it who has never been at this address; `leave` it afterwards."""
        await self.page.context.clear_cookies()
        await self.devtools.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "all"})
        await self.devtools.send("Network.clearBrowserCache")
        await self.page.emulate_media(color_scheme="light")
        await self.page.set_viewport_size(PHONE)
        self.complaints.clear()
        return self.page

    async def leave(self, url: str) -> None:
        """Leave what it shows, which may still have something to report."""
        await self.page.unroute_all()
        await self.page.goto(f"{url}/robots.txt")  # of the same site: another one would get another process
        assert self.complaints == []
        assert self.page.context.pages == [self.page], "whoever opens another page needs a browser of its own"


@asynccontextmanager
async def reused_page(browser: Browser) -> AsyncIterator[ReusedPage]:
    """Open it. Layout shifts are watched in all documents it will show."""
    context = await browser.new_context(viewport=PHONE)
    complaints: list[str] = []
    listen(context, complaints)
    page = await context.new_page()
    await watch_shifts(page)
    try:
        yield ReusedPage(page, await context.new_cdp_session(page), complaints)
    finally:
        await context.close()
