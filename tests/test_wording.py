"""What does not fit is told in words: every pattern something from outside is held against has some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest

from app.core.definitions import EventDefinition
from app.core.model import PATTERN_MEANS
from app.core.wording import misfit
from app.web.calls import CALLS


def patterns(kind: msgspec.inspect.Type, seen: set[Any]) -> Iterator[str]:
    """Every pattern in a type and in what it is made of."""
    if isinstance(kind, msgspec.inspect.StrType):
        if kind.pattern is not None:
            yield kind.pattern
    elif isinstance(kind, msgspec.inspect.StructType):
        if kind.cls not in seen:
            seen.add(kind.cls)
            for field in kind.fields:
                yield from patterns(field.type, seen)
    elif isinstance(kind, msgspec.inspect.UnionType):
        for it in kind.types:
            yield from patterns(it, seen)
    elif isinstance(kind, msgspec.inspect.CollectionType):
        yield from patterns(kind.item_type, seen)
    elif isinstance(kind, msgspec.inspect.Metadata):
        yield from patterns(kind.type, seen)


def all_patterns() -> set[str]:
    """The patterns of everything that is read from outside."""
    read = [EventDefinition, *(it.body for it in CALLS if it.body), *(it.query for it in CALLS)]
    return {found for kind in read for found in patterns(msgspec.inspect.type_info(kind), set())}


def test_every_pattern_has_words() -> None:
    assert len(all_patterns()) >= 6
    assert all_patterns() <= PATTERN_MEANS.keys()


@pytest.mark.parametrize("pattern", PATTERN_MEANS)
def test_the_words_are_told(pattern: str) -> None:
    kept = msgspec.Meta(pattern=pattern)
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(["\0 "], list[Annotated[str, kept]])
    assert misfit(refused.value) == ("[0]", PATTERN_MEANS[pattern])
