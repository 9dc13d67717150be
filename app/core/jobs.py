"""Jobs that staff ask for and workers do step by step: their kinds, states, and what they are asked with."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

JobKind = Literal[
    "export_orders",
    "export_tickets",
    "export_money",
    "export_audit",
    "cancel_orders",
    "message_buyers",
    "tell_moved",
    "make_codes",
]
JobState = Literal["queued", "running", "done", "failed", "stopped"]
FileFormat = Literal["csv", "xlsx"]

EXPORTS: tuple[JobKind, ...] = ("export_orders", "export_tickets", "export_money", "export_audit")
ASKED: tuple[JobKind, ...] = ("export_orders", "export_tickets")  # files with what buyers were asked
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
UNFINISHED: tuple[JobState, ...] = ("queued", "running")
UNFINISHED_MAX = 20  # jobs; one more is refused for now
ITEMS_MAX = 1_000_000  # orders of one job
SUBJECT_MAX, TEXT_MAX = 150, 5_000  # characters of a message


class JobRequest(Struct, frozen=True, omit_defaults=True):
    """Which orders, as in `OrderFilter`; of a message what it says, of a file in which format, of codes that
    are to be made which set (in `ids`).

    `questions`: those of the sale as they were when the job was started, by id and label: a column each.
    """

    event_id: str | None = None
    status: str | None = None
    made_from: datetime | None = None
    made_to: datetime | None = None
    ids: list[str] | None = None
    events: list[str] | None = None
    subject: str = ""
    text: str = ""
    format: FileFormat = "csv"
    questions: list[tuple[str, str]] = []  # msgspec copies it
