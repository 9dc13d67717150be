"""Audits a room's public log: whether it shows a fair queue, and what happened. No I/O.

Each leaf is checked against those before it. After a leaf that records a restore or missing events, the audit
continues with what is still known.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf

from app.core.assurance.fair_lanes import Lanes, lane_in
from app.core.assurance.fair_rate import Bucket
from app.core.assurance.findings import Action, Finding, Turn
from app.core.assurance.room_log import Leaf, read_leaf

HEAD_START_MS = 1_000  # tolerance for a turn that ends before its window: clocks may be adjusted


class Queue:
    """A queue reconstructed from its log, leaf by leaf."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.actions: list[Action] = []
        self.counts: Counter[str] = Counter()
        self.leaf, self.at_ms = -1, 0
        self._begin("-", lottery=False)

    def _begin(self, commitment: str, *, lottery: bool) -> None:
        self._began_at = self.leaf
        self._settings: dict[str, float] = {}
        self._state, self._bucket = "", Bucket()  # the state is not known yet
        self._commitment, self._seed, self._lottery, self._opened = commitment, b"", lottery, False
        self._entrants: set[str] = set()
        self._waiting: dict[int, str] = {}
        self._lanes, self._lanes_said = Lanes(), False
        self._called: dict[int, Turn] = {}
        self._called_before: set[int] = set()  # open turns when Redis was lost
        self._places: dict[str, int] = {}
        self._last, self._last_draw, self._last_drawn = 0, -1, 0
        self._given: set[int] = set()
        self._excused = 0  # gaps in the numbers that are accounted for
        self._unknown_to = inf  # there may be unlogged places up to this number
        self._by_hand = (-1, 0)  # (time, count) of the last manual admission by staff
        self._left: tuple[int, int] | None = None  # leaf and number of the last departure

    def take(self, text: str) -> None:
        """Read the next leaf."""
        self.leaf += 1
        try:
            leaf = read_leaf(text)
            check = _WORDS[leaf.word]
            if self.leaf == 0 and leaf.word != "began":
                self._wrong("no_beginning", "the log does not start with a `began` leaf")
            if leaf.at_ms < self.at_ms:
                self._wrong("time", f"it is dated {self.at_ms - leaf.at_ms} ms before the previous leaf")
            self.at_ms = max(self.at_ms, leaf.at_ms)
            self.counts[leaf.word] += 1
            check(self, leaf)
        except (ValueError, KeyError, IndexError):
            self._wrong("unreadable", f"it cannot be read: {text[:80]!r}")

    def finish(self) -> None:
        """Check what can only be judged at the end."""
        if self._opened and self._lottery and not self._seed:
            self._wrong("draw_not_revealed", "the seed of the draw was not revealed at the opening")
        if self._last_drawn and self._entrants:
            self._wrong("left_out_of_draw", f"{len(self._entrants)} entrants of the draw got no number")
        missing = self._last - len(self._given)
        if missing > self._excused:
            self._wrong("gap", f"{missing - self._excused} numbers up to {self._last} were never given out")

    def _wrong(self, kind: str, message: str) -> None:
        self.findings.append(Finding(self.leaf, kind, message))

    def _acted(self, what: str) -> None:
        self.actions.append(Action(self.leaf, self.at_ms, what))

    # --- actions of staff and the clock ------------------------------------------------------------------
    def _began(self, leaf: Leaf) -> None:
        _room, _generation, method, commitment = leaf.rest
        if self.leaf > 0:
            self._acted("the room was reset")
            self.finish()
        self._begin(commitment, lottery=method == "lottery")

    def _set(self, leaf: Leaf) -> None:
        name, value = leaf.rest
        self._bucket.settle(self.at_ms)
        before, self._settings[name] = self._settings.get(name), float(value)
        self._bucket.rate, self._bucket.burst = self._settings.get("rate", 0), self._settings.get("burst", 0)
        if before is not None and before != float(value):
            self._acted(f"{name} from {before:g} to {float(value):g}")

    def _share(self, leaf: Leaf) -> None:
        if self._lanes_said:
            self._acted(f"shares of lanes to {' '.join(leaf.rest)}")
        self._lanes_said = True
        self._lanes.share([int(it) for it in leaf.rest])

    def _enter(self, leaf: Leaf) -> None:
        self._bucket.settle(self.at_ms)
        before, self._state = self._state, leaf.rest[0]
        self._bucket.open = self._state == "open"
        if self._state == "open" and not self._opened:
            self._opened = True
            self._bucket.fill()
        if before and before != self._state:
            self._acted(f"{before} to {self._state}")

    def _reveal(self, leaf: Leaf) -> None:
        self._seed = bytes.fromhex(leaf.rest[0])
        if hashlib.sha256(self._seed).hexdigest() != self._commitment:
            self._wrong("seed", "the seed of the draw is not the one that was committed to")

    def _restored(self, leaf: Leaf) -> None:
        _epoch, last, _serving = (int(it) for it in leaf.rest)
        if last > self._last:
            self._excused += last - self._last
            self._last = last
        if self.leaf == self._began_at + 1:
            self._unknown_to = last
        else:
            self._acted("Redis had lost or unloaded the room, and it was restored")
            self._forgive(self._last)
        self._bucket.fill()

    def _lost(self, leaf: Leaf) -> None:
        self._excused += int(leaf.rest[0])
        self._acted(f"{leaf.rest[0]} events are not in the log")
        self._forgive(self._last + int(leaf.rest[0]))

    def _forgive(self, last: int) -> None:
        """Allow for places up to `last` that left or were called without a leaf, or come back late."""
        self._unknown_to = last
        self._called_before = set(self._called)
        self._lanes.forgive()

    def _advanced(self, leaf: Leaf) -> None:
        self._by_hand = self.at_ms, int(leaf.rest[0])
        self._acted(f"staff let up to {leaf.rest[0]} in by hand")

    def _removed(self, leaf: Leaf) -> None:
        number, visitor, why = leaf.rest
        self._acted(f"number {number} was removed by {why}")
        self._end_place(int(number), visitor)

    # --- actions of visitors -----------------------------------------------------------------------------
    def _joined(self, leaf: Leaf) -> None:
        number, visitor = int(leaf.rest[0]), leaf.rest[1]
        if number == 0:
            self._entrants.add(visitor)
            return
        carried = self._left == (self.leaf - 1, number)
        if not carried and self._waiting.get(self._places.get(visitor, 0)) == visitor:
            self._wrong(
                "two_places", f"number {number} went to a visitor with number {self._places[visitor]}"
            )
        if number in self._given and not carried:
            self._wrong("given_twice", f"number {number} was given before")
        elif number < self._last and not carried and number > self._unknown_to:
            self._wrong("inserted", f"number {number} was given after number {self._last}")
        if not self._given and self._unknown_to == inf:
            self._excused += number - 1  # the log was started after the room
        self._give(number, visitor, leaf.rest[2:])

    def _skipped(self, leaf: Leaf) -> None:
        """Rounds of a room in parts end with numbers that nobody got."""
        count, self._last = int(leaf.rest[0]), max(self._last, int(leaf.rest[1]))
        missing = self._last - len(self._given) - self._excused
        if count > missing or self._settings.get("parts", 0) < 2:
            self._wrong("gap", f"{count} numbers are said to be skipped, but {missing} are missing")
        self._excused += count

    def _drawn(self, leaf: Leaf) -> None:
        number, visitor, draw = int(leaf.rest[0]), leaf.rest[1], int(leaf.rest[2])
        if visitor not in self._entrants and not self._unknown_to:
            self._wrong("not_an_entrant", f"number {number} was drawn for somebody who had not joined")
        if draw < self._last_draw or number <= self._last_drawn:
            self._wrong("draw_order", f"number {number} has a lower draw than the number before it")
        if number in self._given:
            self._wrong("given_twice", f"number {number} was given before")
        self._entrants.discard(visitor)
        self._last_draw, self._last_drawn = draw, number
        self._give(number, visitor, leaf.rest[3:])

    def _give(self, number: int, visitor: str, lane: tuple[str, ...]) -> None:
        self._waiting[number], self._places[visitor] = visitor, number
        self._given.add(number)
        self._last = max(self._last, number)
        self._lanes.give(number, lane_in(lane))

    def _passed(self, leaf: Leaf) -> None:
        self._lanes.pass_over(int(leaf.rest[0]))
        self.counts[f"passed: {leaf.rest[2]}"] += 1

    def _call(self, leaf: Leaf) -> None:
        number, visitor = int(leaf.rest[0]), leaf.rest[1]
        if (number not in self._waiting and number > self._unknown_to) or self._waiting.get(
            number, visitor
        ) != visitor:
            self._wrong("called_without_place", f"number {number} was called but belongs to nobody waiting")
        self._waiting.pop(number, None)
        drawing = bool(self._lottery and self._entrants)
        for kind, message in self._lanes.call(number, lane_in(leaf.rest[2:]), drawing=drawing):
            self._wrong(kind, message)
        if number in self._called_before:  # the same turn again, after the restore
            self._called_before.discard(number)
        else:
            self._charge(number)
        self._called[number] = Turn(visitor, self.at_ms)
        cap = self._settings.get("active_max", 0)
        if cap and len(self._called) > cap:
            self._wrong(
                "cap", f"{len(self._called)} turns are open at once, and at most {cap:g} may be inside"
            )

    def _charge(self, number: int) -> None:
        at_ms, left = self._by_hand
        if at_ms == self.at_ms and left > 0:
            self._by_hand = at_ms, left - 1
            return
        self._bucket.settle(self.at_ms)
        if self._state not in ("open", ""):
            self._wrong("called_while_closed", f"number {number} was called while the room was {self._state}")
        if not self._bucket.charge():
            self._wrong("rate", f"number {number} was called earlier than the rate allows")

    def _claimed(self, leaf: Leaf) -> None:
        self._take_turn(leaf, "claimed_without_call")

    def _no_show(self, leaf: Leaf) -> None:
        turn = self._take_turn(leaf, "no_show_without_call")
        window_ms = self._settings.get("claim_window_ms", 0)
        if turn and self.at_ms - turn.at_ms < window_ms / 2 - HEAD_START_MS:
            seconds = (self.at_ms - turn.at_ms) / 1000
            self._wrong("turn_cut_short", f"the turn of number {leaf.rest[0]} was over after {seconds:g} s")
        self._bucket.settle(self.at_ms)
        self._bucket.give_back()

    def _take_turn(self, leaf: Leaf, kind: str) -> Turn | None:
        number, visitor = int(leaf.rest[0]), leaf.rest[1]
        turn = self._called.pop(number, None)
        self._places.pop(visitor, None)
        if (turn is None and number > self._unknown_to) or (turn is not None and turn.visitor != visitor):
            self._wrong(kind, f"number {number} had not been called")
        return turn

    def _leave(self, leaf: Leaf) -> None:
        number, visitor = int(leaf.rest[0]), leaf.rest[1]
        self._left = self.leaf, number
        self._end_place(number, visitor)

    def _end_place(self, number: int, visitor: str) -> None:
        if visitor in self._entrants:
            self._entrants.discard(visitor)
            self._excused += self._opened  # the number that was reserved for them
        if self._called.pop(number, None):
            self._bucket.settle(self.at_ms)
            self._bucket.give_back()
        self._waiting.pop(number, None)
        self._lanes.end(number)
        self._places.pop(visitor, None)


_WORDS: dict[str, Callable[[Queue, Leaf], None]] = {
    "began": Queue._began,
    "set": Queue._set,
    "lanes": Queue._share,
    "state": Queue._enter,
    "revealed": Queue._reveal,
    # `draw_mixing` and `draw_beacon` judge these
    **dict.fromkeys(("mixes", "mixed", "awaits", "beacon", "missed"), lambda *_: None),
    "restored": Queue._restored,
    "lost": Queue._lost,
    "advanced": Queue._advanced,
    "removed": Queue._removed,
    "joined": Queue._joined,
    "skipped": Queue._skipped,
    "drawn": Queue._drawn,
    "passed": Queue._passed,
    "called": Queue._call,
    "claimed": Queue._claimed,
    "no_show": Queue._no_show,
    "left": Queue._leave,
}


def judge(leaves: Sequence[str]) -> Queue:
    """Replay these leaves; the result lists everything that is wrong."""
    queue = Queue()
    for leaf in leaves:
        queue.take(leaf)
    queue.finish()
    return queue
