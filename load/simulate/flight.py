"""The autopilot on a simulated shop: the course of the rate, p95 and errors, and a judgement of it."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import msgspec

from app.core.autopilot_settings import Autopilot
from app.core.waiting_room import autopilot
from app.core.waiting_room.autopilot import STEP_MS, Course, Now
from app.store.connections import RedisClient
from load.simulate.room import OPENING_MS, SimulatedRoom, own_valkey
from load.simulate.scenario import Scenario, Step
from load.simulate.shop import WINDOW_S, Shop, ShopModel, bears

REPORT_S = 5
WITHIN_S = 60  # of a change
ENOUGH = 0.9  # of what the shop can bear
CROWD = 10_000_000
SHOWS_S = 2 * WINDOW_S  # until p95 shows a change
LAST_S = 180  # played after the last change

SCENES: dict[str, tuple[tuple[int, float], ...]] = {  # the share of its capacity, from a time on
    "saturates": ((0, 1.0), (180, 0.4)),
    "recovers": ((0, 0.4), (180, 1.0)),
    "oscillates": ((0, 1.0), (120, 0.6), (240, 1.0), (360, 0.6), (480, 1.0)),
}


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """The scenario: the room's setting, the shop, and its capacity over time."""

    on: Autopilot
    shop: Shop
    capacity: float  # visitors per minute, at full capacity
    shares: tuple[tuple[int, float], ...]
    lasts_s: int
    rate: int = 600  # initially
    seed: int = 1

    def capacity_at(self, at_s: int) -> float:
        """The capacity at this time."""
        return self.capacity * next(share for since, share in reversed(self.shares) if since <= at_s)

    def bears_at(self, at_s: int) -> float:
        """The highest rate per minute within the target at this time."""
        return bears(self.shop, self.capacity_at(at_s), self.on.p95_ms)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A second of a flight; figures are people per minute."""

    at_s: int
    bears: float
    rate: int
    served: float
    p95_ms: float
    error_rate: float
    why: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of what the shop can bear, and how the autopilot followed it. Shares are of what it can
    bear."""

    at_s: int
    bears: float
    reached_s: int | None  # until the rate was ENOUGH of it with the shop within its target; None: never
    served: float  # from a minute after the change on
    errors: float  # the most, from a minute after the change on
    good: bool


class PlayedFlight(msgspec.Struct, frozen=True, kw_only=True):
    """A played scene."""

    scene: str
    on: Autopilot
    moments: list[Moment]
    changes: list[Change]


class Pilot:
    """The autopilot and the shop, second by second; `rate` is the rate set for the room."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight
        self._shopping = ShopModel(flight.shop, flight.seed)
        self._course = Course()
        self._admitted: deque[float] = deque(maxlen=60)  # in each of the last seconds
        self.rate = flight.rate

    def second(self, at_s: int, admitted: float) -> Moment:
        """Play a second in which this many were admitted; the rate may change for the next one."""
        flight, shopping, at_ms = self._flight, self._shopping, 1000 * (at_s + 1)
        self._admitted.append(admitted)
        shopping.second(admitted, flight.capacity_at(at_s))
        reading = shopping.report(at_ms)
        if (at_s + 1) % REPORT_S == 0 and autopilot.is_due(self._course, at_ms):
            called = round(sum(self._admitted))
            now = Now(at_ms=at_ms, rate=self.rate, waiting=True, called=called, open_ms=at_ms)
            self._course = autopilot.decide(flight.on, self._course, now, autopilot.health([reading], at_ms))
            assert self._course.last is not None
            self.rate = self._course.last.rate_to
        return Moment(
            at_s=at_s,
            bears=flight.bears_at(at_s),
            rate=self.rate,
            served=shopping.served,
            p95_ms=reading.p95_ms,
            error_rate=reading.error_rate,
            why=self._course.last.why if self._course.last else "",
        )


def fly(flight: Flight) -> list[Moment]:
    """Play it all in a room that admits exactly at its rate."""
    pilot = Pilot(flight)
    return [pilot.second(at_s, pilot.rate / 60) for at_s in range(flight.lasts_s)]


async def fly_in_room(redis: RedisClient, flight: Flight) -> AsyncIterator[Moment]:
    """Play it all on the real admission scripts, with a crowd that never ends."""
    assert STEP_MS % 1000 == 0
    pilot = Pilot(flight)
    scenario = Scenario(fans=CROWD, rates=((0, flight.rate),), claim_window_s=86_400)  # nobody claims
    room, joined = SimulatedRoom(redis, scenario), 0
    await room.prepare(0)
    rate = 0
    for at_s in range(flight.lasts_s):
        room.now_ms = OPENING_MS + 1000 * at_s
        if rate != pilot.rate:
            rate = pilot.rate
            await room.take(Step(at_s, "open", rate))
        newcomers = rate // 30 + 10  # twice as many as are called
        async for _ in room.join([f"{it:x}" for it in range(joined, joined + newcomers)]):
            pass
        joined += newcomers
        called = 0
        async for tick in room.tick():
            called += tick.calls
        yield pilot.second(at_s, called)


async def fly_scenes(on: Autopilot, *, capacity: int, rate: int, seed: int) -> list[PlayedFlight]:
    """Play every scene, each on its own Valkey. Raises EmbeddedFailed."""
    flights = []
    async with own_valkey() as redis:
        for scene, shares in SCENES.items():
            flight = Flight(
                on=on,
                shop=Shop(),
                capacity=capacity,
                shares=shares,
                lasts_s=shares[-1][0] + LAST_S,
                rate=rate,
                seed=seed,
            )
            await redis.flushall()
            moments = [it async for it in fly_in_room(redis, flight)]
            flights.append(
                PlayedFlight(scene=scene, on=on, moments=moments, changes=changes(flight, moments))
            )
    return flights


def changes(flight: Flight, moments: Sequence[Moment]) -> list[Change]:
    """Judge each change that lasted more than a minute."""
    times = [since for since, _ in flight.shares] + [flight.lasts_s]
    return [
        _change(flight, moments[since:until]) for since, until in pairwise(times) if until - since > WITHIN_S
    ]


def _change(flight: Flight, moments: Sequence[Moment]) -> Change:
    first, late = moments[0], moments[WITHIN_S:]
    well = (
        it.at_s - first.at_s
        for it in moments[SHOWS_S:]
        if it.rate >= ENOUGH * it.bears and it.p95_ms <= flight.on.p95_ms and not it.error_rate
    )
    reached_s = next(well, None)
    served = sum(it.served for it in late) / sum(it.bears for it in late)
    errors = max(it.error_rate for it in late)
    good = reached_s is not None and reached_s <= WITHIN_S and served >= ENOUGH
    return Change(
        at_s=first.at_s,
        bears=first.bears,
        reached_s=reached_s,
        served=served,
        errors=errors,
        good=good and errors <= flight.on.error_rate,
    )
