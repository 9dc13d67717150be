"""No called visitor loses their turn to a store outage, however short, whoever notices it and when.

One worker and the scripts run on a pinned clock. A store either refuses requests or hangs; if it hangs, the
requests sent meanwhile take effect when it resumes.
"""

from __future__ import annotations

import pytest

from app.store.answer_log import AnswerLog
from app.store.connections import Stores
from app.store.postgres_watch import ANSWER_S, EVERY_S, PostgresWatch
from app.store.scripts import admission, room
from tests.support.builders import (
    KEYS,
    NOW,
    Client,
    a_restored_room,
    a_room,
    a_visitor,
    ask_record,
    join_record,
)
from tests.support.queue_steps import claim, crowd, get_places, join, only, states_of, tick
from worker.outage_reports import OutageReports
from worker.room_ticker import SLOW_TICK_S, TICK_S

WINDOW_S, SESSION_S = 12, 8
FROM_S = 5.0
CASES = ((1.0, 0.0), (1.0, 0.3), (2.9, 0.13), (2.9, 0.4), (5.0, 0.3), (15.0, 0.13))  # length and phase, in s
INSIDE = (0.01, 0.3, 0.5, 0.8, 0.99)  # where claim windows end within the outage
NOTICED_S = 2.0


def at(seconds: float) -> int:
    return NOW + round(1000 * seconds)


class Worker:
    """A worker in pinned time, with a web process beside it that polls Postgres in the same way.

    Every quarter of a second it asks Redis which rooms are busy and sends the ticks that are due.
    """

    def __init__(self, stores: Stores, redis: Client, store: str, refuses: bool, away: tuple[float, float]):
        self.redis = redis
        self.store, self.refuses, (self.from_s, self.until_s) = store, refuses, away
        self.watch, self.answers = PostgresWatch(stores.postgres), AnswerLog()
        self.watch.log.answered_at = self.answers.answered_at = 0.0
        self.outages = OutageReports((self.watch.log, self.answers))
        self.round_at, self.ask_at, self.tick_at, self.tick_s = TICK_S, EVERY_S, 0.0, TICK_S
        self.stuck = False  # whether a tick is in flight when Redis hangs
        self.polls: list[str] = []  # visitors who keep asking for their place

    def _is_away(self, store: str, now: float) -> bool:
        return store == self.store and self.from_s <= now < self.until_s

    async def run(self, until_s: float) -> None:
        while (now := min(self.round_at, self.ask_at)) < until_s:
            if now == self.ask_at:
                self.ask_at = self._ask(now) + EVERY_S
            else:
                self.round_at = await self._round(now) + TICK_S

    def _ask(self, now: float) -> float:
        if not self._is_away("postgres", now):
            self.watch.answered(now, now + 0.001)
            return now
        if self.refuses or self.until_s > now + ANSWER_S:
            self.watch.failed(refuses=self.refuses)
            return now if self.refuses else now + ANSWER_S
        self.watch.answered(now, self.until_s)
        return self.until_s

    async def _round(self, now: float) -> float:
        done = now
        if self._is_away("redis", now) and self.refuses:
            self.answers.failed()
            if self.tick_at <= now:
                self.outages.failed()
            return now
        if self._is_away("redis", now) and not self.stuck:
            done = self.until_s
        self.answers.answered(now, done)
        if self.tick_at <= done:
            self.tick_at = await self._tick(done) + self.tick_s
        return done

    async def _tick(self, now: float) -> float:
        away = self.watch.is_away(now)
        report = self.outages.next_report(now, away=away)
        done = self.until_s if self._is_away("redis", now) else now
        assert states_of(await get_places(self.redis, *self.polls, now_ms=at(done))) == ["called"] * len(
            self.polls
        )
        limit = 0 if away else 100
        found = await admission.admit(self.redis, KEYS, limit=limit, outages=report, now_ms=at(done))
        self.outages.answered(now, done, found.status.now_ms, away=away)
        self.stuck = self.stuck and done == now
        return done


async def called(redis: Client, deadlines: dict[str, float]) -> None:
    """A room with these visitors called."""
    await redis.flushall()
    await a_room(redis, claim_window_s=WINDOW_S, session_ttl_s=SESSION_S, admission_rate_per_minute=60_000)
    assert states_of(await join(redis, *deadlines)) == ["called"] * len(deadlines)
    await redis.zadd(KEYS.called, {who: at(deadline) for who, deadline in deadlines.items()})


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses", "stands still"])
@pytest.mark.parametrize("store", ["redis", "postgres"])
async def test_no_turn_is_lost_by_an_outage_however_short(stores: Stores, store: str, refuses: bool) -> None:
    redis: Client = stores.redis
    for n, (length_s, phase_s) in enumerate((*CASES, (0.6, 0.13)) if refuses else CASES):
        from_s, until_s = FROM_S + phase_s, FROM_S + phase_s + length_s
        inside = {f"in{part}": from_s + part * length_s for part in INSIDE}
        await called(redis, {"before": from_s - NOTICED_S, **inside, "after": until_s + 8})
        worker = Worker(stores, redis, store, refuses, (from_s, until_s))
        worker.polls = [*inside, "after"]
        worker.tick_s, worker.stuck = (TICK_S, SLOW_TICK_S)[n % 2], n % 3 == 0
        await worker.run(until_s + NOTICED_S)
        now_ms, case = at(until_s + NOTICED_S), f"{length_s} s from {from_s}"
        assert states_of(await get_places(redis, "before", now_ms=now_ms)) == ["no_show"], case
        for place in map(only, [[it] for it in await get_places(redis, *inside, now_ms=now_ms)]):
            left_s = (place.claim_by_ms - now_ms) / 1000
            assert max(3, min(length_s, 10)) - NOTICED_S <= left_s <= WINDOW_S, case
        assert states_of(await claim(redis, *inside, now_ms=now_ms)) == ["active"] * len(inside), case


