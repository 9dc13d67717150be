"""`fairgate simulate`: known results of small runs, and how well the predicted waits hold."""

from __future__ import annotations

import json
from itertools import combinations, cycle
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import cli
from app.store.connections import RedisClient
from load.simulate import crowd, grid, picture, scenario
from load.simulate.fairness import kendall_tau, ranks
from load.simulate.figures import percentiles
from load.simulate.run import Outcome, play, simulate
from load.simulate.scenario import Scenario, ScenarioWrong


def a_sale(fans: int = 300, rate: int = 600, **fields: object) -> Scenario:
    defaults = {"arrivals": "steady", "sample": 300}
    return Scenario(fans=fans, rates=((0, rate),), **(defaults | fields))  # type: ignore[arg-type]


# --- the order --------------------------------------------------------------------------------------------
@given(st.permutations(range(12)))
def test_tau_is_what_its_definition_says(order: list[int]) -> None:
    pairs = list(combinations(order, 2))
    concordant = sum(first < second for first, second in pairs)
    assert kendall_tau(order) == pytest.approx((2 * concordant - len(pairs)) / len(pairs))


def test_tau_of_many_is_what_its_definition_says() -> None:
    order = Random(7).sample(range(1_500), 1_500)
    discordant = sum(first > second for first, second in combinations(order, 2))
    assert kendall_tau(order) == pytest.approx(1 - 4 * discordant / (1_500 * 1_499))
    assert (kendall_tau(range(1_500)), kendall_tau(range(1_499, -1, -1)), kendall_tau([0])) == (
        1.0,
        -1.0,
        1.0,
    )


def test_an_order_with_gaps_is_ranked() -> None:
    assert list(ranks([7, 2, 9], of=10)) == [1, 0, 2]


@given(st.lists(st.integers(0, 500), min_size=1, max_size=200))
def test_percentiles_are_waits_that_so_many_had_at_most(waits: list[int]) -> None:
    for name, wait in percentiles(waits).items():
        share = int(name[1:]) / 100
        assert sum(it <= wait for it in waits) >= share * len(waits)
        assert wait in waits


# --- the scenario -----------------------------------------------------------------------------------------
def test_rates_and_pauses_are_read() -> None:
    assert scenario.read_rates("600") == ((0, 600),)
    assert scenario.read_rates("600@0, 1200@300") == ((0, 600), (300, 1200))
    assert scenario.read_pauses("120-180,300-330") == ((120, 180), (300, 330))
    assert scenario.read_pauses("") == ()
    assert scenario.read_lanes("30:0.1, 10:.02") == ((30, 0.1), (10, 0.02))


@pytest.mark.parametrize("text", ["", "fast", "600@5", "600@0,1200@0", "-5", "600@0,", "99999999"])
def test_a_rate_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ScenarioWrong):
        scenario.read_rates(text)


@pytest.mark.parametrize("text", ["120", "180-120", "0-5", "1-9,9-12", "a-b"])
def test_a_pause_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ScenarioWrong):
        scenario.read_pauses(text)


@pytest.mark.parametrize("text", ["30", "0:0.1", "100:0.1", "60:0.1,40:0.1", "30:0.6,30:0.6", "30:x"])
def test_lanes_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ScenarioWrong):
        scenario.read_lanes(text)


def test_a_line_that_never_ends_is_refused() -> None:
    with pytest.raises(ScenarioWrong):
        scenario.check(a_sale(rate=0))


@pytest.mark.parametrize("arrivals", ["rush", "steady", "burst"])
@pytest.mark.parametrize("method", ["fifo", "lottery"])
def test_fans_come_in_order_and_the_same_for_the_same_seed(arrivals: str, method: str) -> None:
    made = a_sale(2_000, arrivals=arrivals, method=method)
    times = list(crowd.arrivals_ms(made))
    assert len(times) == 2_000
    assert times == sorted(times)
    assert times == list(crowd.arrivals_ms(made))
    assert times != list(crowd.arrivals_ms(msgspec.structs.replace(made, seed=2)))


# --- runs -------------------------------------------------------------------------------------------------
async def played(redis: RedisClient, it: Scenario) -> Outcome:
    await redis.flushall()
    return await play(redis, it)


async def test_a_line_at_its_rate_goes_as_arithmetic_says(redis: RedisClient) -> None:
    outcome = await played(redis, a_sale(600, 600, arrivals="rush"))
    it = outcome.figures
    assert (it.admitted, it.claimed, it.still_waiting, it.kendall_tau) == (600, 600, 0, 1.0)
    assert it.lasted_s == pytest.approx(60 - 1, abs=1), "ten a second, and a second's worth at the opening"
    assert it.no_show_share == 0.0
    assert it.utilisation == pytest.approx(1.0, abs=0.03)
    assert it.shown.unexplained_rises == 0


