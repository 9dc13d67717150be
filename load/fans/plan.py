"""The plan and the findings of a load run: the documents between `load/run.py` and Locust's process."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from load.fans.scenarios import Name

PLAN = "FAIRGATE_LOAD_PLAN"  # environment variable with the path of the plan
PROGRESS = "progress "  # prefix of lines with which Locust's process reports its progress


class Plan(msgspec.Struct, frozen=True):
    """One run against one sale. `staff_token` opens the room when everybody is there; empty: it stays as it
    is."""

    scenario: Name
    fans: int
    seconds: int
    url: str
    room_id: str
    event_id: str | None
    ticket_type_ids: list[str]
    tickets_max: int  # per visitor
    findings_file: str
    staff_token: str = ""
    ends_alone: bool = True  # when the last visitor is done; not with Locust's own web page


class Promise(msgspec.Struct):
    """A reservation as last seen by its visitor, with the token that proves its ownership."""

    reservation_id: str
    visitor: int
    place_token: str
    status: str
    quantity: int
    tickets: list[str] = []


class Claim(msgspec.Struct, frozen=True):
    """A claimed turn; `at_s` is on the clock of `Found.serving`."""

    at_s: float
    queue_number: int
    bot: bool


class Latency(msgspec.Struct, frozen=True):
    """How long one kind of call took."""

    count: int
    p50_ms: float
    p99_ms: float


class Findings(msgspec.Struct):
    """What visitors saw: counts by word, and everything the verdict needs."""

    count: dict[str, int] = {}
    refused: dict[str, int] = {}  # by the problem's code
    errors: dict[str, int] = {}  # responses no visitor should get, and broken connections
    latencies: Mapping[str, Latency] = {}
    numbers: dict[str, int] = {}  # visitor_id: queue number
    moved: list[str] = []  # places that changed with a reload
    claims: list[Claim] = []
    serving: list[tuple[float, int]] = []  # when each serving position was first received
    promises: list[Promise] = []
