"""Jobs that staff start and workers carry out in steps: kinds, states and parameters."""

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
ASKED: tuple[JobKind, ...] = ("export_orders", "export_tickets")  # exports that include the buyers' answers
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
UNFINISHED: tuple[JobState, ...] = ("queued", "running")
UNFINISHED_MAX = 20  # jobs at a time; further ones are refused
ITEMS_MAX = 1_000_000  # orders per job
SUBJECT_MAX, TEXT_MAX = 150, 5_000  # characters in a message


class JobRequest(Struct, frozen=True, omit_defaults=True):
    """The parameters of a job: which orders, as in `OrderFilter`; the text of a message; the format of a
    file; the set of codes to create (in `ids`).

    `questions`: those of the sale when the job was started, by id and label: a column each.
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
