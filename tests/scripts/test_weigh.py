"""weigh.lua: how many newcomers from one address join normally, and what happens to the rest."""

from __future__ import annotations

from app.core.lanes import Lane
from app.core.model import VisitorId
from app.core.tokens.place_tokens import new_visitor_id
from app.core.tokens.proof_of_work import WORK, WORK_TIMES_MAX
from app.core.waiting_room.captcha import Captcha
from app.core.waiting_room.newcomers import NEWCOMERS_WINDOW_S
from app.store.scripts.newcomers import WeighRecord, weigh
from tests.support.builders import KEYS, NOW, Client, a_room, change_room
from tests.support.queue_steps import join, only

LANES = [Lane(name="Members", share=30), Lane(name="Slower", share=5)]
WINDOW_MS = NEWCOMERS_WINDOW_S * 1000


async def weighed(redis: Client, *visitors: VisitorId, address: str = "net1", now_ms: int = NOW) -> list[str]:
    found = await weigh(redis, KEYS, [WeighRecord(it, address) for it in visitors], now_ms=now_ms)
    return [f"{it.word} {it.said}".strip() for it in found]


def newcomers(count: int) -> list[VisitorId]:
    return [new_visitor_id("net1") for _ in range(count)]


async def test_what_an_address_sends_beyond_its_share_goes_to_the_lane_of_suspects(redis: Client) -> None:
    await a_room(redis, "paused", lanes=LANES, newcomers_per_address=3, suspects_lane="Slower")
    came = newcomers(5)
    assert await weighed(redis, *came) == ["anybody"] * 3 + ["suspect a2"] * 2
    assert await weighed(redis, *newcomers(1), address="net2") == ["anybody"]
    assert await weighed(redis, *newcomers(1), address="") == ["anybody"]  # unknown origin
    assert await redis.hget(KEYS.meter, "suspects_a") == "2"
    # Their allowance comes back gradually, all of it within ten minutes.
    assert await weighed(redis, *newcomers(2), now_ms=NOW + WINDOW_MS // 3) == ["anybody", "suspect a2"]
    assert await weighed(redis, *newcomers(3), now_ms=NOW + 2 * WINDOW_MS) == ["anybody"] * 3
    # A suspect who joins ends up in that lane.
    suspect = VisitorId(f"{came[3]}a2")
    assert only(await join(redis, suspect)).queue_number == 1
    assert only(await join(redis, came[0])).ahead == 0
    assert await redis.zscore(KEYS.waiting, suspect) > await redis.zscore(KEYS.waiting, came[0])


async def test_whoever_has_a_place_keeps_it_and_is_not_counted_again(redis: Client) -> None:
    await a_room(redis, "paused", lanes=LANES, newcomers_per_address=1, suspects_lane="Slower")
    ann, bob, eve = newcomers(3)
    assert await weighed(redis, ann, bob) == ["anybody", "suspect a2"]
    await join(redis, ann, VisitorId(f"{bob}a2"))
    assert await weighed(redis, ann, bob, ann) == ["anybody", "suspect a2", "anybody"]
    assert await redis.hget(KEYS.meter, "suspects_a") == "1"
    # Nothing is counted where nobody can join.
    await change_room(redis, 10, "closed", lanes=LANES, newcomers_per_address=1, suspects_lane="Slower")
    assert await weighed(redis, eve, eve) == ["anybody", "anybody"]
    assert await redis.zcard(KEYS.newcomers) == 1


async def test_without_a_lane_or_with_an_account_they_have_to_wait(redis: Client) -> None:
    await a_room(redis, newcomers_per_address=2)
    account = VisitorId("a" * 22)
    assert await weighed(redis, *newcomers(2)) == ["anybody"] * 2
    assert await weighed(redis, *newcomers(1), account) == [f"over {WINDOW_MS // 2}"] * 2
    await change_room(redis, 10, lanes=LANES, newcomers_per_address=2, suspects_lane="Slower")
    assert await weighed(redis, *newcomers(1), account) == ["suspect a2", f"over {WINDOW_MS // 2}"]


async def test_a_proof_of_work_costs_more_where_many_come_from_and_is_good_once(redis: Client) -> None:
    await a_room(redis, "paused", lanes=LANES, proof_of_work=True)
    sent = iter(range(10**6))

    async def bring(cost: int, address: str = "net1", slower: int = 0, solution: str = "") -> str:
        record = WeighRecord(new_visitor_id("net1"), address, cost, solution or f"s{next(sent)}", slower)
        [found] = await weigh(redis, KEYS, [record], now_ms=NOW)
        return f"{found.word} {found.said}".strip()

    assert await bring(0) == f"work {WORK}"
    assert await bring(WORK, solution="once") == "anybody"
    assert await bring(WORK, solution="once") == f"work {WORK}"
    assert [await bring(WORK) for _ in range(8)] == ["anybody"] * 8
    assert await bring(0) == f"work {WORK}"
    assert await bring(WORK) == "anybody"
    # Ten have joined: from now on a proof costs twice as much. The one worth half of that was created a
    # moment ago.
    assert await bring(0) == f"work {2 * WORK}"
    assert [await bring(WORK) for _ in range(10)] == ["anybody"] * 10
    assert await bring(WORK) == f"work {3 * WORK}"
    assert [await bring(4 * WORK) for _ in range(60)] == ["anybody"] * 60
    assert await bring(0) == f"work {WORK_TIMES_MAX * WORK}"
    assert await bring(0, address="net2") == f"work {WORK}"
    # Visitors who cannot compute wait in the lane of suspects, if there is one.
    assert await bring(0, slower=1) == f"work {WORK_TIMES_MAX * WORK}"
    await change_room(redis, 10, "paused", lanes=LANES, proof_of_work=True, suspects_lane="Slower")
    assert await bring(0, slower=1) == "suspect w2"
    assert await redis.hget(KEYS.meter, "suspects_w") == "1"


async def test_who_solved_no_captcha_is_refused_or_a_suspect(redis: Client) -> None:
    ann = newcomers(1)[0]

    async def bring(captcha: Captcha, slower: int = 0, who: VisitorId | None = None) -> str:
        record = WeighRecord(who or new_visitor_id("net1"), "net1", slower=slower, captcha=captcha)
        [found] = await weigh(redis, KEYS, [record], now_ms=NOW)
        return f"{found.word} {found.said}".strip()

    await a_room(redis, "paused", lanes=LANES, captcha=True)
    verdicts = [await bring(it, slower) for it in ("solved", "missing", "unknown") for slower in (0, 1)]
    assert verdicts == ["anybody"] * 2 + ["captcha"] * 2 + ["anybody"] * 2
    await change_room(redis, 10, "paused", lanes=LANES, captcha=True, suspects_lane="Slower")
    verdicts = [await bring(it, slower) for it in ("solved", "missing", "unknown") for slower in (0, 1)]
    assert verdicts == ["anybody"] * 2 + ["captcha", "suspect c2"] + ["suspect c2"] * 2
    assert await redis.hget(KEYS.meter, "suspects_c") == "3"
    account = VisitorId("a" * 22)
    assert [await bring(it, 1, account) for it in ("missing", "unknown")] == ["captcha", "anybody"]
    # Visitors with a place are not challenged again; a proof of work comes before a captcha.
    await join(redis, VisitorId(f"{ann}c2"))
    assert await bring("missing", who=ann) == "suspect c2"
    await change_room(redis, 11, "paused", lanes=LANES, captcha=True, proof_of_work=True)
    assert await bring("missing") == f"work {WORK}"


async def test_the_log_says_what_is_asked_and_which_lane_suspects_are_in(redis: Client) -> None:
    await a_room(redis, "paused", lanes=LANES)
    before = await redis.xlen(KEYS.log)
    await change_room(redis, 10, "paused", lanes=LANES, newcomers_per_address=2, suspects_lane="Slower")
    [(_, entry)] = (await redis.xrange(KEYS.log, "-", "+"))[before:]
    assert {"set newcomers 2", "set suspects 2"} <= set(entry["e"].split("\n"))