@pytest.mark.parametrize("store", ["redis", "postgres"])
async def test_a_ticker_that_begins_after_a_short_outage_tells_of_it(stores: Stores, store: str) -> None:
    """The room has just come to this worker, or was quiet before: the worker must report all it knows."""
    redis: Client = stores.redis
    for length_s in (1.0, 1.6, 2.4):
        until_s = FROM_S + length_s
        inside = {f"in{part}": FROM_S + part * length_s for part in INSIDE}
        await called(redis, {"before": FROM_S - NOTICED_S, **inside})
        worker = Worker(stores, redis, store, True, (FROM_S, until_s))
        await worker.run(FROM_S)
        worker.tick_at = until_s + 0.2
        await worker.run(until_s)
        worker.outages = OutageReports((worker.watch.log, worker.answers))
        await worker.run(until_s + NOTICED_S)
        now_ms = at(until_s + NOTICED_S)
        assert states_of(await get_places(redis, "before", now_ms=now_ms)) == ["no_show"], length_s
        assert states_of(await claim(redis, *inside, now_ms=now_ms)) == ["active"] * len(inside), length_s


@pytest.mark.parametrize("length_s", [1.0, 5.0, 15.0])
async def test_a_claim_that_could_not_be_kept_begins_a_session_that_is_still_there(
    stores: Stores, length_s: float
) -> None:
    """Postgres hangs and nobody knows yet: the session exists in Redis, but its row is not written."""
    redis: Client = stores.redis
    until_s = FROM_S + length_s
    await called(redis, {"early": until_s + WINDOW_S})
    worker = Worker(stores, redis, "postgres", False, (FROM_S, until_s))
    await worker.run(FROM_S + 0.4)
    first = only(await claim(redis, "early", now_ms=at(FROM_S + 0.4)))
    await worker.run(until_s + NOTICED_S)
    again = only(await claim(redis, "early", now_ms=at(until_s + NOTICED_S)))
    assert (again.state, again.new) == ("active", False)
    gone_s = (at(until_s) - first.session_expires_at_ms) / 1000 + SESSION_S
    if gone_s > 3:  # a shorter difference does not extend the session
        assert again.session_expires_at_ms >= at(until_s + SESSION_S - 1)
    await tick(redis, at(until_s + NOTICED_S))
    reply = await room.place(
        redis, KEYS, [ask_record("early")], rate=0, burst=1, now_ms=at(until_s + NOTICED_S)
    )
    assert states_of(reply.places) == ["active"]


@pytest.mark.parametrize("kept", [True, False], ids=["redis was there", "redis has restarted"])
async def test_turns_outlive_an_outage_of_all_with_the_workers(stores: Stores, kept: bool) -> None:
    """Nobody watched for a minute, and the process that watches next knows nothing of the time before."""
    redis: Client = stores.redis
    await called(redis, {"before": FROM_S - NOTICED_S, "ann": FROM_S + 1, "bob": FROM_S + 7})
    await Worker(stores, redis, "none", True, (0, 0)).run(FROM_S)
    until_s = FROM_S + 60
    assert states_of(await get_places(redis, "ann", now_ms=at(until_s))) == ["called"]
    if not kept:
        await a_restored_room(redis, epoch=2, now_ms=at(until_s), claim_window_s=WINDOW_S)
    worker = Worker(stores, redis, "none", True, (0, 0))
    worker.round_at = worker.ask_at = worker.watch.log.answered_at = worker.answers.answered_at = until_s
    worker.polls = ["ann", "bob"]
    await worker.run(until_s + NOTICED_S)
    assert states_of(await get_places(redis, "before", now_ms=at(until_s + 3))) == ["no_show"]
    assert states_of(await claim(redis, "ann", "bob", now_ms=at(until_s + 3))) == ["active"] * 2


async def test_a_restart_of_redis_counts_as_an_outage_whoever_looks_then(redis: Client) -> None:
    await called(redis, {"ann": 6})
    await tick(redis, at(5))
    await a_restored_room(redis, epoch=2, now_ms=at(50), claim_window_s=WINDOW_S)
    await tick(redis, at(50))
    assert only(await get_places(redis, "ann", now_ms=at(50))).claim_by_ms == at(60)


