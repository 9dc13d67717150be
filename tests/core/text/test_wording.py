"""Invalid values are reported in plain language: every input pattern has a message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest

from app.core.catalogue.definitions import EventDefinition
from app.core.formats import PATTERN_MEANS
from app.core.text.validation_messages import first_invalid_field
from app.web.api.registry import CALLS

AT_LEAST_2, AT_MOST_1 = msgspec.Meta(min_length=2), msgspec.Meta(max_length=1)
WHEN = "a time, such as 2026-05-01T18:00:00Z"


def patterns(kind: msgspec.inspect.Type, visited: set[Any]) -> Iterator[str]:
    """All patterns in a type and its components."""
    if isinstance(kind, msgspec.inspect.StrType):
        if kind.pattern is not None:
            yield kind.pattern
    elif isinstance(kind, msgspec.inspect.StructType):
        if kind.cls not in visited:
            visited.add(kind.cls)
            for field in kind.fields:
                yield from patterns(field.type, visited)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for it in kind.types:
            yield from patterns(it, visited)
    elif isinstance(kind, msgspec.inspect.CollectionType):
        yield from patterns(kind.item_type, visited)
    elif isinstance(kind, msgspec.inspect.Metadata):
        yield from patterns(kind.type, visited)


def all_patterns() -> set[str]:
    """The patterns of everything we read from outside."""
    read = [EventDefinition, *(it.body for it in CALLS if it.body), *(it.query for it in CALLS)]
    return {found for kind in read for found in patterns(msgspec.inspect.type_info(kind), set())}


def test_every_pattern_has_words() -> None:
    assert len(all_patterns()) >= 6
    assert all_patterns() <= PATTERN_MEANS.keys()


@pytest.mark.parametrize("pattern", PATTERN_MEANS)
def test_the_words_are_told(pattern: str) -> None:
    meta = msgspec.Meta(pattern=pattern)
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(["\0 "], list[Annotated[str, meta]])
    assert first_invalid_field(refused.value) == ("[0]", PATTERN_MEANS[pattern])


@pytest.mark.parametrize(
    ("kind", "sent", "field", "message"),
    [
        (int, "1", "", "must be a whole number, not text"),
        (int | None, [], "", "must be a whole number or null, not a list"),
        (int, 1.5, "", "must be a whole number, not a number with decimals"),
        (bool, None, "", "must be true or false, not null"),
        (float, True, "", "must be a number, not true or false"),
        (dict[str, int], "", "", "must be an object, not text"),
        (list[int], [1, {}], "[1]", "must be a whole number, not an object"),
        (Annotated[int, msgspec.Meta(ge=2)], 1, "", "must be at least 2"),
        (Annotated[int, msgspec.Meta(le=2)], 3, "", "must be at most 2"),
        (Annotated[str, AT_LEAST_2], "a", "", "must have at least 2 characters"),
        (Annotated[list[int], AT_MOST_1], [1, 2], "", "must have at most 1 entry"),
        (Annotated[dict[str, int], AT_LEAST_2], {}, "", "must have at least 2 members"),
        (list[dict[Annotated[str, AT_MOST_1], int]], [{"ab": 1}], "[0]", "must have at most 1 character"),
        (Literal["held", "paid"], "lost", "", "is not one of the accepted values: 'lost'"),
        (datetime, "today", "", f"must be {WHEN}"),
        (datetime, 5, "", f"must be {WHEN}, not a whole number"),
        (
            Annotated[datetime, msgspec.Meta(tz=True)],
            "2026-05-01T18:00:00",
            "",
            "must have an offset from UTC",
        ),
    ],
)
def test_each_kind_of_misfit_is_told(kind: Any, sent: Any, field: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(sent, kind)
    found = first_invalid_field(refused.value)
    assert (found.field, found.message[: len(message)]) == (field, message)


def test_whatever_a_body_may_hold_is_told_in_our_words() -> None:
    """No refusal mentions msgspec's types: every field of every call, with values that cannot fit."""
    misfits: tuple[Any, ...] = (None, True, -(10**30), 1.5, "\0" * 10**6, [[[]]], {"\0": {}})
    messages = set()
    for call in CALLS:
        for field in msgspec.structs.fields(call.body) if call.body else ():
            for sent in misfits:
                try:
                    msgspec.convert({field.encode_name: sent}, dict[str, field.type])  # type: ignore[name-defined]
                except msgspec.ValidationError as error:
                    messages.add(first_invalid_field(error).message)
    assert len(messages) > 20
    assert not [it for it in messages if "`" in it], messages
