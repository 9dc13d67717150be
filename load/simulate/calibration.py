"""How well predicted waits come true, by class of sale, on sketched sales.

python -m load.simulate.calibration [--seeds 101-115] [CLASS]    plays a sale per seed of each class, or of
one
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate
from random import Random
from statistics import mean, median
from typing import NamedTuple

from load.simulate.sketch import Prediction, Sale, play

LASTS_S, RATE = 1_200, 300
NO_SHOWS = (0.0, 0.15, 0.3, 0.45, 0.6)
WAYS = ("rush", "steady", "burst")


class Truth(NamedTuple):
    """How predictions came true, over fans; the share of a fan is that of the waits shown to them."""

    fans: int
    held: float  # waited no longer than the p90
    held_half: float  # waited no longer than the p50
    bias: float  # how much longer the median wait was than the p50, as a share of it
    width: float  # p90 - p50, as a share of the wait: the median


def truth(sales: Iterable[Sequence[Prediction]]) -> Truth:
    """Compare the waits shown in these sales with the real ones."""
    fans: defaultdict[tuple[int, int], list[Prediction]] = defaultdict(list)
    for sale, shown in enumerate(sales):
        for it in shown:
            fans[sale, it.fan].append(it)
    middle = [shown[len(shown) // 2] for shown in fans.values()]
    return Truth(
        len(fans),
        mean(mean(it.real_s <= it.p90_s for it in shown) for shown in fans.values()),
        mean(mean(it.real_s <= it.p50_s for it in shown) for shown in fans.values()),
        median(median((it.real_s + 0.5) / it.p50_s for it in shown) for shown in fans.values()) - 1,
        median((it.p90_s - it.p50_s) / max(1.0, it.real_s) for it in middle),
    )


def plain(
    seed: int,
    rates: Sequence[tuple[float, float]] = (),
    pauses: Sequence[tuple[float, float]] = (),
    no_shows: Sequence[float] = (),
) -> Sale:
    """A sale of twenty minutes; times are shares of that, rates are multiples of the first. `no_shows` by
    thirds."""
    random = Random(f"sale {seed}")
    share = 0.3 if no_shows else NO_SHOWS[seed % 5]
    fans = round(RATE * LASTS_S / 60 / (1 - share))
    return Sale(
        arrivals(WAYS[seed // 5 % 3], fans, LASTS_S / 2, random),
        [(0, RATE), *((round(at * LASTS_S), round(times * RATE)) for at, times in rates)],
        pauses=[(round(since * LASTS_S), round(until * LASTS_S)) for since, until in pauses],
        no_shows=[(LASTS_S // 3 * third, it) for third, it in enumerate(no_shows or (share,))],
        claim_window_s=LASTS_S // 10,
        seed=seed,
    )


def arrivals(way: str, fans: int, span_s: float, random: Random) -> list[float]:
    """When fans arrive: at once, all the time, or in four bursts."""
    if way == "rush":
        return sorted(min(random.expovariate(1 / 20), span_s) for _ in range(fans))
    if way == "steady":
        return sorted(random.uniform(0, span_s) for _ in range(fans))
    each_s = span_s / 4
    return sorted(each_s * random.randrange(4) + min(random.expovariate(0.1), each_s) for _ in range(fans))


def long_pauses(seed: int) -> Sale:
    """Two hours, with a pause of four to eight minutes every 15 to 45 minutes."""
    random = Random(f"pauses {seed}")
    times = [random.uniform(*it) for _ in range(6) for it in ((900, 2_400), (240, 480))]
    marks = [round(it) for it in accumulate(times)]
    came = arrivals(WAYS[seed % 3], round(14_400 / (1 - NO_SHOWS[seed % 5])), 3_600, random)
    pauses = list(zip(marks[::2], marks[1::2], strict=True))
    return Sale(came, [(0, 120)], pauses, no_shows=[(0, NO_SHOWS[seed % 5])], seed=seed)


def cap_bound(seed: int) -> Sale:
    """At most 200 inside: some 120 per minute leave, while the rate would be 600; the length of stays varies,
    too."""
    random = Random(f"cap {seed}")
    stays = ([(0, 90.0)], [(0, 60.0), (600, 120.0)], [(0, 120.0), (600, 60.0)])[seed % 3]
    return Sale(
        arrivals(WAYS[seed % 3], 2_400, 600, random),
        [(0, 600)],
        no_shows=[(0, NO_SHOWS[seed // 3 % 3])],
        stays=stays,
        cap=200,
        claim_window_s=60,
        seed=seed,
    )


def quiet(seed: int) -> Sale:
    """An hour in which about as many arrive as are called, 12 to 60 per minute: a few wait, or a few
    dozen."""
    random, rate = Random(f"quiet {seed}"), (12, 30, 60)[seed % 3]
    between_s = 60 / rate / (0.9, 1.0, 1.1)[seed // 3 % 3]
    came = list(accumulate(random.expovariate(1 / between_s) for _ in range(rate * 60)))
    return Sale(
        came, [(0, rate)], no_shows=[(0, (0.0, 0.1)[seed % 2])], claim_window_s=60, seed=seed, sample=120
    )


def bursts(seed: int) -> Sale:
    """Six bursts in an hour; the queue of each is gone, or nearly so, when the next one arrives."""
    random = Random(f"bursts {seed}")
    sizes = [random.randrange(600, 2_400) for _ in range(6)]
    came = sorted(
        600 * at + min(random.expovariate(1 / 15), 500) for at in range(6) for _ in range(sizes[at])
    )
    return Sale(came, [(0, 200)], no_shows=[(0, NO_SHOWS[seed % 3])], claim_window_s=90, seed=seed)


def changing(seed: int) -> Sale:
    """The share of no-shows changes twice."""
    shares = ((0.1, 0.5, 0.2), (0.5, 0.1, 0.4), (0.0, 0.4, 0.6), (0.6, 0.3, 0.0))
    return plain(seed, no_shows=shares[seed % 4])


CLASSES: dict[str, Callable[[int], Sale]] = {
    "nothing": plain,
    "rate x 1.5": partial(plain, rates=[(0.3, 1.5)]),
    "rate x 2": partial(plain, rates=[(0.4, 2.0)]),
    "rate x 2/3": partial(plain, rates=[(0.4, 2 / 3)]),
    "rate x 1/2": partial(plain, rates=[(0.5, 0.5)]),
    "rate up and down": partial(plain, rates=[(0.2, 1.5), (0.4, 0.75), (0.6, 1.25)]),
    "a short pause": partial(plain, pauses=[(0.4, 0.45)]),
    "a long pause": partial(plain, pauses=[(0.3, 0.45)]),
    "two pauses": partial(plain, pauses=[(0.2, 0.24), (0.5, 0.58)]),
    "rate and pause": partial(plain, rates=[(0.25, 1.5), (0.7, 1.0)], pauses=[(0.4, 0.48)]),
    "long pauses": long_pauses,
    "cap-bound": cap_bound,
    "quiet": quiet,
    "bursts": bursts,
    "changing no-shows": changing,
}


def main() -> None:
    """Play the sales and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="101-115")
    parser.add_argument("classes", nargs="*", default=list(CLASSES))
    options = parser.parse_args()
    first, last = map(int, options.seeds.split("-"))
    print("| sales with | fans | p90 held | within p50 | p50 off by | width |\n|---|---|---|---|---|---|")
    for name in options.classes:
        found = truth(play(CLASSES[name](seed)) for seed in range(first, last + 1))
        shares = f"{found.held:.1%} | {found.held_half:.1%} | {found.bias:+.1%} | {found.width:.1%}"
        print(f"| {name} | {found.fans:,} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
