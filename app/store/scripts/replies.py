"""What scripts answer, as their headers say it; types of replies are held against it when they are imported.

    -- REPLY unknown|restoring | confirmed (count)    words; values behind a word, or values without one
    -- EACH (word detail)                             the values for each record
    -- EACH queued|pending | limited                  the words among them

Values without a word go on in the next line. `head` stands for what every reply about a room begins with.
Other lines of a header are for people.
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
    """What a part of a reply may be: words, and the values behind each; behind "" those without one."""

    words: frozenset[str]
    values: dict[str, tuple[str, ...]]


@cache
def answers(name: str, part: str = "REPLY") -> Answers:
    """What the header of a script says of REPLY or EACH. Raises HeaderError when that cannot be read."""
    header = loader.header_of((loader.SCRIPTS / f"{name}.lua").read_text())
    words, values = set(), dict[str, tuple[str, ...]]()
    for piece in filter(None, (it.strip() for it in header.get(part, "").split("|"))):
        found = _ALTERNATIVE.fullmatch(piece)
        if not found:
            raise HeaderError(f"{name}.lua: cannot read {piece!r} in {part}")
        word, behind = found[1], (found[2] or "").split()
        words |= {word} - {""}
        if behind:
            values[word] = (*values.get(word, ()), *_expanded(behind))
    return Answers(frozenset(words), values)


def _expanded(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(it for value in values for it in (head() if value == "head" else (value,)))


@cache
def head() -> tuple[str, ...]:
    """The values that every reply about a room begins with."""
    return answers(HEAD_OF).values[""]


def words(*names: str, part: str = "REPLY") -> frozenset[str]:
    """All words that one of these scripts may answer."""
    return frozenset[str]().union(*(answers(name, part).words for name in names))


def parameters(function: Callable[..., object]) -> tuple[str, ...]:
    """The names of what a function is called with in order."""
    code = function.__code__
    return code.co_varnames[: code.co_argcount]


def check(name: str, values: Iterable[str], *, word: str = "", part: str = "REPLY") -> None:
    """Raise HeaderError unless these are the values that the script answers, in order."""
    says, takes = answers(name, part).values.get(word, ()), _expanded(values)
    if says != takes:
        raise HeaderError(
            f"{name}.lua answers {says} ({' '.join((part, word)).strip()}), its type takes {takes}"
        )