async def test_a_web_process_that_alone_knows_of_an_outage_stops_the_windows_with_the_first_refusal(
    redis: Client,
) -> None:
    await called(redis, {"ann": 10, "bob": 10})
    await tick(redis, at(9))
    records = [ask_record("ann")]
    found = await room.claim(redis, KEYS, records, rate=0, burst=1, away_ms=2_000, now_ms=at(11))
    assert states_of(found.places) == ["away"]
    await tick(redis, at(11.2))
    assert states_of(await get_places(redis, "ann", "bob", now_ms=at(12))) == ["called"] * 2
    await tick(redis, at(20))
    assert states_of(await get_places(redis, "ann", "bob", now_ms=at(20))) == ["no_show"] * 2


async def test_outages_are_counted_once_and_not_for_calls_made_later(redis: Client) -> None:
    await called(redis, {"ann": 8})
    report = admission.OutageReport(sure_ms=at(7), away_from_ms=at(3), away_until_ms=at(7))
    for _ in range(3):
        await admission.admit(redis, KEYS, limit=10, outages=report, now_ms=at(7))
    assert only(await get_places(redis, "ann", now_ms=at(7))).claim_by_ms == at(12)


async def away(redis: Client, at_ms: int, silent_ms: int = 0) -> None:
    """A tick while Postgres does not respond."""
    report = admission.OutageReport(at_ms - silent_ms, at_ms - silent_ms)
    tick_ = await admission.admit(redis, KEYS, limit=0, outages=report, now_ms=at_ms)
    assert tick_.calls == 0


async def claim_by(redis: Client, visitor_id: str, now_ms: int) -> int:
    """The deadline shown to this visitor."""
    place = only(await get_places(redis, visitor_id, now_ms=now_ms))
    assert place.state == "called"
    assert place.claim_by_ms is not None
    return place.claim_by_ms


async def test_while_postgres_is_away_claim_windows_stand_still_and_nobody_is_called(redis: Client) -> None:
    await a_room(redis, claim_window_s=15)
    ann, bob = await crowd(redis, 2)
    await away(redis, NOW + 3_000, silent_ms=1_000)  # two of the fifteen seconds had passed
    late_ms = NOW + 60_000
    await away(redis, late_ms)
    assert await claim_by(redis, ann, late_ms) == late_ms + 13_000
    assert states_of(await claim(redis, ann, now_ms=late_ms)) == ["away"]
    assert states_of(await join(redis, cyd := a_visitor(), now_ms=late_ms)) == ["waiting"]
    await tick(redis, NOW + 62_000)
    assert [await claim_by(redis, it, NOW + 62_000) for it in (ann, bob)] == [NOW + 75_000] * 2
    assert await claim_by(redis, cyd, NOW + 62_000) == NOW + 77_000
    assert states_of(await claim(redis, ann, now_ms=NOW + 74_999)) == ["active"]
    await tick(redis, NOW + 75_000)
    assert states_of(await claim(redis, bob, now_ms=NOW + 75_000)) == ["no_show"]


async def test_workers_that_disagree_about_postgres_give_nobody_more_than_the_time_that_passed(
    redis: Client,
) -> None:
    await a_room(redis, claim_window_s=10)
    (ann,) = await crowd(redis, 1)
    for second in range(1, 9):
        await away(redis, NOW + 1_000 * second, silent_ms=5_000)
        await tick(redis, NOW + 1_000 * second + 500)
    assert NOW + 10_000 < await claim_by(redis, ann, NOW + 8_500) <= NOW + 18_500


async def test_a_call_is_over_once_postgres_has_answered_after_its_deadline(redis: Client) -> None:
    await a_room(redis, claim_window_s=5)
    await crowd(redis, 1)
    for sure_ms, called in ((NOW + 4_500, 1), (NOW + 5_001, 0)):
        found = await admission.admit(
            redis, KEYS, limit=10, outages=admission.OutageReport(sure_ms), now_ms=NOW + 5_500
        )
        assert found.status.called == called


async def test_a_web_process_that_knows_postgres_is_away_calls_nobody_and_begins_no_session(
    redis: Client,
) -> None:
    await a_room(redis)
    (ann,) = await crowd(redis, 1)
    options = {"rate": 0, "burst": 1, "now_ms": NOW}
    found = await room.join(redis, KEYS, [join_record(ann), join_record(a_visitor())], away=1, **options)
    assert states_of(found.places) == ["called", "waiting"]
    found = await room.claim(redis, KEYS, [ask_record(ann)], away_ms=1, **options)
    assert states_of(found.places) == ["away"]
    await tick(redis, limit=1)
    assert states_of(await claim(redis, ann)) == ["active"]
    found = await room.claim(redis, KEYS, [ask_record(ann)], away_ms=1, **options)
    assert states_of(found.places) == ["active"]
