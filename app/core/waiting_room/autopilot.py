"""The autopilot of a room: derives the admission rate from the shop's health. Pure; the worker applies it.

AIMD, as TCP shares a link: while the shop is healthy the rate rises, in growing steps; while it exceeds its
target the rate is cut by a share, more the further it is over. The last rate the shop sustained is
remembered: the way back up to it is quick, beyond it the steps are small again, because trouble takes a while
to show. `docs/explanation/autopilot.md` has the reasons; `fairgate simulate --origin` replays it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from app.core.autopilot_settings import Autopilot

STEP_MS = 5_000  # between two decisions, so that each sees the effect of the one before
FRESH_MS = 30_000  # a server silent for longer is not counted
LOST_MS = 60_000  # no report for longer: step by step down to the floor
KEPT = 3  # readings whose median counts, so that one outlier moves little
# share of the rate called over the last minute; with fewer called the queue waits for something else
USED = 0.7
MINUTE_MS = 60_000
RATES = MINUTE_MS // STEP_MS

# Strain is the shop's load relative to its target: 1 is the target.
CALM = 0.9  # the rate rises below this; between here and the target it stays
SEVERE = 2.0  # acted on at once, without a second reading
SEEN, GROWS = 0.3, 1.4  # strain above noise, and its growth over the last few readings that counts as growing
# share of the target in reserve that allows full steps; with less in reserve they are smaller
ROOM_FOR_ALL = 0.5

# Shares of the rate.
CAREFUL_UP = 0.02  # while strain grows
FIRST_UP, MOST_UP = 0.03, 0.2  # each step is twice the one before, up to the maximum
BACK_UP = 0.12  # the first step on the way back to the rate the shop sustained
PROBES = 1  # small steps beyond that rate before they grow
LEAST_LEFT, MOST_LEFT = 0.6, 0.95  # share of the rate left by a cut, at least and at most
UNHEARD_LEFT = 0.9  # share left by each step while there are no reports
EASES = 0.97  # once strain falls by this factor after a cut, the next cuts are the smallest

Direction = Literal["up", "down", "hold"]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The latest report of one of the shop's servers, and when it arrived."""

    at_ms: int
    p95_ms: float
    error_rate: float
    in_flight: int | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The health of the whole shop: p95 and error rate of its worst server, requests in flight of all
    together."""

    at_ms: int  # when the newest reading arrived
    p95_ms: float
    error_rate: float
    in_flight: int | None
    servers: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision about the rate, and its reason in plain words."""

    at_ms: int
    direction: Direction
    rate_from: int
    rate_to: int
    why: str


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What the autopilot remembers from one decision to the next."""

    heard_ms: int = 0  # arrival of the newest reading acted on; or since when it has been waiting for one
    strains: tuple[float, ...] = ()  # strain of the last readings
    ups: int = 0  # consecutive steps up
    rates: tuple[int, ...] = ()  # over the last minute
    bore: int = 0  # the rate the shop sustained before it last exceeded its target; 0: not known
    cut: bool = False  # the last step was a cut because of the shop
    last: Decision | None = None  # including one that left the rate unchanged
    moved: Decision | None = None  # the last one that changed the rate


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The room at the time of a decision."""

    at_ms: int
    rate: int  # per minute
    waiting: bool  # whether anybody waits
    called: int  # in the last minute
    open_ms: int  # for how long it has been open


def health(readings: Sequence[Reading], at_ms: int) -> Health | None:
    """The shop's health from the servers that reported lately; None: no server did."""
    fresh = [it for it in readings if at_ms - it.at_ms <= FRESH_MS]
    if not fresh:
        return None
    in_flight = [it.in_flight for it in fresh if it.in_flight is not None]
    return Health(
        at_ms=max(it.at_ms for it in fresh),
        p95_ms=max(it.p95_ms for it in fresh),
        error_rate=max(it.error_rate for it in fresh),
        in_flight=sum(in_flight) if in_flight else None,
        servers=len(fresh),
    )


def strain(on: Autopilot, shop: Health) -> float:
    """The shop's load relative to its target, by the worst measure; above 1 it exceeds the target."""
    parts = [shop.p95_ms / on.p95_ms, shop.error_rate / on.error_rate]
    if on.in_flight is not None and shop.in_flight is not None:
        parts.append(shop.in_flight / on.in_flight)
    return max(parts)


def is_due(course: Course, at_ms: int) -> bool:
    """Whether a decision is due. A clock that was set back does not delay it."""
    return course.last is None or not 0 <= at_ms - course.last.at_ms < STEP_MS


def is_needed(course: Course, now: Now) -> bool:
    """Whether people wait because of the rate, rather than because of the cap or for tickets, or not at all.

    A rate raised while nobody needed it would hit the shop in full with the next crowd.
    """
    rates = (*course.rates, now.rate)
    let_in = sum(rates) / len(rates) * min(MINUTE_MS, now.open_ms) / MINUTE_MS
    return now.waiting and now.called >= USED * let_in


