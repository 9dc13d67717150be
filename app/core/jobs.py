"""Jobs that staff ask for and workers do step by step: their kinds, states, and what they are asked with."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

JobKind = Literal["export_orders", "cancel_orders", "message_buyers"]
JobState = Literal["queued", "running", "done", "failed", "stopped"]

UNFINISHED: tuple[JobState, ...] = ("queued", "running")
UNFINISHED_MAX = 20  # jobs; one more is refused for now
ITEMS_MAX = 1_000_000  # orders of one job
SUBJECT_MAX, TEXT_MAX = 150, 5_000  # characters of a message


class JobRequest(Struct, frozen=True, omit_defaults=True):
    """Which orders, as in `OrderFilter`; of a message what it says."""

    event_id: str | None = None
    status: str | None = None
    made_from: datetime | None = None
    made_to: datetime | None = None
    ids: list[str] | None = None
    events: list[str] | None = None
    subject: str = ""
    text: str = ""
