"""Access and discount codes: what they are valid for, how a batch is generated, and what they take off.

`include/codes.lua` decides; the arithmetic is duplicated here so that a page can show a ticket's price
before it is taken. `tests/core/catalogue/test_codes.py` compares the two.
"""

from __future__ import annotations

import secrets
from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from app.core.catalogue.definitions import Price
from app.core.clock import to_ms
from app.core.errors import ValidationFailed
from app.core.formats import CODE_PREFIX, At, Code, Name, Slug
from app.core.model import Struct, TicketType
from app.core.waiting_room.rules import check_sale_window

BATCH_MAX = 50_000  # codes created by one call
AT_ONCE_MAX = 1_000  # created right away; larger batches are created by a job
CODES_MAX = 200_000  # per event
SETS_MAX = 200  # per event
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without characters that are easily confused
RANDOM_CHARS = 10  # of a generated code: 50 bits

Reason = Literal["unknown", "used_up", "other", "from", "until"]


class NewCodes(Struct, frozen=True):
    """One code to announce (`code`), or a number of unguessable ones (`count`)."""

    name: Name
    code: Code | None = None
    count: Annotated[int, Meta(ge=1, le=BATCH_MAX)] = 1
    prefix: Annotated[str, Meta(max_length=16, pattern=CODE_PREFIX)] = ""  # of generated ones
    uses_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 1  # orders each code is good for
    percent: Annotated[int, Meta(ge=0, le=100)] = 0  # off each ticket
    off_ticket: Price = 0  # off each ticket, in minor units; after the percentage
    off_order: Price = 0  # off the order
    # msgspec copies it; none: all
    ticket_types: Annotated[list[Slug], Meta(max_length=100)] = []  # noqa: RUF012
    valid_from: At | None = None
    valid_until: At | None = None


class CodesPatch(Struct, frozen=True):
    """Switches a set of codes, or one of them, off or on."""

    active: bool


class CodeSet(Struct, frozen=True):
    """Codes with the same effect, and their usage."""

    set_id: str
    name: str
    uses_max: int
    percent: int
    off_ticket: int
    off_order: int
    ticket_types: list[str]
    valid_from: datetime | None
    valid_until: datetime | None
    active: bool
    wanted: int = 0  # codes requested
    made: int = 0  # codes created so far; a job is creating the rest
    used: int = 0  # orders created with one of them that are still valid
    example: str = ""  # its code, if it has only one


class CodeUse(Struct, frozen=True):
    """A code, and the number of valid orders created with it."""

    code: str
    uses_max: int
    used: int
    active: bool


def check(new: NewCodes, known: Container[str]) -> None:
    """Raise ValidationFailed naming the field. `known`: the ticket types of the event."""
    if new.code and (new.count != 1 or new.prefix):
        raise ValidationFailed("count", "generates random codes; send either count or code")
    for i, name in enumerate(new.ticket_types):
        if name not in known:
            raise ValidationFailed(f"ticket_types[{i}]", "is not on sale here")
    if not (new.ticket_types or new.percent or new.off_ticket or new.off_order):
        raise ValidationFailed("ticket_types", "is empty, and nothing is taken off: the code has no effect")
    try:
        check_sale_window(new.valid_from, new.valid_until)
    except ValidationFailed:
        raise ValidationFailed("valid_until", "must be after valid_from") from None


def random_codes(count: int, prefix: str) -> set[str]:
    """Generate this many unguessable codes."""
    codes: set[str] = set()
    while len(codes) < count:
        codes.add(prefix.upper() + "".join(secrets.choice(LETTERS) for _ in range(RANDOM_CHARS)))
    return codes


def set_field(code_set: CodeSet) -> tuple[str, str]:
    """A set's entry in Redis, as field and value; an empty value removes it."""
    if not code_set.active:
        return f"set:{code_set.set_id}", ""
    times = (str(max(0, to_ms(at))) if at else "" for at in (code_set.valid_from, code_set.valid_until))
    numbers = (code_set.uses_max, code_set.percent, code_set.off_ticket, code_set.off_order)
    return f"set:{code_set.set_id}", "|".join([*times, *map(str, numbers), ",".join(code_set.ticket_types)])


def code_field(code: str, set_id: str, active: bool) -> tuple[str, str]:
    """A code's entry in Redis, as field and value."""
    return f"code:{code}", set_id if active else ""


def problem(code_set: CodeSet, use: CodeUse, now_ms: int) -> str:
    """Why the code cannot be used now, as a `Reason`; "" when it can."""
    if not (code_set.active and use.active):
        return "unknown"
    if code_set.valid_from and now_ms < to_ms(code_set.valid_from):
        return "from"
    if code_set.valid_until and now_ms >= to_ms(code_set.valid_until):
        return "until"
    return "used_up" if use.used >= use.uses_max else ""


def is_for(code_set: CodeSet, ticket_type_id: str) -> bool:
    """Whether it applies to this ticket type."""
    return not code_set.ticket_types or ticket_type_id in code_set.ticket_types


def reduced_price(code_set: CodeSet, ticket_type_id: str, price: int) -> int:
    """The price of a ticket with the code; half a minor unit is rounded in the buyer's favour."""
    if not is_for(code_set, ticket_type_id):
        return price
    return max(0, price - (price * code_set.percent + 50) // 100 - code_set.off_ticket)


def amount_of(code_set: CodeSet, counts: Mapping[str, int], prices: Mapping[str, int]) -> int:
    """The total for these counts by ticket type; `prices` are the reduced ones."""
    sums = {name: count * prices[name] for name, count in counts.items() if count}
    off = min(code_set.off_order, sum(amount for name, amount in sums.items() if is_for(code_set, name)))
    return sum(sums.values()) - off


def visible_types(types: Iterable[TicketType], code_set: CodeSet | None) -> list[TicketType]:
    """The ticket types a buyer may see: hidden ones only with a code that names them."""
    return [
        each
        for each in types
        if not each.hidden or (code_set is not None and each.ticket_type_id in code_set.ticket_types)
    ]