def decide(on: Autopilot, course: Course, now: Now, shop: Health | None) -> Course:
    """Make the next decision; the new rate is `rate_to` of its `last`.

    The rate rises when both the newest reading and the median of the last three are calm; it falls whenever
    the newest exceeds the target. Without a new reading it stays, and after a minute descends to the floor.
    """
    if not on.floor <= now.rate <= on.ceiling:
        return _decided(on, course, now, now.rate, "the rate was not between floor and ceiling")
    if shop is None or shop.at_ms <= course.heard_ms:
        return _without_report(on, course, now)
    strains = (*course.strains, strain(on, shop))[-KEPT:]
    updated = msgspec.structs.replace(course, heard_ms=shop.at_ms, strains=strains)
    newest, median, measured = strains[-1], _median(strains), _measured(on, shop)
    if newest > 1:
        return _down(on, updated, now, measured)
    if newest > CALM or median > CALM:
        return _decided(on, updated, now, now.rate, f"{measured}: close to the target")
    if not is_needed(course, now):
        return _decided(on, updated, now, now.rate, f"{measured}: healthy; nobody waits because of the rate")
    if now.rate == on.ceiling:
        return _decided(on, updated, now, now.rate, f"{measured}: healthy; the rate is at the ceiling")
    return _up(on, updated, now, measured)


def _up(on: Autopilot, course: Course, now: Now, measured: str) -> Course:
    strains, back = course.strains, now.rate < course.bore
    share = BACK_UP * 2.0**course.ups if back else FIRST_UP * 2.0 ** max(0, course.ups - PROBES)
    share = min(share, MOST_UP)
    if strains[-1] > SEEN and strains[-1] > GROWS * min(strains):
        share = CAREFUL_UP
    share *= min(1.0, (1 - _median(strains)) / ROOM_FOR_ALL) * STEP_MS / (1000 * on.settle_s)
    rate = max(now.rate + 1, round(now.rate * (1 + share)))
    arrived = back and rate >= course.bore
    after = msgspec.structs.replace(course, ups=0 if arrived else course.ups + 1, cut=False)
    return _decided(on, after, now, min(rate, course.bore) if back else rate, f"{measured}: healthy")


def _down(on: Autopilot, course: Course, now: Now, measured: str) -> Course:
    strains = course.strains
    perhaps_noise = _median(strains) <= 1 and strains[-1] < SEVERE
    eases = course.cut and len(strains) > 1 and strains[-1] < EASES * strains[-2]
    full_cut = not perhaps_noise and not eases
    left = (
        max(LEAST_LEFT, min(MOST_LEFT, max(strains[-1], _median(strains)) ** -0.5)) if full_cut else MOST_LEFT
    )
    bore = course.bore
    if not course.cut:
        bore = _before_last_up(course, now)
    elif full_cut:
        bore = min(bore, now.rate)
    after = msgspec.structs.replace(course, ups=0, bore=bore, cut=True)
    return _decided(on, after, now, min(now.rate - 1, int(now.rate * left)), f"{measured}: over the target")


def _without_report(on: Autopilot, course: Course, now: Now) -> Course:
    if not course.heard_ms:  # just switched on, or Redis was lost: the minute starts now
        waits = msgspec.structs.replace(course, heard_ms=now.at_ms)
        return _decided(on, waits, now, now.rate, "no report from the shop yet")
    silent_ms = now.at_ms - course.heard_ms
    reason = f"no report from the shop for {silent_ms // 1000} s"
    if silent_ms < LOST_MS:
        words = "waiting for the next report from the shop" if silent_ms < FRESH_MS else reason
        return _decided(on, course, now, now.rate, words)
    after = msgspec.structs.replace(course, strains=(), ups=0, bore=max(course.bore, now.rate), cut=False)
    return _decided(on, after, now, min(now.rate - 1, int(now.rate * UNHEARD_LEFT)), reason)


def _decided(on: Autopilot, course: Course, now: Now, rate: int, why: str) -> Course:
    rate = min(max(rate, on.floor), on.ceiling)
    direction: Direction = "up" if rate > now.rate else "down" if rate < now.rate else "hold"
    last = Decision(at_ms=now.at_ms, direction=direction, rate_from=now.rate, rate_to=rate, why=why)
    moved = course.moved if direction == "hold" else last
    rates = (*course.rates, now.rate)[-RATES:]
    return msgspec.structs.replace(course, last=last, moved=moved, rates=rates)


def _before_last_up(course: Course, now: Now) -> int:
    """The rate before the last step, if that was a step up: the shop is known to have sustained it."""
    last = course.last
    return last.rate_from if last is not None and last.direction == "up" else now.rate


def _median(strains: Sequence[float]) -> float:
    return sorted(strains)[len(strains) // 2]


def _measured(on: Autopilot, shop: Health) -> str:
    """The readings that decide, in words: `p95 1,240 ms of 800, errors 0.20% of 1.00%`."""
    parts = [
        f"p95 {shop.p95_ms:,.0f} ms of {on.p95_ms:,}",
        f"errors {shop.error_rate:.2%} of {on.error_rate:.2%}",
    ]
    if on.in_flight is not None and shop.in_flight is not None:
        parts.append(f"in flight {shop.in_flight:,} of {on.in_flight:,}")
    return ", ".join(parts)
