"""Seat files: reads CSV, our own format and seats.io charts; writes our own format.

Ours is JSON with `sections`, each with `name`, `price` (minor units) and `rows`; a row has `row`, `first`
and `states`, a character for each number from `first` on: f for a seat, a for an accessible one, c for a
companion seat, - for a gap; and `labels`, where seats are not labelled by their numbers. So rows may have
different lengths, starts and aisles; `kept`, parallel to `states`, marks blocked seats with b and house seats
with h. A section may have a `plan`: its position. CSV has the columns section, row, number and price, and
optionally `kind` (accessible or companion), `label` and `kept` (blocked or house).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, NamedTuple, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.core.catalogue import seat_plan
from app.core.catalogue.definitions import (
    ROW_SEATS_MAX,
    SEATS_MAX,
    KeptAs,
    NewSeat,
    NewSeats,
    Price,
    SeatKind,
)
from app.core.catalogue.seat_plan import Place, PlacedSection
from app.core.catalogue.seating import FREE, GAP, KINDS, NEITHER, SeatRow, seat_id, slug_of
from app.core.errors import ValidationFailed
from app.core.formats import LABEL, ROW, Name
from app.core.model import Struct, TicketType
from app.core.text import typed

FIELD = "file"
KINDS_READ: dict[str, SeatKind] = {"a": "accessible", "c": "companion"}
KEPT_READ: dict[str, KeptAs] = {"b": "blocked", "h": "house"}
COLUMNS = ("section", "row", "number", "price")
_NUMBER = re.compile(r"[1-9][0-9]{0,4}")


class FileRow(Struct, frozen=True, kw_only=True):
    """A row in our format."""

    row: Annotated[str, Meta(pattern=ROW)]
    first: Annotated[int, Meta(ge=1, le=99_999)] = 1
    states: Annotated[str, Meta(min_length=1, max_length=ROW_SEATS_MAX, pattern=r"^[a-z-]+\Z")]
    labels: list[str] | UnsetType = UNSET
    kept: Annotated[str, Meta(pattern=r"^[bh-]+\Z")] | UnsetType = UNSET


class FileSection(Struct, frozen=True, kw_only=True):
    """A section in our format."""

    name: Name
    price: Price | None = None
    rows: Annotated[list[FileRow], Meta(min_length=1)]
    plan: Place | UnsetType = UNSET


class SeatEntry(NamedTuple):
    """A seat as read from a file; `own`: the price given there."""

    section: str
    row: str
    number: int
    kind: SeatKind = ""
    label: str = ""
    own: int | None = None
    kept_as: str = ""


class SeatsRead(NamedTuple):
    """The seats of a file, and the ids of those kept off sale, with the reason."""

    new: NewSeats
    kept: dict[KeptAs, list[str]]


class SeatFile(msgspec.Struct, frozen=True):
    """A file in our format; unknown fields are ignored."""

    sections: Annotated[list[FileSection], Meta(min_length=1, max_length=100)]


def read(text: str, price: int | None, scale: int) -> SeatsRead:
    """Read the seats in a file. `price`: for seats without one; `scale`: decimals of the currency.

    Raises ValidationFailed for the field `file`, naming the faulty part.
    """
    stripped = text.strip().removeprefix("\ufeff")
    seats, kept = list[NewSeat](), dict[KeptAs, list[str]]()
    for seat, kept_as in _json(stripped, price) if stripped.startswith("{") else _csv(stripped, price, scale):
        if len(seats) == SEATS_MAX:
            raise ValidationFailed(FIELD, f"has more than {SEATS_MAX:,} seats")
        seats.append(seat)
        if kept_as:
            called = seat.label or str(seat.number)
            kept.setdefault(cast(KeptAs, kept_as), []).append(
                seat_id(slug_of(seat.section), seat.row.lower(), called)
            )
    if not seats:
        raise ValidationFailed(FIELD, "has no seats")
    return SeatsRead(NewSeats(seats=seats), kept)


def plan(text: str) -> list[PlacedSection]:
    """The positions of the sections in a file of our format that `read` has accepted."""
    stripped = text.strip().removeprefix("\ufeff")
    document = msgspec.json.decode(stripped) if stripped.startswith("{") else {}
    sections = msgspec.convert(document, SeatFile).sections if "sections" in document else []
    return [
        PlacedSection(ticket_type_id=slug_of(it.name), x=it.plan.x, y=it.plan.y, turn=it.plan.turn)
        for it in sections
        if it.plan
    ]


def seats_file(
    types: Iterable[TicketType], rows: Mapping[str, Sequence[SeatRow]], kept: Mapping[str, str]
) -> bytes:
    """Write an event's seats in our format; `kept`: the reason for each seat off sale, by id."""
    sections = [
        FileSection(
            name=it.name,
            price=it.price,
            rows=[_file_row(row, it.ticket_type_id, kept) for row in its_rows],
            plan=seat_plan.read(it.plan) or UNSET,
        )
        for it in types
        if (its_rows := rows.get(it.ticket_type_id))
    ]
    return msgspec.json.format(msgspec.json.encode(SeatFile(sections)), indent=1)


def _file_row(row: SeatRow, type_id: str, kept: Mapping[str, str]) -> FileRow:
    states, off = [GAP] * len(row.states), [GAP] * len(row.states)
    for it in row.seats():
        states[it.number - row.first] = FREE if it.kind == NEITHER else it.kind
        off[it.number - row.first] = kept.get(seat_id(type_id, row.row, it.label), GAP)[0]
    labels = row.labels.split(",") if row.labels else UNSET
    off_sale = "".join(off) if set(off) != {GAP} else UNSET
    return FileRow(row=row.row, first=row.first, states="".join(states), labels=labels, kept=off_sale)


