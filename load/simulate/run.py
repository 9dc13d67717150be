"""One run: time passes in steps; fans arrive, are called, claim and leave; staff do what the scenario
says."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

from app.core.model import Place
from app.core.waiting_room.wait_estimate import QueueMeasurements
from app.store.connections import RedisClient
from app.waiting_room import wait_estimate
from load.simulate.crowd import Habits, arrivals_ms, fan_id, fan_of
from load.simulate.figures import Figures, figures
from load.simulate.record import Moment, Record
from load.simulate.room import OPENING_MS, SimulatedRoom, own_valkey
from load.simulate.scenario import Scenario, Step, check
from load.simulate.shown_waits import SampledFan, WaitSample
from load.simulate.table import duration

Progress = Callable[[int, int, int], None]  # ms after the opening, how many arrived, how many were called
JOINS_MAX = 20_000  # fans at once; a rush of millions joins in several batches
STUCK_S = 6 * 3600  # if nobody was called for this long and staff have no step left, the rest waits in vain


class Run:
    """The state of one run. Memory: some 20 bytes per fan here, plus the queue in Valkey."""

    def __init__(self, redis: RedisClient, scenario: Scenario, progress: Progress) -> None:
        self.scenario = check(scenario)
        self._progress = progress
        self.room = SimulatedRoom(redis, scenario)
        self.record = Record(scenario)
        self.waits = WaitSample(scenario)
        self._habits = Habits(scenario)
        self._steps = scenario.steps()
        self._may_rise = 0
        self._measured = QueueMeasurements()
        self._arrivals = arrivals_ms(scenario)
        self._next_ms: int | None = next(self._arrivals)
        self._claims: defaultdict[int, list[str]] = defaultdict(list)  # by second
        self._leaves: defaultdict[int, list[str]] = defaultdict(list)
        self._at_ms = 0

    async def play(self) -> Record:
        """Play the run to its end."""
        assert self._next_ms is not None
        self._at_ms = min(0, self._next_ms) // 1000 * 1000 - 1000 if self.scenario.method == "lottery" else 0
        await self.room.prepare(self._at_ms)
        while not self._is_over():
            await self._step()
            self._at_ms += self.scenario.tick_ms
        return self.record

    async def _step(self) -> None:
        self.room.now_ms = OPENING_MS + self._at_ms
        while self._steps and self._steps[0].at_s * 1000 <= self._at_ms:
            await self._staff(self._steps.pop(0))
        while visitors := list(self._coming()):
            await self._join(visitors)
            self._report()
        calls = 0
        async for tick in self.room.tick():
            calls += tick.calls
            status = tick.status
        self._measured = await wait_estimate.follow(self.room.redis, self.room.keys, self._measured, tick)
        if calls:
            await self._called()
        await self._claim_and_leave()
        self.record.ticked(self._at_ms, status, self.room.rate_per_minute, self.scenario.tick_ms)
        await self.waits.sample(self.room, self._moment())
        self._report()

    def _report(self) -> None:
        self._progress(self._at_ms, len(self.record.arrived_ms), len(self.record.order))

    async def _staff(self, step: Step) -> None:
        slower = step.state == "paused" or step.rate_per_minute < self.room.rate_per_minute
        self._may_rise += slower
        await self.room.take(step)

    def _coming(self) -> Iterator[str]:
        """Yield who has arrived by now and has not joined yet."""
        first = len(self.record.arrived_ms)
        while self._next_ms is not None and self._next_ms <= self._at_ms:
            if len(self.record.arrived_ms) - first >= JOINS_MAX:
                return
            self.record.arrived_ms.append(self._next_ms)
            yield fan_id(len(self.record.arrived_ms) - 1, self.scenario)
            self._next_ms = next(self._arrivals, None)

    async def _join(self, visitors: list[str]) -> None:
        fan, at_once = fan_of(visitors[0]), False
        async for answers in self.room.join(visitors):
            for place in answers.places:
                if isinstance(place, Place) and place.state == "called":
                    at_once = True
                elif isinstance(place, Place) and self.waits.sampled(fan):
                    self.waits.joined(fan, place, answers.status, self._moment())
                fan += 1
        if at_once:
            await self._called()

    async def _called(self) -> None:
        """Record who was called at this moment, and decide what they will do."""
        for visitor in await self.room.called_now():
            fan = fan_of(visitor)
            if not self.record.called(fan, self._at_ms):
                continue
            self.waits.called(fan, self._at_ms, self.record.arrived_ms)
            after_ms = self._habits.claims_after_ms()
            if after_ms is not None:
                self._claims[self._second_after(after_ms)].append(visitor)

    async def _claim_and_leave(self) -> None:
        if claiming := self._claims.pop(self._at_ms, None):
            self.record.claimed += await self.room.claim(claiming)
            if self.scenario.active_max is not None:  # otherwise nobody waits for their slot
                for visitor in claiming:
                    self._leaves[self._second_after(self._habits.stays_ms())].append(visitor)
        if leaving := self._leaves.pop(self._at_ms, None):
            await self.room.leave(leaving)

    def _second_after(self, ms: int) -> int:
        """The whole second at which somebody acts after `ms`: all of a second act at once."""
        return (self._at_ms + max(1000, ms)) // 1000 * 1000

    def _moment(self) -> tuple[int, int, int]:
        return self._at_ms, self.room.rate_per_minute, self._may_rise

    def _is_over(self) -> bool:
        if len(self.record.order) == self.scenario.fans:
            return not self._claims
        quiet_s = (self._at_ms - max(self.record.last_call_ms, 0)) / 1000
        return not self._steps and self._next_ms is None and quiet_s > STUCK_S


class Outcome(NamedTuple):
    """A finished run: the figures, and the data of the picture."""

    figures: Figures
    course: list[Moment]
    sampled_fans: list[SampledFan]


async def simulate(
    scenario: Scenario, tell: Callable[[str], None] = lambda words: None, every_s: float = 1.0
) -> Outcome:
    """Play the scenario on its own Valkey; `tell` receives the progress every `every_s` seconds of real time.

    Raises ScenarioWrong, EmbeddedFailed.
    """
    told_at = time.monotonic()

    def progress(at_ms: int, came: int, called: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= every_s:
            told_at = time.monotonic()
            when = duration(max(0, at_ms) / 1000)
            tell(f"{when} into the sale: {came:,} of {scenario.fans:,} have arrived, {called:,} were called")

    async with own_valkey() as redis:
        return await play(redis, scenario, progress)


async def play(
    redis: RedisClient, scenario: Scenario, progress: Progress = lambda at_ms, came, called: None
) -> Outcome:
    """Play the scenario on this Valkey, which must be empty; `progress` is called at each step."""
    run = Run(redis, scenario, progress)
    await run.play()
    found = figures(scenario, run.record, run.waits.fans)
    return Outcome(found, run.record.course, run.waits.fans)
