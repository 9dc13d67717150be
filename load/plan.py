"""A load run's plan and its findings: the documents between `run.py` and Locust's process."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from load.scenarios import Name

PLAN = "FAIRGATE_LOAD_PLAN"  # in the environment: where the plan is
PROGRESS = "progress "  # begins the lines Locust's process tells how far it is with


class Plan(msgspec.Struct, frozen=True):
    """One run against one sale. `staff_token` opens the room when all are there; empty: it is as it is."""

    scenario: Name
    fans: int
    seconds: int
    url: str
    room_id: str
    event_id: str | None
    ticket_type_ids: list[str]
    tickets_max: int  # of one visitor
    found: str  # the file to write what was found to
    staff_token: str = ""
    ends_alone: bool = True  # when the last visitor is through; not with Locust's own web page


class Promise(msgspec.Struct):
    """A reservation that was answered to a visitor, as last told, with the token that shows who owns it."""

    reservation_id: str
    visitor: int
    place_token: str
    status: str
    quantity: int
    tickets: list[str] = []


class Claim(msgspec.Struct, frozen=True):
    """A turn that was taken; `at_s` on the clock of `Found.serving`."""

    at_s: float
    queue_number: int
    bot: bool


class Latency(msgspec.Struct, frozen=True):
    """How long one kind of call took."""

    count: int
    p50_ms: float
    p99_ms: float


class Found(msgspec.Struct):
    """What visitors saw: counts by word, and everything the verdict needs."""

    count: dict[str, int] = {}
    refused: dict[str, int] = {}  # by the problem's code
    errors: dict[str, int] = {}  # answers no visitor should get, connections that broke
    latencies: Mapping[str, Latency] = {}
    numbers: dict[str, int] = {}  # visitor_id: queue number
    moved: list[str] = []  # places that were another one after a reload
    claims: list[Claim] = []
    serving: list[tuple[float, int]] = []  # when a serving position was heard first
    promises: list[Promise] = []
