"""The queue page's logic without a page: when it joins, requests its place, claims, and polls the status.

The twin of `app/static/queue.js`, `live.js` and `place.js`, for all simulated visitors: those of Locust
(`visitors.py`) and those of the origin figure (`origin.py`). No I/O and no clock: times in seconds are
arguments. `panel_of` decides on panels; a browser test compares it with `position.js`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from random import Random
from typing import Literal

from app.core.model import PlaceState
from app.web.documents.waiting_room import PlaceDocument, StatusDocument
from app.web.pages.room.queue_document import panel_of

Step = Literal["join", "ask", "claim"]

POLL_AFTER_S = 30.0
STEP_S = 1.0  # between requests for our own place
AGAIN_S = 2.0
STREAM_QUIET_S = 20.0  # a stream that is silent for longer is checked by polling
STATUS_POLL_S = 3.0
STREAM_FIRST_S = 4.0  # a stream begins with the current document; if none has arrived by then, it is blocked
STREAM_RETRY_S = (1.0, 10.0)  # the range of `retry:`, which differs per stream
LISTEN_AGAIN_S = 15.0  # after a response that was not a stream
SET_BACK_S = 60.0  # no document is this old: the server's clock was set back
ASKING = ("prequeue", "drawing", "waiting", "returns", "called", "active")
OVER: dict[str, PlaceState] = {
    "no_show": "no_show",
    "session_expired": "expired",
    "left": "left",
    "done": "done",
    "removed": "removed",
}


def jittered(seconds: float, random: Random) -> float:
    """Vary by up to a quarter either way, like `jittered` in calls.js."""
    return seconds * (0.75 + random.random() / 2)


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of one step. `status` 0: the network failed; `code` is that of a problem document."""

    status: int
    place: PlaceDocument | None = None
    code: str = ""
    retry_after_s: float = 0.0


@dataclass(slots=True)
class Page:
    """One open and visible queue page."""

    random: Random
    status: StatusDocument
    place: PlaceDocument | None = None
    over: PlaceState | None = None  # how it ended, if only the refusal of a claim or join said so
    claimed: bool = False
    ask_at_s: float = inf
    not_before_s: float = 0.0
    drawn: bool = False

    @property
    def panel(self) -> str:
        """The visible panel."""
        return panel_of(self.status.state, self.over or (self.place.state if self.place else None))

    @property
    def reached(self) -> bool:
        """Whether our turn has come according to the shared document."""
        return _reached(self.status, self.place)

    def update(self, status: StatusDocument, now_s: float) -> None:
        """Take the shared document, from the stream or polled. One older than the last is dropped."""
        before = self.status
        if status.updated_at and before.updated_at:
            behind_s = (before.updated_at - status.updated_at).total_seconds()
            if 0 < behind_s < SET_BACK_S:
                return
        self.status = status
        if _reached(status, self.place) and not _reached(before, self.place):
            self.ask_at_s = now_s
        restored = status.serving_position < before.serving_position or status.epoch != before.epoch
        if restored and self.place is not None:
            self.ask_at_s = min(self.ask_at_s, now_s + 4 * self.random.random())

    def due_s(self, now_s: float) -> float:
        """When `step` will return something if no document arrives until then; infinity for never."""
        panel = self.panel
        if self.claimed:
            return inf
        if panel == "called" or panel == "door" or self.reached:
            return max(now_s, self.not_before_s)
        if panel == "drawing" and not self.drawn:
            return now_s
        return max(self.ask_at_s, self.not_before_s) if panel in ASKING else inf

    def step(self, now_s: float) -> Step | None:
        """Return what the page does now, one step at a time: report its answer before the next call."""
        panel = self.panel
        if self.claimed or now_s < self.not_before_s:
            return None
        if panel == "called" or (self.reached and self.place is not None and self.place.quantity <= 1):
            return "claim"
        if panel == "door":
            return "join"
        if panel == "drawing" and not self.drawn:
            self.drawn = True  # everybody in the pre-queue sees the opening at the same moment
            self.ask_at_s = now_s + self.random.random() * min(10.0, 0.5 + self.status.waiting / 100_000)
        return "ask" if panel in ASKING and now_s >= self.ask_at_s else None

    def answered(self, step: Step, answer: Answer, now_s: float) -> None:
        """Take the result of a step."""
        self.not_before_s = now_s + (0.0 if step == "join" else STEP_S)
        if step == "claim" and answer.status in (200, 201):
            self.claimed = True
        elif answer.status in (200, 201, 202) and answer.place is not None:
            self._set(answer.place, now_s)
            if step == "claim":
                self.not_before_s = now_s + AGAIN_S
        elif step != "join" and answer.status in (401, 404):
            self.place, self.over = None, None  # the place is unknown: join again
        elif answer.code == "removed" or (step == "claim" and answer.code in OVER):
            self.over = OVER[answer.code]
        else:  # not open, sold out: the shared document will say so; throttled or unavailable: later
            self.not_before_s = now_s + jittered(max(answer.retry_after_s, AGAIN_S), self.random)

    def _set(self, place: PlaceDocument, now_s: float) -> None:
        self.place, self.over = place, None
        patience = 2 if place.state == "prequeue" else 1
        self.ask_at_s = now_s + jittered((place.poll_after_s or POLL_AFTER_S) * patience, self.random)


def _reached(status: StatusDocument, place: PlaceDocument | None) -> bool:
    return (
        place is not None
        and place.state == "waiting"
        and place.queue_number is not None
        and status.serving_position >= place.queue_number
    )


@dataclass(slots=True)
class Link:
    """How a page receives the shared document: by its stream, and by polling while the stream is silent."""

    random: Random
    received_at_s: float
    streaming: bool = False

    @classmethod
    def opened(cls, random: Random, now_s: float) -> Link:
        """The page was just loaded, and listens."""
        return cls(random, now_s - STATUS_POLL_S + STREAM_FIRST_S)

    def received(self, now_s: float, by_stream: bool) -> None:
        """Note that a document or a comment of the stream arrived."""
        self.streaming = self.streaming or by_stream
        self.received_at_s = now_s

    def stream_ended(self, now_s: float, refused: bool) -> float:
        """Note that the stream ended, or was `refused` with another response; return the seconds until a
        retry."""
        if self.streaming:
            self.received_at_s = now_s - STATUS_POLL_S + jittered(1.0, self.random)  # soon, not all at once
        self.streaming = False
        return jittered(LISTEN_AGAIN_S, self.random) if refused else self.random.uniform(*STREAM_RETRY_S)

    def failed(self, now_s: float) -> None:
        """Note that polling failed as well."""
        self.streaming, self.received_at_s = False, now_s

    @property
    def due_s(self) -> float:
        """When the page polls the shared document, if nothing arrives until then."""
        return self.received_at_s + (STREAM_QUIET_S if self.streaming else STATUS_POLL_S)
