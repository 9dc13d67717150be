"""How many requests per minute reach the origin for each waiting visitor.

Simulated: 100,000 visitors all arrive at the opening of a room that calls them at a steady rate until nobody
waits. Time is virtual, and nothing goes over a wire. Each visitor is the queue page's own logic (`page.py`),
and each exact place comes from the product's own `place_document`, so `poll_after_s` is what the server would
return. Nobody leaves the queue.

Counted while they wait: requests for the exact place; the event stream, opened once and again each time the
network breaks it (every 15 minutes); and the shared document, which visitors without a stream (3 in 100)
request every 3 s and nginx or a CDN answers from its one-second cache, so that at most two per second reach
the origin. Not counted: the join and the claim at the two ends of the wait.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from random import Random

import msgspec

from app.core.model import Place, Room, RoomId, RoomSettings, RoomStatus, VisitorId
from app.web.documents.waiting_room import StatusDocument, place_document, status_document
from load.fans.page import STATUS_POLL_S, Answer, Page

FANS = 100_000
RATES_PER_MINUTE = (600, 6_000)  # a room's default, and ten times that
TARGET_PER_MINUTE = 0.5
JOINS_PER_S = 25_000
STREAM_BREAKS_PER_MINUTE = 1 / 15
NO_STREAM_SHARE = 0.03
STATUS_AT_ORIGIN_PER_S = 2.0
BANDS = (0, 1_000, 10_000, 100_000)  # people ahead
ROOM_ID = RoomId("origin")
BEGAN_MS = 1_900_000_000_000


class Band(msgspec.Struct, frozen=True):
    """Visitors with this many people ahead, and how often per minute each requested their place."""

    ahead_from: int
    ahead_to: int
    visitor_minutes: float
    asks_per_minute: float


class Origin(msgspec.Struct, frozen=True):
    """The result, per waiting visitor and minute. `bands` run from the front to the end of the queue."""

    fans: int
    rate_per_minute: int
    visitor_minutes: float
    asks_per_minute: float
    streams_per_minute: float
    status_per_minute: float
    bands: Sequence[Band]

    @property
    def per_minute(self) -> float:
        """All requests that reach the origin, per waiting visitor and minute."""
        return self.asks_per_minute + self.streams_per_minute + self.status_per_minute

    @property
    def falling(self) -> bool:
        """Whether visitors further back ask less often."""
        rates = [band.asks_per_minute for band in self.bands if band.visitor_minutes]
        return all(far < near for near, far in pairwise(rates))

    @property
    def good(self) -> bool:
        """Whether the target is met."""
        return self.per_minute <= TARGET_PER_MINUTE and self.falling


class VirtualRoom:
    """A room that calls `rate` visitors per minute, as the status script would report it."""

    def __init__(self, fans: int, rate_per_minute: int) -> None:
        settings = RoomSettings(
            name="Origin", admission_rate_per_minute=rate_per_minute, active_visitors_max=None
        )
        self.fans, self.rate = fans, rate_per_minute
        self.room = Room(
            room_id=ROOM_ID,
            event_id=None,
            settings=settings,
            state="open",
            version=1,
            epoch=1,
            seed=bytes(32),
            serving_position=0,
            numbers_reserved=fans,
            opened_at_ms=BEGAN_MS,
            closed_at_ms=0,
        )
        self._second, self._now = -1, self._at(0)
        self._document = status_document(self.room, self._now)

    def serving(self, at_s: float) -> int:
        """The serving position: the rate, with one second of it as a burst at the opening."""
        return min(self.fans, int((max(0.0, at_s) + 1) * self.rate / 60))

    def document(self, at_s: float) -> StatusDocument:
        """The shared document, at most a second old."""
        self._advance(at_s)
        return self._document

    def place(self, number: int, at_s: float) -> Answer:
        """The exact place of a waiting visitor, as the server returns it."""
        self._advance(at_s)
        ahead = max(0, number - self._now.serving_position - 1)
        found = Place(VisitorId(str(number)), "waiting", number, ahead, 0, 0)
        return Answer(200, place_document(ROOM_ID, found, self._now, self.rate, ""))

    def _advance(self, at_s: float) -> None:
        if int(at_s) != self._second:
            self._second, self._now = int(at_s), self._at(int(at_s))
            self._document = status_document(self.room, self._now)

    def _at(self, second: int) -> RoomStatus:
        """What the status script would report."""
        serving, joined = self.serving(second), min(self.fans, (second + 1) * JOINS_PER_S)
        return RoomStatus(
            now_ms=BEGAN_MS + second * 1000,
            version=1,
            epoch=1,
            state="open",
            serving_position=serving,
            last_number=joined,
            waiting=max(0, joined - serving),
            called=0,
            active=0,
            outflow_per_minute=serving - (self.serving(second - 60) if second > 60 else 0),
            available=None,
            opened_at_ms=BEGAN_MS,
        )


def measure(fans: int = FANS, rate_per_minute: int = RATES_PER_MINUTE[0], seed: int = 1) -> Origin:
    """Let the whole queue through. Bounded: each visitor waits `fans / rate` and asks at most every 2 s."""
    room, random = VirtualRoom(fans, rate_per_minute), Random(seed)
    asks = [0] * (len(BANDS) - 1)
    due: list[tuple[float, int]] = []
    pages: dict[int, Page] = {}
    for number in range(1, fans + 1):
        at_s = number / JOINS_PER_S
        if room.serving(at_s) >= number:
            continue  # called at once: nobody waited
        page = pages[number] = Page(random, room.document(at_s))
        page.answered("join", room.place(number, at_s), at_s)
        due.append((page.due_s(at_s), number))
    heapq.heapify(due)
    while due:
        at_s, number = heapq.heappop(due)
        if room.serving(at_s) >= number:
            continue  # called before it would have asked: the page claims because of the shared document
        page = pages[number]
        page.update(room.document(at_s), at_s)
        if page.step(at_s) == "ask":
            asks[_band(number - room.serving(at_s) - 1)] += 1
            page.answered("ask", room.place(number, at_s), at_s)
        heapq.heappush(due, (max(page.due_s(at_s), at_s + 0.001), number))
    return _result(room, asks)


def _band(ahead: int) -> int:
    return next((at for at, end in enumerate(BANDS[1:]) if ahead < end), len(BANDS) - 2)


def _result(room: VirtualRoom, asks: Sequence[int]) -> Origin:
    minutes = [0.0] * (len(BANDS) - 1)
    lasts_s = ceil(room.fans * 60 / room.rate)
    for second in range(lasts_s):
        waiting = room.fans - room.serving(second)
        for at, (begin, end) in enumerate(pairwise(BANDS)):
            last = at == len(BANDS) - 2
            minutes[at] += max(0, (waiting if last else min(waiting, end)) - begin) / 60
    total = max(sum(minutes), 1e-9)
    polls = NO_STREAM_SHARE * total * 60 / STATUS_POLL_S
    return Origin(
        fans=room.fans,
        rate_per_minute=room.rate,
        visitor_minutes=total,
        asks_per_minute=sum(asks) / total,
        streams_per_minute=room.fans / total + STREAM_BREAKS_PER_MINUTE,
        status_per_minute=min(polls, lasts_s * STATUS_AT_ORIGIN_PER_S) / total,
        bands=[
            Band(begin, end, spent, count / spent if spent else 0.0)
            for begin, end, spent, count in zip(BANDS, BANDS[1:], minutes, asks, strict=False)
        ],
    )