async def test_the_same_seed_plays_the_same(redis: RedisClient) -> None:
    made = a_sale(200, 1_200, no_show=0.4, claim_window_s=10)
    first, second, other = [
        (await played(redis, it)).figures for it in (made, made, msgspec.structs.replace(made, seed=9))
    ]
    assert first == second
    assert first != other


async def test_a_pause_stops_the_line_for_as_long(redis: RedisClient) -> None:
    made = a_sale(300, 600, arrivals="rush")
    plain, paused = [
        (await played(redis, it)).figures for it in (made, msgspec.structs.replace(made, pauses=((10, 30),)))
    ]
    assert paused.lasted_s - plain.lasted_s == pytest.approx(20, abs=0.5)


async def test_no_shows_give_their_tokens_back(redis: RedisClient) -> None:
    it = (await played(redis, a_sale(1_000, 1_200, no_show=0.5, claim_window_s=4, arrivals="rush"))).figures
    assert it.no_show_share == pytest.approx(0.5, abs=0.05)
    assert it.lasted_s < 40, "twenty a second would take fifty; half of the tokens come back"


async def test_a_cap_holds_the_line_back(redis: RedisClient) -> None:
    it = (await played(redis, a_sale(300, 6_000, active_max=20, inside_s=3, arrivals="rush"))).figures
    assert it.admitted == 300
    assert it.active_mean <= 20
    assert it.utilisation < 0.5
    assert it.shown.rises > 0
    assert it.shown.unexplained_rises == 0


async def test_lanes_have_their_shares_and_each_its_order(redis: RedisClient) -> None:
    """A tenth of the fans gets half of the calls: they are in after a fifth of the time."""
    it = (await played(redis, a_sale(1_000, 6_000, arrivals="rush", lanes=((50, 0.1),)))).figures
    everybody, members = it.lanes
    assert (it.admitted, everybody.fans, members.fans) == (1_000, 900, 100)
    assert members.wait_s["p100"] <= 3
    assert everybody.wait_s["p100"] >= 6


async def test_a_lottery_takes_no_notice_of_who_came_first(redis: RedisClient) -> None:
    it = (await played(redis, a_sale(1_000, 6_000, method="lottery", arrivals="rush"))).figures
    assert it.admitted == 1_000
    assert abs(it.kendall_tau) < 0.08, "four times its standard deviation, 2 / (3 sqrt(n))"


@pytest.mark.timeout(300)  # five sales, sometimes next to a dozen busy processes of other tests
async def test_shown_waits_come_true(redis: RedisClient) -> None:
    """With changing rates, pauses and no-shows of 0 to 60%, the predicted p90 holds for 85 to 95%.

    A smaller copy of the grid, with one share of no-shows per disturbance; `load.simulate.grid` runs all.
    """
    done, ways, no_shows = [], cycle(grid.ARRIVALS), cycle((0.0, 0.6, 0.3, 0.15, 0.45))
    for trouble in grid.TROUBLES:
        it = grid.scenario(trouble, next(no_shows), next(ways), rate=100, lasts_s=600, sample=80)
        outcome = await played(redis, it)
        done.append(grid.PlayedSale(trouble, outcome.figures, outcome.sampled_fans))
    found = grid.summary(done)["all"]
    assert 0.85 <= (found["p90_held"] or 0) <= 0.95, found
    assert 0.25 <= (found["inside"] or 0), found
    assert found["rises"], "rates fell, and the room was paused"
    assert found["unexplained_rises"] == 0


async def test_it_says_how_far_it_is() -> None:
    shown: list[str] = []
    await simulate(a_sale(300, 600), shown.append, every_s=0.0)
    assert shown[0].startswith("0 s into the sale: ")
    assert shown[-1].endswith("into the sale: 300 of 300 have arrived, 300 were called")


# --- what comes out ---------------------------------------------------------------------------------------
async def test_the_picture_is_a_picture(redis: RedisClient) -> None:
    outcome = await played(redis, a_sale(200, 600, no_show=0.2, pauses=((4, 8),), arrivals="rush"))
    drawn = picture.draw(outcome)
    root = ElementTree.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert "prefers-color-scheme: dark" in drawn
    assert "paused" in drawn
    assert "nan" not in drawn.lower().replace("finance", "")


def test_the_command_prints_a_table_or_json_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "run.svg"
    few = ["simulate", "--fans", "120", "--rate", "600@0,1200@5", "--pause", "2-4", "--svg", str(target)]
    assert cli.run([*few, "--json"]) == cli.DONE
    found = json.loads(capsys.readouterr().out)
    assert (found["admitted"], found["still_waiting"], found["kendall_tau"]) == (120, 0, 1.0)
    assert target.read_text().startswith("<svg")
    assert cli.run(["simulate", "--fans", "20"]) == cli.DONE
    assert "Kendall tau" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong", [["--rate", "fast"], ["--pause", "9-3"], ["--rate", "0"], ["--svg", "/no/where.svg"]]
)
def test_the_command_says_what_is_wrong(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["simulate", *wrong]) == cli.FAILED
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
