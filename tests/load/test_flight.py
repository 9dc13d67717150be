"""The autopilot on simulated shops: it never collapses one, and reaches a shop's capacity within a minute."""

from __future__ import annotations

import io
import json
from itertools import product

import pytest
from rich.console import Console

from app import cli
from app.core.autopilot_settings import Autopilot
from load.simulate import flight_table
from load.simulate.flight import LAST_S, SCENES, Change, Flight, Moment, PlayedFlight, changes, fly
from load.simulate.shop import Shop, bears
from load.simulate.table import WIDTH

CAPACITY = 1_200
A_SHOP = Shop()


def a_flight(scene: str, shop: Shop = A_SHOP, capacity: int = CAPACITY, **fields: int) -> Flight:
    shares = SCENES[scene]
    defaults = {"rate": capacity // 2, "lasts_s": shares[-1][0] + LAST_S}
    on = Autopilot(floor=capacity // 20, ceiling=5 * capacity)
    return Flight(on=on, shop=shop, capacity=capacity, shares=shares, **(defaults | fields))


def not_good(flight: Flight, moments: list[Moment]) -> list[Change]:
    return [it for it in changes(flight, moments) if not it.good]


@pytest.mark.parametrize("scene", SCENES)
def test_it_reaches_nine_tenths_of_what_a_shop_bears_within_a_minute_of_a_change(scene: str) -> None:
    """Many kinds of shops: latency grows early or late, load is felt soon or later, noise or none."""
    for sharpness, lag_s, noise, capacity in product((1, 4, 8), (2.0, 4.0), (0.0, 0.15), (200, 20_000)):
        shop = Shop(sharpness=sharpness, lag_s=lag_s, noise=noise)
        flight = a_flight(scene, shop, capacity)
        found = changes(flight, fly(flight))
        assert len(found) == len(SCENES[scene])
        assert [it for it in found if not it.good] == [], shop


def test_its_own_steps_up_collapse_no_shop() -> None:
    """From the floor up to a shop's capacity and beyond: no request is lost, p95 stays near its target."""
    for sharpness, lag_s, noise in product((1, 4, 8, 20), (2.0, 5.0), (0.0, 0.2)):
        shop = Shop(sharpness=sharpness, lag_s=lag_s, noise=noise)
        flight = a_flight("saturates", shop, rate=CAPACITY // 20, lasts_s=180)
        moments = fly(flight)
        assert max(it.error_rate for it in moments) == 0, shop
        assert max(it.p95_ms for it in moments) < 4 * flight.on.p95_ms, shop


def test_a_shop_that_loses_most_of_its_capacity_is_out_of_trouble_within_a_minute() -> None:
    for lag_s in (2.0, 5.0):
        moments = fly(a_flight("saturates", Shop(lag_s=lag_s)))
        assert max(it.error_rate for it in moments[180:240]) > 0.1, "otherwise this would test nothing"
        assert max(it.error_rate for it in moments[240:]) == 0


def test_a_shop_that_feels_its_visitors_late_is_not_collapsed_where_the_setting_says_so() -> None:
    for settle_s, worst in ((5, 1.0), (60, 0.02)):
        on = Autopilot(floor=60, ceiling=6_000, settle_s=settle_s)
        shop = Shop(lag_s=60.0)
        flight = Flight(on=on, shop=shop, capacity=CAPACITY, shares=((0, 1.0),), lasts_s=1_200, rate=60)
        assert max(it.error_rate for it in fly(flight)) <= worst


def test_without_an_autopilot_the_same_shop_does_collapse() -> None:
    fixed = Autopilot(floor=1_500, ceiling=1_500)
    flight = Flight(on=fixed, shop=Shop(), capacity=CAPACITY, shares=((0, 1.0),), lasts_s=120, rate=1_500)
    assert fly(flight)[-1].error_rate > 0.1
    assert not_good(flight, fly(flight))


def test_what_a_shop_bears_is_where_its_p95_is_at_the_target() -> None:
    shop = Shop(noise=0.0)
    on = Autopilot(floor=1, ceiling=10_000)
    most = round(bears(shop, CAPACITY, on.p95_ms))
    unchanged = Flight(
        on=Autopilot(floor=most, ceiling=most),
        shop=shop,
        capacity=CAPACITY,
        shares=((0, 1.0),),
        lasts_s=60,
        rate=most,
    )
    assert fly(unchanged)[-1].p95_ms == pytest.approx(on.p95_ms, rel=0.02)


def test_the_command_plays_all_scenes_on_the_real_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["simulate", "--origin", "--json"]) == cli.DONE
    found = json.loads(capsys.readouterr().out)
    assert [it["scene"] for it in found] == list(SCENES)
    assert all(change["good"] for it in found for change in it["changes"])


def test_its_table_has_the_course_and_a_verdict() -> None:
    flight = a_flight("saturates", rate=3_000, lasts_s=250)
    moments = fly(flight)
    played = PlayedFlight(scene="saturates", on=flight.on, moments=moments, changes=changes(flight, moments))
    written = io.StringIO()
    console = Console(file=written, width=WIDTH)
    flight_table.show(console, played)
    flight_table.show_verdict(console, [played])
    printed = written.getvalue()
    assert "60 to 6,000 a minute, target p95 800 ms and 1% errors" in printed
    assert "good" in printed
