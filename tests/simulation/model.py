"""The waiting room as dicts: the design in one process, without batches, stores or locks.

Written from the design rather than from the scripts, so that the two can disagree. Time is an argument; the
bucket counts in units of 1/60000 admission (elapsed ms x admissions per minute), so nothing is rounded.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tests.simulation.lanes import Lanes
from tests.simulation.rules import UNIT, Answer, Rules, network_in_id

ENDING_KEPT_MS = 3_600_000
TICKETS_MAX = 4


@dataclass
class RoomModel:
    """One waiting room. `draws` maps each visitor to their published draw."""

    rules: Rules
    draws: dict[str, int]
    tickets: tuple[int, ...] | None = None  # free, held, total; None: a room without an event
    state: str = "scheduled"
    opened: bool = False
    level: int = 0
    tick_ms: int = 0
    serving: int = 0
    last: int = 0
    reserved: int = 0  # numbers that may be given out
    draw_next: int = 0
    draw_last: int = 0
    admitted: int = 0
    given_back: int = 0
    sure_ms: int = 0  # a worker knows that stores responded by then; 0: not checked
    restored_serving: int = 0  # numbers up to this were called before Redis was lost
    prequeue: dict[str, int] = field(default_factory=dict)  # draw, or queue number
    waiting: dict[str, int] = field(default_factory=dict)  # queue number
    called: dict[str, int] = field(default_factory=dict)  # claim deadline
    active: dict[str, int] = field(default_factory=dict)  # session expiry
    turns: dict[str, int] = field(default_factory=dict)  # queue number of called and active
    endings: dict[str, tuple[str, int]] = field(default_factory=dict)  # how, when
    reopens: bool = False  # Redis was lost between the opening and the draw: it opens again, by itself
    restore_until_ms: int = 0  # after a loss, admission waits for visitors to return
    removed: set[str] = field(default_factory=set)
    buyers: set[str] = field(default_factory=set)
    wants: dict[str, int] = field(default_factory=dict)  # for everybody who ever wanted more than one
    networks: Mapping[str, str] = field(default_factory=dict)  # the network that each visitor states
    lanes: Lanes = field(default_factory=Lanes)
    noted: dict[str, str] = field(default_factory=dict)  # if the id does not state it, until they claim

    @property
    def shown(self) -> str:
        """The state shown to visitors: an open room whose last ticket is sold is sold out."""
        sold_out = self.tickets is not None and self.tickets[:2] == (0, 0) and self.tickets[2] > 0
        return "sold_out" if self.state == "open" and sold_out else self.state

    # visitors -----------------------------------------------------------------------------------------
    def join(self, visitors: Sequence[str], now_ms: int, quantity: int = 0) -> list[Answer]:
        """The place of each visitor, or a new one; called immediately while there is room and no crowd."""
        self._refill(now_ms)
        allowed, spare, answers = self._calls_allowed(now_ms), self._spare(), []
        for visitor in visitors:
            before = self.admitted
            answers.append(self._join(visitor, allowed > 0 and max(1, quantity) <= spare, now_ms, quantity))
            if self.admitted > before:
                allowed, spare = allowed - 1, spare - 1
        return answers

    def _join(self, visitor: str, at_once: bool, now_ms: int, quantity: int) -> Answer:
        if visitor in self.removed:
            return Answer("removed")
        if quantity > TICKETS_MAX:
            return Answer("too_many")
        found = self._find(visitor, now_ms)
        if found is not None:
            self._want(visitor, quantity)
            return found
        refusal = {"scheduled": "not_open", "closed": "closed", "sold_out": "sold_out"}.get(self.shown)
        if refusal:
            return Answer(refusal)
        if visitor in self.networks:
            self.noted[visitor] = self.networks[visitor]
        drawn_later = self.state == "prequeue" and self.rules.lottery
        if not drawn_later and self.last >= self.reserved:
            return Answer("numbers_exhausted")
        crowd = self.waiting or self.prequeue
        if drawn_later:
            self.prequeue[visitor] = self.draws[visitor]
        else:
            self.last += 1
            queue = self.prequeue if self.state == "prequeue" else self.waiting
            queue[visitor] = self.last
        self._want(visitor, quantity)
        if not crowd and at_once and max(1, quantity) <= self._free and self._not_hoarding(visitor):
            self._call(visitor, now_ms)
        answer = self._find(visitor, now_ms)
        assert answer is not None
        return replace(answer, new=True)

    def place(self, visitor: str, now_ms: int) -> Answer:
        """Their place, or for an hour how it ended."""
        if visitor in self.removed:
            return Answer("removed")
        found = self._find(visitor, now_ms)
        if found is not None:
            return found
        return Answer(self.endings[visitor][0] if visitor in self.endings else "absent")

    def want(self, visitor: str, quantity: int, now_ms: int) -> Answer:
        """Set how many tickets they want at once while they wait."""
        answer = self.place(visitor, now_ms)
        if answer.state in ("waiting", "prequeue") and quantity > TICKETS_MAX:
            return Answer("too_many")
        self._want(visitor, quantity)
        return answer

    def claim(self, visitor: str, now_ms: int) -> Answer:
        """Start the session of a called visitor; anyone else learns their place."""
        answer = self.place(visitor, now_ms)
        if answer.state != "called":
            return answer
        del self.called[visitor]
        self.noted.pop(visitor, None)
        self.active[visitor] = (now_ms // 1000 + self.rules.session_ttl_s) * 1000
        return replace(self.place(visitor, now_ms), new=True)

    def leave(self, visitor: str, now_ms: int) -> None:
        """Leave the queue or end the session. The call of a visitor who leaves becomes free again."""
        found = self._find(visitor, now_ms)
        if found is not None and found.state == "called":
            self._give_back(visitor)
        if found is not None:
            self._end(visitor, "done" if found.state == "active" else "left", now_ms)

    def remove(self, visitor: str, now_ms: int) -> None:
        """Staff remove a visitor for good."""
        self.leave(visitor, now_ms)
        self.removed.add(visitor)

    def finish(self, visitor: str, now_ms: int) -> None:
        """End the session of a buyer."""
        self._end(visitor, "done", now_ms)

    # the controller -----------------------------------------------------------------------------------
    def admit(self, now_ms: int) -> None:
        """One tick: apply the schedule, end what has run out, then make as many calls as allowed."""
        self._refill(now_ms)
        self._act_on_schedule(now_ms)
        self.sure_ms = now_ms
        for visitor in [*self.called, *self.active]:
            self._find(visitor, now_ms)
        for visitor in [it for it, (_, at) in self.endings.items() if at <= now_ms - ENDING_KEPT_MS]:
            if visitor in self.waiting and self.state != "closed":
                self.endings[visitor] = self.endings[visitor][0], now_ms
            else:
                del self.endings[visitor]
        order, allowed = sorted(self.waiting, key=self.waiting.__getitem__), self._calls_allowed(now_ms)
        drawn = [it for it in order if not self.prequeue or self.waiting[it] < self.draw_next]
        self.lanes.call(drawn, allowed, self.rules.lanes, lambda some, n: self._call_first(some, n, now_ms))
        self.level = min(self.level, self.rules.capacity)

    def _call_first(self, visitors: Sequence[str], count: int, now_ms: int) -> list[str]:
        """Call the first of these for whom enough is free."""
        calls: list[str] = []
        for visitor in visitors:
            enough = len(calls) < count and self.wants.get(visitor, 1) <= min(self._free, self._spare())
            if enough and self._not_hoarding(visitor):
                self._call(visitor, now_ms)
                calls.append(visitor)
        return calls

    def undrawn(self, count: int) -> list[str]:
        """The next visitors in the draw; none until Postgres knows the numbers the opening kept for them."""
        if not self.opened or self.reserved <= self.draw_last:
            return []
        order = sorted(self.prequeue, key=lambda visitor: (self.prequeue[visitor], visitor))
        return order[: max(0, min(count, self.draw_last - self.draw_next + 1))]

    def draw(self, visitors: list[str], expected: int) -> None:
        """Number these from `expected` on, unless another worker did; skip visitors who left meanwhile."""
        if self.draw_next == expected:
            for visitor in visitors:
                if self.prequeue.pop(visitor, None) is not None:
                    self.waiting[visitor] = self.draw_next
                self.draw_next += 1

    def change(self, rules: Rules, state: str, now_ms: int) -> None:
        """Staff change the settings; tokens earned until now were earned under the old ones."""
        self._refill(now_ms)
        self.rules, self.reopens = rules, False
        if state not in (self.state, "scheduled") and (state != "prequeue" or self.state == "scheduled"):
            self._enter(state, now_ms)
        self.level = min(self.level, rules.capacity)

    def _enter(self, state: str, now_ms: int) -> None:
        self._refill(now_ms)
        self.state = state
        if state != "open" or self.opened:
            return
        self.opened = True
        self.level, self.tick_ms = self.rules.capacity, now_ms
        if self.rules.lottery:
            self.draw_next, self.draw_last = self.last + 1, self.last + len(self.prequeue)
            self.last = self.draw_last
            self.reserved = min(self.reserved, self.draw_last)  # no numbers beyond the draw until it is known
        else:
            self.waiting.update(self.prequeue)
            self.prequeue.clear()

    # inside -------------------------------------------------------------------------------------------
    def _find(self, visitor: str, now_ms: int) -> Answer | None:
        """A passed deadline ends the turn when anyone looks at it; for a call, once a worker is sure."""
        if self.is_over(visitor, now_ms):
            self._give_back(visitor)
            self._end(visitor, "no_show", now_ms)
        if self.active.get(visitor, now_ms + 1) <= now_ms:
            self._end(visitor, "expired", now_ms)
        for state, deadlines in (("called", self.called), ("active", self.active)):
            if visitor in deadlines:
                return Answer(state, self.turns[visitor], until_ms=deadlines[visitor])
        if visitor in self.prequeue:
            return Answer("prequeue", 0 if self.rules.lottery else self.prequeue[visitor])
        if visitor not in self.waiting:
            return None
        number = self.waiting[visitor]
        ahead = sum(it < number for it in self.lanes.numbers_in_lane(visitor, self.waiting, self.rules.lanes))
        return Answer("waiting", number, ahead + (len(self.prequeue) if number >= self.draw_next else 0))

    def is_over(self, visitor: str, now_ms: int) -> bool:
        """Whether they let their call lapse and no store outage can have kept them from claiming."""
        return self.called.get(visitor, now_ms + 1) <= min(now_ms, self.sure_ms or now_ms)

    def _refill(self, now_ms: int) -> None:
        if self.state == "open" and now_ms > self.tick_ms:
            earned = (now_ms - self.tick_ms) * self.rules.rate
            self.level = min(self.rules.capacity, self.level + earned)
        self.tick_ms = max(self.tick_ms, now_ms)

    def _calls_allowed(self, now_ms: int) -> int:
        """How many may be called now, limited by the bucket, the cap and the stock."""
        if self.shown != "open" or self.rules.rate == 0 or now_ms < self.restore_until_ms:
            return 0
        limits = [self.level // UNIT]
        if self.rules.active_max:
            limits.append(self.rules.active_max - len(self.called) - len(self.active))
        if self.tickets is not None:
            undecided = len(self.called) + len(self.active) - len(self.buyers)
            limits.append(int(self.tickets[0] * self.rules.visitors_per_ticket + 1e-9) - undecided)
        return max(0, min(limits))

    def _want(self, visitor: str, quantity: int) -> None:
        in_queue = visitor in self.waiting or visitor in self.prequeue
        if in_queue and (quantity > 1 or (quantity == 1 and visitor in self.wants)):
            self.wants[visitor] = quantity

    @property
    def _free(self) -> float:
        return math.inf if self.tickets is None else self.tickets[0]

    def _spare(self) -> float:
        """How many tickets are not wanted by visitors who have a turn."""
        others = len(self.called) + len(self.active) - len(self.buyers)
        others += sum(self.wants.get(it, 1) - 1 for it in self.active)  # counts once it is claimed
        return self._free * max(1, self.rules.visitors_per_ticket) - others

    def _not_hoarding(self, visitor: str) -> bool:
        """Whether few enough from their network are called and have not claimed."""
        network = self.network_of(visitor)
        return not network or self.unclaimed.get(network, 0) < self.per_network

    def network_of(self, visitor: str) -> str:
        """Their network; empty: unknown."""
        return network_in_id(visitor) or self.noted.get(visitor, "")

    @property
    def unclaimed(self) -> dict[str, int]:
        """How many of each network are called and have not claimed."""
        return dict(Counter(filter(None, map(self.network_of, self.called))))

    @property
    def per_network(self) -> int:
        """The setting, or a twentieth of those who could be called at once, but at least three."""
        return self.rules.of_one_network(self._free)

    def buy(self, visitor: str) -> None:
        """They reserved something, so their wish is fulfilled."""
        self.buyers.add(visitor)
        self.wants.pop(visitor, None)

    def _call(self, visitor: str, now_ms: int) -> None:
        number = self.waiting.pop(visitor)
        if not self.called:
            self.sure_ms = now_ms
        lapsed = self.endings.get(visitor, ("", 0))[0] == "no_show"
        self.called[visitor] = now_ms + self.rules.claim_window_s * (500 if lapsed else 1000)
        self.turns[visitor] = number
        self.serving = max(self.serving, 0 if self.lanes.serve(visitor, number, self.rules.lanes) else number)
        self.level, self.admitted = self.level - UNIT, self.admitted + 1

    def _give_back(self, visitor: str) -> None:
        """Skip anything that may have been given back before Redis was lost."""
        if self.turns[visitor] > self.lanes.restored_to(visitor, self.rules.lanes, self.restored_serving):
            self.level += UNIT
            self.given_back += 1

    def _act_on_schedule(self, now_ms: int) -> None:
        may_open, reopens = now_ms >= self.restore_until_ms, self.reopens
        if due := self.rules.due(self.state, now_ms, may_open=may_open, reopens=reopens):
            self._enter(due, now_ms)

    def _end(self, visitor: str, word: str, now_ms: int) -> None:
        for members in (self.prequeue, self.waiting, self.called, self.active, self.turns):
            members.pop(visitor, None)
        self.buyers.discard(visitor)
        self.wants.pop(visitor, None)
        self.noted.pop(visitor, None)
        self.endings[visitor] = word, now_ms
