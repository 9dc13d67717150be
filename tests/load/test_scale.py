"""The arithmetic of docs/explanation/scale.md, and that the page shows its results."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from app.core.errors import CannotRun
from load.scale import LARGE_SALES, SALES, Costs, Sale, needs, table, with_costs

PAGE = (Path(__file__).parents[2] / "docs/explanation/scale.md").read_text()


def test_the_page_shows_the_table_of_these_costs() -> None:
    assert table(SALES, Costs()) in PAGE
    assert table(LARGE_SALES, Costs()) in PAGE


def test_the_page_names_every_cost_and_its_value() -> None:
    figures: dict[str, float] = {}
    costs = PAGE.split("## What one of each costs")[1].split("\n## ")[0]
    for names, values in re.findall(r"^\| (`.*?`) \| ([\d., ]+) \|", costs, re.MULTILINE):
        numbers = [float(it) for it in values.split(", ")]
        figures |= dict(zip(re.findall(r"`(\w+)`", names), numbers, strict=True))
    assert {name: figures.get(name) for name in asdict(Costs())} == asdict(Costs())


def test_a_crowd_costs_what_its_requests_cost() -> None:
    it = needs(Sale(600_000, arrive_s=60, called_per_s=100, reserves_share=0.5), Costs(asks_per_minute=0.1))
    assert (it.joins_per_s, it.asks_per_s, it.reservations_per_s) == (10_000, 1_000, 50)
    assert it.web_cores == pytest.approx((10_000 * 755 + 11_000 * 120 + 100 * 290 + 50 * 145) / 1e6)
    assert it.valkey_cores == pytest.approx((11_000 * 28 + 100 * 54 + 50 * 55) / 1e6)
    assert it.rooms == 1
    assert it.polls_per_s == 200_000
    assert it.nginx_cores == pytest.approx(4 + 10_000 * 10 * 20 / 1e6)
    assert it.stream_processes == 60


def test_more_than_one_thread_can_do_needs_more_rooms() -> None:
    assert needs(Sale(10_000_000, 60, 0), Costs()).rooms == 9  # 4.7 cores for joins, 0.6 for polling


def test_a_room_in_parts_looks_up_those_in_front_alone_and_only_gathers() -> None:
    costs = Costs(asks_per_minute=0.12, far_asks_per_minute=0.06)
    it = needs(Sale(600_000, 60, 0, exact_within=100_000, in_parts=True), costs)
    assert it.asks_per_s == pytest.approx(200 + 500)
    assert it.valkey_cores == pytest.approx((10_000 * 10 + 200 * 28) / 1e6)
    assert it.part_cores == pytest.approx(0.46)


def test_costs_are_changed_by_name() -> None:
    assert with_costs(["join_web=60", "place_web=61.5"]) == Costs(join_web=60, place_web=61.5)
    with pytest.raises(CannotRun, match="there is no cost 'join'"):
        with_costs(["join=60"])
    with pytest.raises(CannotRun, match="join_web must be a number, not 'fast'"):
        with_costs(["join_web=fast"])
