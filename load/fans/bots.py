"""Bots: they take several places, poll constantly, claim before their turn, and reserve without end.

None of it should help: the verdict shows whether one was called out of turn, or got more than a visitor may.
"""

from __future__ import annotations

import gevent

from load.fans.page import Page
from load.fans.visitors import ENDS, Visitor

PLACES = 3
PAUSE_S = 0.2
STEPS_MAX = 1_500
GRABS = 6


class Bot(Visitor):
    """One program with several places. It follows no stream and ignores `poll_after_s`."""

    def visit(self) -> str:
        """Run until one of its places is called, or nothing is left."""
        pages: list[tuple[Page, str]] = []
        for _ in range(STEPS_MAX):
            reply = self.world.call("status", "GET", self.room, self._headers())
            if reply.status == 200:
                status = self.world.read(reply.body)
                while status.state == "open" and len(pages) < PLACES:
                    self.place_token = ""
                    page = Page(self.random, status)
                    self._do_step(page, "join")
                    if page.place is None:
                        break
                    pages.append((page, self.place_token))
                if status.state in ("sold_out", "closed"):
                    return status.state.replace("_", " ")
            for page, token in pages:
                self.place_token = token
                self._hurry(page)
                if page.claimed:
                    return self._grab()
                if page.panel in ENDS:
                    return page.panel.replace("_", " ")
            gevent.sleep(PAUSE_S)
        return "gave up"

    def _hurry(self, page: Page) -> None:
        self.call("bot: claim with nothing", "POST", f"{self.room}/places/me/booking-token", "", {})
        self._do_step(page, "ask")
        if not page.claimed and page.panel not in ENDS:
            self._do_step(page, "claim")

    def _grab(self) -> str:
        """Make as many reservations as possible in one turn, each with its own key, and never pay."""
        got = 0
        for kind in (self.world.plan.ticket_type_ids * GRABS)[:GRABS]:
            got += not isinstance(self.reserve(kind, 2), str)
        return f"bot with {got * 2} tickets held"