def _json(text: str, price: int | None) -> Iterator[tuple[NewSeat, str]]:
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValidationFailed(FIELD, f"is not JSON: {error}") from None
    if "subChart" in document:
        yield from _chart(document, price)
        return
    try:
        file = msgspec.convert(document, SeatFile)
    except msgspec.ValidationError as error:
        raise ValidationFailed(FIELD, f"cannot be read: {error}") from None
    for section in file.sections:
        for row in section.rows:
            if row.labels and len(row.labels) != len(row.states):
                raise ValidationFailed(FIELD, f"row {row.row} must have as many `labels` as `states`")
            if row.kept and len(row.kept) != len(row.states):
                raise ValidationFailed(
                    FIELD, f"row {row.row} must have as many characters in `kept` as in `states`"
                )
            for at, state in enumerate(row.states):
                if state != GAP:
                    seat = SeatEntry(section.name, row.row, row.first + at, KINDS_READ.get(state, ""))
                    label = row.labels[at] if row.labels else ""
                    kept_as = KEPT_READ.get(row.kept[at], "") if row.kept else ""
                    yield _seat(seat._replace(label=label, own=section.price, kept_as=kept_as), price)


def _csv(text: str, price: int | None, scale: int) -> Iterator[tuple[NewSeat, str]]:
    lines = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in text.partition("\n")[0] else ",")
    names = [name.strip().lower() for name in lines.fieldnames or ()]
    if missing := [name for name in COLUMNS[:3] if name not in names]:
        raise ValidationFailed(FIELD, f"has no column {missing[0]}; its first row must name the columns")
    lines.fieldnames = names
    for at, line in enumerate(lines, 2):
        amount = (line.get("price") or "").strip()
        own = typed.amount(amount, scale) if amount else None
        if amount and own is None:
            raise ValidationFailed(FIELD, f"row {at}: {amount} is not a price")
        section, row, number, kind, label, kept_as = (
            (line.get(name) or "").strip() for name in (*COLUMNS[:3], "kind", "label", "kept")
        )
        if kept_as.lower() not in ("", *KEPT_READ.values()):
            raise ValidationFailed(FIELD, f"row {at}: {kept_as} must be blocked or house")
        if kind.lower() not in ("", *KINDS):
            raise ValidationFailed(FIELD, f"row {at}: {kind} must be accessible or companion")
        if not _NUMBER.fullmatch(number):
            raise ValidationFailed(FIELD, f"row {at}: seat {number!r} of row {row} must be a number")
        seat = SeatEntry(section, row, int(number), cast(SeatKind, kind.lower()), label, own, kept_as.lower())
        yield _seat(seat, price, f"row {at}: ")


def _chart(document: Any, price: int | None) -> Iterator[tuple[NewSeat, str]]:
    """Read a seats.io chart: rows at the top level and in sections, a category for each seat."""
    try:
        categories = {str(it["key"]): str(it["label"]) for it in document["categories"]["list"]}
        middle, sections = document["subChart"], document["subChart"].get("sections", [])
        for label, chart in [("", middle), *((str(it["label"]), it["subChart"]) for it in sections)]:
            for row in chart.get("rows", []):
                for number, called, seat in _numbered(row["seats"]):
                    category = categories.get(str(seat.get("categoryKey")), "")
                    name = " ".join(filter(None, (label, category))) or str(document.get("name", ""))
                    kind: SeatKind = "accessible" if seat.get("accessible") else ""
                    kind = "companion" if seat.get("companionSeat") else kind
                    yield _seat(SeatEntry(name, str(row["label"]), number, kind, called), price)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValidationFailed(FIELD, f"is not a seats.io chart: {error!r}") from None


def _numbered(seats: Sequence[Any]) -> Iterator[tuple[int, str, Any]]:
    """Number the seats of a row by their labels, if those ascend; else by position, keeping the labels."""
    labels = [str(it["label"]) for it in seats]
    numbers = [int(it) if _NUMBER.fullmatch(it) else 0 for it in labels]
    steps = {b - a for a, b in pairwise(numbers)}
    if all(numbers) and min(steps, default=1) > 0 and steps != {2}:
        yield from zip(numbers, [""] * len(seats), seats, strict=True)
    else:
        yield from zip(range(1, len(seats) + 1), labels, seats, strict=True)


def _seat(read: SeatEntry, price: int | None, where: str = "") -> tuple[NewSeat, str]:
    cost = price if read.own is None else read.own
    if cost is None:
        raise ValidationFailed("price", "is required: the file contains no price")
    if not read.section:
        raise ValidationFailed(FIELD, f"{where}a seat is in no section")
    if not re.fullmatch(ROW, read.row):
        raise ValidationFailed(FIELD, f"{where}row {read.row!r} must be 1 to 8 letters and digits")
    if not re.fullmatch(LABEL, read.label):
        raise ValidationFailed(FIELD, f"{where}seat {read.label!r} must be 1 to 6 letters and digits")
    label = read.label.lower()
    seat = NewSeat(
        section=read.section, row=read.row, number=read.number, price=cost, kind=read.kind, label=label
    )
    return seat, read.kept_as
