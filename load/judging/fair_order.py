"""How fair the order of a room in parts is: its numbers against the order of arrival.

The product's scripts assign the numbers, with time under control. People arrive at random moments at web
processes, each of which sends those who arrived meanwhile once it has the response to its last batch.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from math import ceil
from random import Random

import msgspec

from app.core.script_constants import CONSTANTS
from app.core.waiting_room.parts import SPARE, part_id
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import parts as scripts
from app.store.scripts.parts import ArrivalRecord, Rounds

TAU_LEAST = 0.9999
MILLIONS = 10_000_000  # the crowd for which the figure has to hold
ROUND_S = CONSTANTS["ROUND_MS"] / 1000
ROUND_TRIP_S = 0.002
WEBS = 16
AT_ONCE = 500


class Order(msgspec.Struct, frozen=True):
    """The result. `inversions`: pairs of people of whom the later one has the smaller number."""

    fans: int
    inversions: int

    @property
    def tau(self) -> float:
        """Kendall's tau of arrivals and numbers; 1 means the same order (Biometrika 30, 1938)."""
        return tau(self.inversions, self.fans)

    @property
    def tau_of_millions(self) -> float:
        """The same for ten million people at this pace.

        People of different rounds are in order, so everybody has as many inversions, while there are more
        pairs.
        """
        return tau(round(self.inversions / self.fans * MILLIONS), MILLIONS)


def tau(pairs: int, count: int) -> float:
    """Kendall's tau of `count` people with this many `pairs` in the wrong order."""
    return 1 - 4 * pairs / (count * (count - 1))


def inversions(numbers: Sequence[int]) -> int:
    """Count the pairs of which the later one is smaller."""
    seen: list[int] = []
    pairs = 0
    for number in numbers:
        at = bisect(seen, number)
        pairs += len(seen) - at
        seen.insert(at, number)
    return pairs


async def measure(
    redis: RedisClient, keys: RoomKeys, *, fans: int, joins_per_s: int, now_ms: int, seed: int = 1
) -> Order:
    """Let `fans` join an open room whose parts are open, in rounds as a worker begins them."""
    random, pairs, used, joined = Random(seed), 0, ceil(joins_per_s * ROUND_S), 0
    now = await scripts.rounds(redis, keys, now_ms=now_ms)
    while joined < fans:
        now_ms += CONSTANTS["ROUND_MS"]
        most = ceil(SPARE * used / now.parts)
        now = await scripts.rounds(redis, keys, after=now.number, most=most, now_ms=now_ms)
        count = min(fans - joined, ceil(joins_per_s * ROUND_S))
        by_part = _sent(random, count, now.parts)
        numbers = [0] * count
        for part, people in enumerate(by_part):
            found = await _numbers(redis, keys, now, part, [f"{joined + it}" for it in people])
            for person, number in zip(people, found, strict=True):
                numbers[person] = number
        pairs += inversions(numbers)
        joined, used = joined + count, max(len(it) for it in by_part) * now.parts
    return Order(fans, pairs)


def _sent(random: Random, count: int, parts: int) -> list[list[int]]:
    """The people of a round by part, in the order in which they reach it; they are numbered by arrival."""
    phases = [random.uniform(0, ROUND_TRIP_S) for _ in range(WEBS)]
    came_s = sorted(random.uniform(0, ROUND_S) for _ in range(count))

    def sent_s(at_s: float) -> float:
        phase = random.choice(phases)
        return phase + ceil((at_s - phase) / ROUND_TRIP_S) * ROUND_TRIP_S

    order = sorted(range(count), key=[sent_s(it) for it in came_s].__getitem__)
    by_part: list[list[int]] = [[] for _ in range(parts)]
    for person in order:
        by_part[random.randrange(parts)].append(person)
    return by_part


async def _numbers(
    redis: RedisClient, keys: RoomKeys, now: Rounds, part: int, visitors: Sequence[str]
) -> list[int]:
    """Get the numbers that a part assigns. If a round is too small, the next one follows, as for a web
    process."""
    own, numbers = RoomKeys(part_id(keys.room_id, part)), list[int]()
    while len(numbers) < len(visitors):
        await scripts.turn_part(
            redis, own, **_of_round(now), place=part, parts=now.parts, after=now.gathered_to, limit=0
        )
        records = [ArrivalRecord(it, "") for it in visitors[len(numbers) : len(numbers) + AT_ONCE]]
        arrived = await scripts.arrive(redis, own, records, rate=0, burst=1, parts=now.parts)
        numbers += [it.number for it in arrived.arrivals if it.word == "new"]
        if any(it.word == "exhausted" for it in arrived.arrivals):
            missing = len(visitors) - len(numbers)
            now = await scripts.rounds(redis, keys, after=arrived.round, hurry=1, most=missing)
    return numbers


def _of_round(now: Rounds) -> dict[str, int]:
    return {"epoch": now.epoch, "number": now.number, "base": now.base, "size": now.size}
