"""Which sets of codes are valid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.core.catalogue import codes
from app.core.catalogue.codes import NewCodes
from app.core.errors import ValidationFailed

AT = datetime(2030, 1, 1, tzinfo=UTC)


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
