"""A room's public log in numbers: visitors, and staff actions by kind. No I/O.

It counts leaf by leaf, so a count resumes where it stopped. A reset starts it over.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from app.core.assurance.room_log import Leaf, read_leaf

LIMITS = "limits"  # changes of the rate, another limit or the shares of lanes

IN_LANES = ("joined", "called")  # counted per lane, too; visitors without one are in the ordinary lane


class Tally(msgspec.Struct, frozen=True):
    """The counts of a log up to some leaf, and the state needed to resume."""

    counts: dict[str, int] = {}
    settings: dict[str, str] = {}  # as last set
    state: str = ""  # "": not known yet
    ended: tuple[str, str] = ("", "")  # kind and number of the last leaf, if it ended a place


class LaneTally(msgspec.Struct, frozen=True):
    """How many joined in a lane, and how many were called from it."""

    joined: int
    called: int


def by_lane(tally: Tally, lanes: int) -> list[LaneTally]:
    """The counts of the lanes, the ordinary one first, which has everybody in no other."""
    counted = [
        LaneTally(*(tally.counts.get(f"{word} in {lane}", 0) for word in IN_LANES))
        for lane in range(1, lanes)
    ]
    joined, called = (tally.counts.get(word, 0) for word in IN_LANES)
    ordinary = LaneTally(joined - sum(x.joined for x in counted), called - sum(x.called for x in counted))
    return [ordinary, *counted] if counted else []


def counted(before: Tally, leaves: Iterable[str]) -> Tally:
    """Add the leaves that come next. One that cannot be read is counted as `unreadable`."""
    counting = _Counting(before)
    for text in leaves:
        try:
            counting.take(read_leaf(text))
        except (ValueError, IndexError):
            counting.add("unreadable")
    return Tally(counting.counts, counting.settings, counting.state, counting.ended)


class _Counting:
    """A tally in progress."""

    def __init__(self, tally: Tally) -> None:
        self.counts, self.settings, self.state, self.ended = (
            dict(tally.counts),
            dict(tally.settings),
            tally.state,
            tally.ended,
        )

    def add(self, what: str, by: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + by

    def take(self, leaf: Leaf) -> None:
        word, rest, before = leaf.word, leaf.rest, self.ended
        self.ended = (word, rest[0]) if word == "left" else ("", "")
        if word == "began":
            resets = self.counts.get("reset", 0) + (1 if self.counts else 0)
            self.counts, self.settings, self.state = {"began": 1, "reset": resets}, {}, ""
        elif word in ("set", "lanes"):
            name, value = rest if word == "set" else (word, " ".join(rest))
            if self.settings.get(name, value) != value:
                self.add(LIMITS)
            self.settings[name] = value
        elif word == "state":
            if self.state not in ("", rest[0]):
                self.add(f"to {rest[0]}")
            self.state = rest[0]
        elif word == "joined" and before == ("left", rest[0]) and rest[0] != "0":
            self.add("left", -1)  # the place moved to another browser
            self.add("moved")
        else:
            if word == "removed" and before == ("left", rest[0]):
                self.add("left", -1)  # staff ended it, not its visitor
            self.add(f"passed {rest[2]}" if word == "passed" else word, int(rest[0]) if word == "lost" else 1)
            if word in IN_LANES and len(rest) > 2:
                self.add(f"{word} in {rest[2]}")
