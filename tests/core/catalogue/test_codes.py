"""Which sets of codes are valid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from app.core.catalogue import codes
from app.core.catalogue.codes import CodeSet, CodeUse, NewCodes
from app.core.clock import to_ms
from app.core.errors import ValidationFailed

AT = datetime(2030, 1, 1, tzinfo=UTC)
HALF_PRICE = CodeSet(
    set_id="s",
    name="Fans",
    uses_max=2,
    percent=50,
    off_ticket=0,
    off_order=0,
    ticket_types=[],
    valid_from=None,
    valid_until=None,
    active=True,
)
UNUSED = CodeUse("FANS", uses_max=2, used=0, active=True)


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewCodes(name="A", code="ABC"), "ticket_types"),
        (NewCodes(name="A", code="ABC", count=2, percent=10), "count"),
        (NewCodes(name="A", ticket_types=["floor", "nowhere"]), "ticket_types[1]"),
        (NewCodes(name="A", percent=5, valid_from=AT, valid_until=AT), "valid_until"),
    ],
)
def test_what_makes_no_sense_is_refused(new: NewCodes, field: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        codes.check(new, {"floor"})
    assert refused.value.members["errors"][0]["field"] == field


def test_what_makes_sense_passes() -> None:
    codes.check(NewCodes(name="A", code="ABC", percent=5, valid_until=AT + timedelta(days=1)), {"floor"})


def test_made_up_codes_differ_and_can_be_read_out() -> None:
    made = codes.random_codes(2_000, "vip")
    assert len(made) == 2_000
    assert {letter for it in made for letter in it.removeprefix("VIP")} <= set(codes.LETTERS)


@pytest.mark.parametrize(
    ("of_set", "of_code", "reason"),
    [
        ({}, {}, ""),
        ({}, {"used": 1}, ""),
        ({}, {"used": 2}, "used_up"),
        ({"active": False}, {}, "unknown"),
        ({}, {"active": False}, "unknown"),
        ({"valid_from": AT}, {}, ""),
        ({"valid_from": AT + timedelta(milliseconds=1)}, {}, "from"),
        ({"valid_until": AT + timedelta(milliseconds=1)}, {}, ""),
        ({"valid_until": AT}, {}, "until"),
        ({"valid_until": AT}, {"used": 2}, "until"),
        ({"active": False, "valid_until": AT}, {"used": 2}, "unknown"),
    ],
)
def test_the_page_says_why_a_code_cannot_be_used(
    of_set: dict[str, Any], of_code: dict[str, Any], reason: str
) -> None:
    code_set, use = msgspec.structs.replace(HALF_PRICE, **of_set), msgspec.structs.replace(UNUSED, **of_code)
    assert codes.problem(code_set, use, to_ms(AT)) == reason
