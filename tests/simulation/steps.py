"""What can happen, as plain values: a seed yields them, a failure prints them, `shortest` reduces them.

A step makes sense in any state (claiming without a place is a valid step), so any subset of a list of steps
is a list of steps, too.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.simulation.rules import Rules

STEPS = 200
# The ids of the first few state that they come from one network; some others state it when they join.
VISITORS = (
    *(f"v{number:02}{'-' * 19}net1" for number in range(3)),
    *(f"v{number:02}" for number in range(3, 12)),
)
NETWORKS = {VISITORS[3]: "net1"} | dict.fromkeys(VISITORS[4:6], "net2")
WAITS_MS = (1, 7, 90, 250, 250, 250, 999, 1_000, 2_500, 5_000, 5_001, 21_000, 61_000)
STATES = ("open", "open", "open", "paused", "paused", "closed", "prequeue", "scheduled")
RATES = (0, 1, 60, 600, 601, 6_000, 90_007)


@dataclass(frozen=True)
class Step:
    """One thing that happens. Its `repr` is code: a printed list can be pasted into a test."""

    verb: str
    arguments: tuple[object, ...] = ()

    def __repr__(self) -> str:
        return f"Step({self.verb!r}, {self.arguments!r})"


def rules_of(random: Random, *, start_ms: int) -> Rules:
    """The initial settings of a run: small numbers, so that every limit is reached."""
    scheduled = random.random() < 0.3
    return Rules(
        rate=random.choice(RATES[1:]),
        burst=random.choice((0, 0, 1, 3, 10)),
        active_max=random.choice((0, 0, 1, 2, 4)),
        claim_window_s=random.choice((2, 5)),
        per_network=random.choice((0, 0, 1, 2)),
        session_ttl_s=random.choice((2, 20, 60)),
        visitors_per_ticket=random.choice((0.5, 1.0, 1.0, 2.0)),
        lottery=random.random() < 0.3,
        ends_on_confirm=random.random() < 0.7,
        restore_window_s=random.choice((0, 3)),
        prequeue_at_ms=start_ms + 500 if scheduled and random.random() < 0.5 else 0,
        opens_at_ms=start_ms + 3_000 if scheduled else 0,
        closes_at_ms=start_ms + 200_000 if scheduled and random.random() < 0.3 else 0,
    )


def room_steps(random: Random, count: int = STEPS) -> list[Step]:
    """Steps of the waiting room alone. Most runs open early, half of them after a pre-queue."""
    beginning = [Step("wait", (250,)), Step("numbers", (8,))]
    if random.random() < 0.5:
        beginning += [Step("state", ("prequeue",)), *(_join(random) for _ in range(3))]
    if random.random() < 0.8:
        beginning.append(Step("state", ("open",)))
    if random.random() < 0.5:  # somebody inside wants several tickets while others join
        beginning += [_quantity("join_for")(random), Step("claim_called"), _join(random), _admit(random)]
    makers = list(ROOM_STEPS)
    chosen = random.choices(makers, [weight for _, weight in ROOM_STEPS.items()], k=count - len(beginning))
    return beginning + [make(random) for make in chosen]


def _wait(random: Random) -> Step:
    rare = 3_700_000 if random.random() < 0.01 else random.choice(WAITS_MS)
    return Step("wait", (rare,))


def _join(random: Random) -> Step:
    return Step("join", tuple(random.sample(VISITORS, random.choice((1, 1, 2, 5)))))


def _of_one(verb: str) -> Callable[[Random], Step]:
    return lambda random: Step(verb, (random.choice(VISITORS),))


def _step(verb: str) -> Callable[[Random], Step]:
    return lambda _: Step(verb)


def _quantity(verb: str, visitors: Sequence[str] = VISITORS) -> Callable[[Random], Step]:
    return lambda random: Step(verb, (random.choice(visitors), random.choice((1, 1, 2, 2, 3, 4, 5))))


def _admit(random: Random) -> Step:
    return Step("admit", (random.choice((1, 1, 2)),))


def _read_undrawn(random: Random) -> Step:
    return Step("read_undrawn", (random.randint(1, 4),))


def _draw(_: Random) -> Step:
    return Step("draw")


def _state(random: Random) -> Step:
    return Step("state", (random.choice(STATES),))


def _settings(random: Random) -> Step:
    changes: dict[str, object] = {
        "rate": random.choice(RATES),
        "burst": random.choice((0, 1, 5)),
        "active_max": random.choice((0, 1, 3)),
        "claim_window_s": random.choice((2, 5)),
        "per_network": random.choice((0, 1, 2)),
        "session_ttl_s": random.choice((2, 20)),
        "visitors_per_ticket": random.choice((0.5, 1.0, 2.0)),
    }
    return Step("settings", tuple(random.sample(sorted(changes.items()), 2)))


def _numbers(verb: str) -> Callable[[Random], Step]:
    return lambda random: Step(verb, (random.choice((1, 5, 20)),))


def _stock(random: Random) -> Step:
    free = random.choice((0, 0, 1, 2, 5))
    return Step("stock", (free, random.choice((0, 0, 1)), random.choice((5, 6, 6, 0))))


ROOM_STEPS: dict[Callable[[Random], Step], int] = {
    _wait: 30,
    _admit: 30,
    _join: 25,
    _of_one("place"): 6,
    _quantity("join_for"): 6,
    _step("claim_called"): 12,
    _quantity("want"): 5,
    _of_one("claim"): 25,
    _of_one("leave"): 4,
    _of_one("remove"): 1,
    _of_one("buy"): 4,
    _read_undrawn: 7,
    _draw: 8,
    _state: 4,
    _settings: 4,
    _numbers("numbers"): 6,
    _numbers("raise_numbers_late"): 1,
    _stock: 5,
}


# the sale ------------------------------------------------------------------------------------------------
BUYERS = VISITORS[:7]
UNBATCHED = BUYERS[1:7:3]  # visitors whose web process does not know that workers read batches
KEYS = ("a", "b")
WISHES: tuple[tuple[tuple[str, int], ...], ...] = (
    (("floor", 1),),
    (("floor", 2),),
    (("balcony", 1),),
    (("balcony", 1), ("floor", 1)),
    (("floor", 4),),
)
WORKERS = ("w0", "w1", "w2")


def sale_rules(random: Random, *, start_ms: int) -> Rules:
    """Settings with something to buy; a lottery needs a pre-queue, and that an opening time."""
    rules = replace(rules_of(random, start_ms=start_ms), opens_at_ms=0, closes_at_ms=0)
    prequeue = rules.lottery or random.random() < 0.3
    return replace(rules, prequeue_at_ms=start_ms if prequeue else 0)


def sale_steps(random: Random, count: int = STEPS) -> list[Step]:
    """Steps of a whole sale; in half of the runs Redis is lost now and then."""
    beginning = [Step("wait", (250,)), Step("admit", (1,)), Step("join", BUYERS[:3])]
    if random.random() < 0.9:
        beginning += [Step("staff", ("open",)), Step("wait", (250,)), Step("join", BUYERS), Step("draw")]
    weights = dict(SALE_STEPS)
    if random.random() < 0.5:
        weights[_wipe] = weights[_restart] = 0
    chosen = random.choices(list(weights), list(weights.values()), k=count - len(beginning))
    return beginning + [make(random) for make in chosen]


def _calls(random: Random) -> int | None:
    """After how many store calls the operation is killed; usually it is not."""
    return random.choice((None, None, None, 0, 1, 2, 3, 4, 6))


def _buyer(verb: str) -> Callable[[Random], Step]:
    return lambda random: Step(verb, (random.choice(BUYERS),))


def _buyers_join(random: Random) -> Step:
    return Step("join", (random.choice(BUYERS),))


def _reserve(random: Random) -> Step:
    return Step("reserve", (random.choice(BUYERS), random.choice(KEYS), *random.choice(WISHES)))


def _worker(verb: str) -> Callable[[Random], Step]:
    return lambda random: Step(verb, (random.choice(WORKERS),))


def _record(random: Random) -> Step:
    return Step("record", (random.choice(WORKERS), _calls(random)))


def _of_reservation(verb: str) -> Callable[[Random], Step]:
    return lambda random: Step(verb, (random.choice(BUYERS), random.choice(KEYS)))


def _ending(verb: str) -> Callable[[Random], Step]:
    return lambda random: Step(verb, (random.choice(BUYERS), random.choice(KEYS), _calls(random)))


def _killable(verb: str) -> Callable[[Random], Step]:
    return lambda random: Step(verb, (_calls(random),))


def _totals(random: Random) -> Step:
    return Step("totals", (random.choice(("floor", "balcony")), random.choice((2, 3, 5)), _calls(random)))


def _staff(random: Random) -> Step:
    return Step("staff", (random.choice(("open", "open", "resume", "resume", "pause", "close")),))


_wipe, _save, _restart = _step("wipe"), _step("save"), _step("restart")


SALE_STEPS: dict[Callable[[Random], Step], int] = {
    _wait: 22,
    _admit: 18,
    _buyers_join: 12,
    _buyer("place"): 3,
    _quantity("want", BUYERS): 4,
    _buyer("claim"): 22,
    _buyer("claim_without_answer"): 2,
    _buyer("leave"): 2,
    _buyer("remove"): 1,
    _step("snapshot"): 5,
    _step("draw"): 3,
    _staff: 3,
    _reserve: 25,
    _step("drain"): 8,
    _worker("read"): 5,
    _worker("read_own"): 4,
    _worker("take_over"): 4,
    _worker("decide"): 10,
    _record: 10,
    _of_reservation("pay"): 14,
    _ending("paid"): 10,
    _of_reservation("declined"): 2,
    _ending("paid_late"): 2,
    _ending("cancel"): 5,
    _killable("expire"): 6,
    _killable("repair"): 4,
    _totals: 2,
    _wipe: 2,
    _save: 4,
    _restart: 2,
    _killable("rebuild"): 6,
}


async def shortest(
    steps: Sequence[Step], fails: Callable[[Sequence[Step]], Awaitable[bool]], *, limit_s: float = 45.0
) -> list[Step]:
    """The fewest steps that still fail, as far as found in the time: ever smaller pieces are left out."""
    fewest, piece, deadline = list(steps), max(1, len(steps) // 2), time.monotonic() + limit_s
    while piece and time.monotonic() < deadline:
        at = 0
        while at < len(fewest) and time.monotonic() < deadline:
            shorter = fewest[:at] + fewest[at + piece :]
            if await fails(shorter):
                fewest = shorter
            else:
                at += piece
        piece //= 2
    return fewest
