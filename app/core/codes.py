"""Access and discount codes: what they are good for, how a batch is made, and what they take off.

`include/codes.lua` decides; the arithmetic is here once more, so that a page can say what a ticket costs
before somebody takes it. `tests/core/test_codes.py` compares the two.
"""

from __future__ import annotations

import secrets
from collections.abc import Container, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from app.core.clock import to_ms
from app.core.definitions import Price
from app.core.errors import ValidationFailed
from app.core.formats import CODE_PREFIX, At, Code, Name, Slug
from app.core.model import Struct, TicketType
from app.core.rules import check_sale_window

BATCH_MAX = 50_000  # codes made by one call
AT_ONCE_MAX = 1_000  # of them; more are made by a job
CODES_MAX = 200_000  # of one event
SETS_MAX = 200  # of one event
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another
RANDOM_CHARS = 10  # of a generated code: 50 bits

Reason = Literal["unknown", "used_up", "other", "from", "until"]


class NewCodes(Struct, frozen=True):
    """One code that people are told (`code`), or so many that nobody can guess (`count`)."""

    name: Name
    code: Code | None = None
    count: Annotated[int, Meta(ge=1, le=BATCH_MAX)] = 1
    prefix: Annotated[str, Meta(max_length=16, pattern=CODE_PREFIX)] = ""  # of generated ones
    uses_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 1  # orders each code is good for
    percent: Annotated[int, Meta(ge=0, le=100)] = 0  # off each ticket
    off_ticket: Price = 0  # off each ticket, in minor units; after the percentage
    off_order: Price = 0  # off the order
    ticket_types: Annotated[list[Slug], Meta(max_length=100)] = []  # noqa: RUF012  # msgspec copies it; none: all
    valid_from: At | None = None
    valid_until: At | None = None


class CodesPatch(Struct, frozen=True):
    """Switches a set of codes, or one of them, off and on."""

    active: bool


class CodeSet(Struct, frozen=True):
    """Codes that are good for the same, and how much they are used."""

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
    wanted: int = 0  # codes that were asked for
    made: int = 0  # codes in it; a job is making the others
    used: int = 0  # orders that were made with one of them and live
    example: str = ""  # its code if it has but one

    @property
    def takes_off(self) -> bool:
        """Whether anything gets cheaper."""
        return bool(self.percent or self.off_ticket or self.off_order)


class CodeUse(Struct, frozen=True):
    """One code, and how many orders that live were made with it."""

    code: str
    uses_max: int
    used: int
    active: bool


def check(new: NewCodes, known: Container[str]) -> None:
    """Raise ValidationFailed naming the field; `known`: the ticket types of the event."""
    if new.code and (new.count != 1 or new.prefix):
        raise ValidationFailed("count", "makes codes by chance; send either it or code")
    for i, name in enumerate(new.ticket_types):
        if name not in known:
            raise ValidationFailed(f"ticket_types[{i}]", "is not on sale here")
    if not (new.ticket_types or new.percent or new.off_ticket or new.off_order):
        raise ValidationFailed("ticket_types", "names none, and nothing is taken off: the code does nothing")
    try:
        check_sale_window(new.valid_from, new.valid_until)
    except ValidationFailed:
        raise ValidationFailed("valid_until", "must be after valid_from") from None


def made_up(count: int, prefix: str) -> set[str]:
    """So many codes that cannot be guessed."""
    codes: set[str] = set()
    while len(codes) < count:
        codes.add(prefix.upper() + "".join(secrets.choice(LETTERS) for _ in range(RANDOM_CHARS)))
    return codes


def set_field(it: CodeSet) -> tuple[str, str]:
    """What Redis has for a set, as a field and its value; an empty value removes it."""
    if not it.active:
        return f"set:{it.set_id}", ""
    times = (str(max(0, to_ms(at))) if at else "" for at in (it.valid_from, it.valid_until))
    numbers = (it.uses_max, it.percent, it.off_ticket, it.off_order)
    return f"set:{it.set_id}", "|".join([*times, *map(str, numbers), ",".join(it.ticket_types)])


def code_field(code: str, set_id: str, active: bool) -> tuple[str, str]:
    """What Redis has for a code."""
    return f"code:{code}", set_id if active else ""


def problem(it: CodeSet, use: CodeUse, now_ms: int) -> str:
    """Why the code is good for nothing now, as a `Reason`; "" when it is good."""
    if not (it.active and use.active):
        return "unknown"
    if it.valid_from and now_ms < to_ms(it.valid_from):
        return "from"
    if it.valid_until and now_ms >= to_ms(it.valid_until):
        return "until"
    return "used_up" if use.used >= use.uses_max else ""


def is_for(it: CodeSet, ticket_type_id: str) -> bool:
    """Whether it is for these tickets."""
    return not it.ticket_types or ticket_type_id in it.ticket_types


def reduced(it: CodeSet, ticket_type_id: str, price: int) -> int:
    """What a ticket costs with it; half a minor unit is rounded in the buyer's favour."""
    if not is_for(it, ticket_type_id):
        return price
    return max(0, price - (price * it.percent + 50) // 100 - it.off_ticket)


def amount_of(it: CodeSet, counts: Mapping[str, int], prices: Mapping[str, int]) -> int:
    """What so many tickets of each type come to; `prices` are the reduced ones."""
    sums = {name: count * prices[name] for name, count in counts.items() if count}
    off = min(it.off_order, sum(amount for name, amount in sums.items() if is_for(it, name)))
    return sum(sums.values()) - off


def shown(types: Iterable[TicketType], it: CodeSet | None) -> list[TicketType]:
    """The ticket types somebody may see: hidden ones are opened by a code that names them."""
    return [
        each
        for each in types
        if not each.hidden or (it is not None and each.ticket_type_id in it.ticket_types)
    ]
