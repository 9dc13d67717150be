"""Visitors: each is a page (`page.py`) over real HTTP, then a buyer or whatever the scenario prescribes."""

from __future__ import annotations

from random import Random
from typing import Any

import gevent
import msgspec
from gevent.event import Event

from app.web.documents.waiting_room import PlaceDocument
from load.fans.page import Answer, Link, Page, Step
from load.fans.plan import Claim, Promise
from load.fans.scenarios import Kind
from load.fans.stream import Stream
from load.fans.world import Reply, World, new_key

CHOOSE_S = (0.3, 1.5)  # to choose tickets, and again to find the card: quick people
LEAVES_AFTER_S = (1.0, 8.0)
TRIES = 5  # for a call that must be answered
AGAIN_STATUS = (0, 429, 502, 503, 504)
STREAMS_SHARE = 0.97  # for the others something blocks event streams
ENDS = ("sold_out", "closed", "no_show", "expired", "left", "removed", "done")


class Visitor:
    """One person, from opening the page to the end of the visit."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.random = Random(number)
        self.kind: Kind = world.scenario.kind(number)
        self.address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self.place_token = self.booking_token = ""
        self.reloads = False  # set from outside to reload the page
        self.stream: Stream | None = None
        self._woken = Event()

    @property
    def room(self) -> str:
        """The path of our room."""
        return f"/v1/rooms/{self.world.plan.room_id}"

    def visit(self) -> str:
        """Make the whole visit; return a word for how it ended."""
        ended = self.wait_in_queue()
        if ended:
            return ended
        if self.kind == "browses":
            self.browse_tickets()
            self.call("leave", "DELETE", f"{self.room}/places/me", self.place_token)
            return "browsed"
        return self.buy()

    # the queue page ---------------------------------------------------------------------------------------
    def wait_in_queue(self) -> str:
        """Wait on the queue page until the turn is claimed (an empty word) or the visit ends otherwise."""
        leaves_at_s = self.world.now_s() + self.random.uniform(*LEAVES_AFTER_S)
        page = self._load()
        try:
            while True:
                now_s = self.world.now_s()
                if self.reloads:
                    page = self._load_again(page)
                if word := self._over(page, leaves_at_s, now_s):
                    return word
                if step := page.step(now_s):
                    self._do_step(page, step)
                    if page.claimed:
                        return ""
                    continue
                if self.link.due_s <= now_s:
                    self._poll_status(page)
                    continue
                self._rest(min(page.due_s(now_s), self.link.due_s, self._plans_s(leaves_at_s)) - now_s)
        finally:
            if self.stream is not None:
                self.stream.close()

    def break_off(self, reloads: bool) -> None:
        """Simulate a network failure of a moment; some visitors reload the page."""
        self.reloads = reloads
        if self.stream is not None:
            self.stream.break_off()
        self._woken.set()

    def _load(self) -> Page:
        while True:
            reply = self.world.call("status", "GET", self.room, self._headers())
            if reply.status == 200:
                break
            gevent.sleep(max(1.0, reply.retry_after_s))  # Locust ends the run
        page = Page(self.random, self.world.read(reply.body))
        self.link = Link.opened(self.random, self.world.now_s())
        if self.random.random() < STREAMS_SHARE:
            self.stream = Stream(self.world, page, self.link, self._woken.set)
        return page

    def _load_again(self, before: Page) -> Page:
        """Reload the page: it knows nothing but the cookie, and joins again."""
        self.reloads = False
        if self.stream is not None:
            self.stream.close()
        page = self._load()
        if not before.place:
            return page
        self._do_step(page, "join")
        self.world.count["pages loaded again"] += 1
        was, now = before.place, page.place
        if now is not None and (was.visitor_id, was.queue_number) != (now.visitor_id, now.queue_number):
            self.world.findings.moved.append(
                f"{was.visitor_id}: {was.queue_number} became {now.queue_number}"
            )
        return page

    def _over(self, page: Page, leaves_at_s: float, now_s: float) -> str:
        if page.place is not None and self.kind == "leaves" and now_s >= leaves_at_s:
            self.call("leave", "DELETE", f"{self.room}/places/me", self.place_token)
            return "left the queue"
        if page.panel == "returns" or page.panel in ENDS:
            return {"returns": "sold out", "no_show": "no show"}.get(page.panel, page.panel.replace("_", " "))
        if self.kind == "no_show" and (page.reached or page.panel == "called"):
            return "no show"
        return ""

    def _plans_s(self, leaves_at_s: float) -> float:
        return leaves_at_s if self.kind == "leaves" else float("inf")

    def _rest(self, seconds: float) -> None:
        self._woken.wait(min(max(seconds, 0.01), 60.0))
        self._woken.clear()

    def _do_step(self, page: Page, step: Step) -> None:
        path = {"join": "/places", "ask": "/places/me", "claim": "/places/me/booking-token"}[step]
        body: object = None if step == "ask" else {}
        reply = self.call(step, "GET" if step == "ask" else "POST", self.room + path, self.place_token, body)
        place = None
        if reply.status in (200, 201) and step == "claim":
            self.booking_token = reply.document["booking_token"]
            self._claimed(page)
        elif step == "join" and reply.status == 429:
            self.world.count["joins throttled"] += 1
        elif reply.status in (200, 201, 202):
            place = msgspec.json.decode(reply.body, type=PlaceDocument)
            self._placed(place, reply.status)
        page.answered(step, Answer(reply.status, place, reply.code, reply.retry_after_s), self.world.now_s())

    def _placed(self, place: PlaceDocument, status: int) -> None:
        self.place_token = place.place_token or self.place_token
        if status == 201:
            self.world.count["joined"] += 1
        if place.queue_number is not None:
            self.world.findings.numbers[place.visitor_id] = place.queue_number

    def _claimed(self, page: Page) -> None:
        number = page.place.queue_number if page.place else None
        self.world.count["called: bots" if self.kind == "bot" else "called"] += 1
        if number is not None:
            self.world.findings.claims.append(Claim(self.world.now_s(), number, self.kind == "bot"))

    def _poll_status(self, page: Page) -> None:
        reply = self.world.call("status", "GET", self.room, self._headers())
        if reply.status == 200:
            self.link.received(self.world.now_s(), by_stream=False)
            page.update(self.world.read(reply.body), self.world.now_s())
        else:
            self.link.failed(self.world.now_s())

    # the booking page -------------------------------------------------------------------------------------
    def browse_tickets(self) -> None:
        """View the tickets for a moment."""
        event_id = self.world.plan.event_id
        self.call("availability", "GET", f"/v1/events/{event_id}/availability")
        gevent.sleep(self.random.uniform(*CHOOSE_S))

    def buy(self) -> str:
        """Reserve, then pay, cancel or forget."""
        if self.world.plan.event_id is None or not self.world.plan.ticket_type_ids:
            return "inside"
        self.browse_tickets()
        promise = self._reserve_available()
        if isinstance(promise, str):
            self.call("leave", "DELETE", f"{self.room}/places/me", self.place_token)
            return promise.replace("_", " ")
        gevent.sleep(self.random.uniform(*CHOOSE_S))
        if self.kind == "forgets":
            return "forgot to pay"
        if self.kind == "cancels":
            self._end(promise, "cancel", {})
            return promise.status
        if self.kind == "declined":
            self._end(promise, "confirm", {"payment": {"method": "card", "token": "tok_declined"}})
        self._end(promise, "confirm", {"payment": {"method": "card", "token": "tok_ok"}})
        return promise.status

    def _reserve_available(self) -> Promise | str:
        """Reserve one or two tickets of one type; if those are sold out, one of any type that is left."""
        kinds = self.random.sample(self.world.plan.ticket_type_ids, k=len(self.world.plan.ticket_type_ids))
        promise = self.reserve(kinds[0], 1 + self.random.randrange(2))
        for kind in kinds:
            if promise != "sold_out":
                break
            promise = self.reserve(kind, 1)
        return promise

    def reserve(self, chosen: str, quantity: int) -> Promise | str:
        """Make one reservation; return it, or the code of the refusal."""
        path = f"/v1/events/{self.world.plan.event_id}/reservations"
        body = {"items": [{"ticket_type_id": chosen, "quantity": quantity}]}
        reply = self.persist("reserve", "POST", path, self.booking_token, body)
        if reply.status != 201:
            return reply.code or "unanswered"
        self.world.count["reserved"] += 1
        promise = Promise(
            reply.document["reservation_id"],
            self.number,
            self.place_token,
            reply.document["status"],
            quantity,
        )
        self.world.findings.promises.append(promise)
        return promise

    def _end(self, promise: Promise, name: str, body: dict[str, Any]) -> None:
        path = f"/v1/reservations/{promise.reservation_id}/{name}"
        reply = self.persist(name, "POST", path, self.place_token, body)
        if reply.status in (200, 202):
            document = reply.document
            promise.status = document["status"]
            promise.tickets = [it["ticket_id"] for it in document.get("tickets", [])]
            self.world.count[promise.status] += 1

    # calls ------------------------------------------------------------------------------------------------
    def call(
        self, name: str, method: str, path: str, token: str = "", body: object = None, key: str = ""
    ) -> Reply:
        """Make one call as this visitor."""
        headers = self._headers() | ({"Authorization": f"Bearer {token}"} if token else {})
        return self.world.call(name, method, path, headers, body, key)

    def persist(self, name: str, method: str, path: str, token: str, body: object) -> Reply:
        """Repeat a call with the same key until it is answered, like `persist` in calls.js."""
        key, reply = new_key(), Reply(0)
        for attempt in range(1, TRIES + 1):
            reply = self.call(name, method, path, token, body, key)
            if reply.status not in AGAIN_STATUS or attempt == TRIES:
                break
            gevent.sleep(max(reply.retry_after_s, 0.5 * 2**attempt) * (0.75 + self.random.random() / 2))
        return reply

    def _headers(self) -> dict[str, str]:
        return {"X-Forwarded-For": self.address}  # trusted only if we are a trusted proxy there
