"""The possible replies of scripts, from their headers; reply types are checked against them on import.

    -- REPLY unknown|restoring | confirmed (count)    words; values after a word, or values without one
    -- EACH (word detail)                             the values for each record
    -- EACH queued|pending | limited                  the words among them

Values without a word continue on the next line. `head` stands for the values that start every reply about a
room. Other header lines are for people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

from app.store.scripts import loader
from app.store.scripts.loader import HeaderError

HEAD_OF = "include/room_now"
_ALTERNATIVE = re.compile(r"(\w*)\s*(?:\(([\w ]+)\))?")


@dataclass(frozen=True, slots=True)
class Answers:
    """The grammar of a part of a reply: words, and the values after each; after "" those without one."""

    words: frozenset[str]
    values: dict[str, tuple[str, ...]]


@cache
def answers(name: str, part: str = "REPLY") -> Answers:
    """Parse REPLY or EACH of a script's header. Raises HeaderError if it is malformed."""
    header = loader.header_of((loader.SCRIPTS / f"{name}.lua").read_text())
    words, values = set(), dict[str, tuple[str, ...]]()
    for piece in filter(None, (it.strip() for it in header.get(part, "").split("|"))):
        match = _ALTERNATIVE.fullmatch(piece)
        if not match:
            raise HeaderError(f"{name}.lua: cannot read {piece!r} in {part}")
        word, behind = match[1], (match[2] or "").split()
        words |= {word} - {""}
        if behind:
            values[word] = (*values.get(word, ()), *_expanded(behind))
    return Answers(frozenset(words), values)


def _expanded(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(it for value in values for it in (head() if value == "head" else (value,)))


@cache
def head() -> tuple[str, ...]:
    """The values that start every reply about a room."""
    return answers(HEAD_OF).values[""]


def words(*names: str, part: str = "REPLY") -> frozenset[str]:
    """All words that one of these scripts may return."""
    return frozenset[str]().union(*(answers(name, part).words for name in names))


def parameters(function: Callable[..., object]) -> tuple[str, ...]:
    """The parameter names of a function, in order."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def check(name: str, values: Iterable[str], *, word: str = "", part: str = "REPLY") -> None:
    """Raise HeaderError unless the script returns exactly these values, in order."""
    types, takes = answers(name, part).values.get(word, ()), _expanded(values)
    if types != takes:
        raise HeaderError(
            f"{name}.lua answers {types} ({' '.join((part, word)).strip()}), its type takes {takes}"
        )
