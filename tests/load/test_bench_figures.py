"""The benchmark's arithmetic, its report, the comparison of two reports, and a small complete run."""

from __future__ import annotations

import dataclasses
import json
import shutil
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from app.core.errors import CannotRun
from load import bench, compare
from load.judging.verdict import AdmissionSample, Verdict
from load.measure import report
from load.measure.conditions import Conditions
from load.measure.figures import Figure, Reference, Row, Trial, capacity_per_s, missing, percentile, row_of
from load.measure.sizes import QUICK, WHOLE
from load.measure.trials import RoomWatch, Run
from load.measure.wrk import WrkOptions
from load.rows.accuracy import share_percent
from load.rows.catalogue import ROWS
from load.servers import proxy

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")

CONDITIONS = Conditions(
    at=datetime(2026, 11, 21, tzinfo=UTC),
    cpu="a processor",
    cores=2,
    memory_gib=24,
    load_average=0.3,
    python="3.11.2",
    redis="valkey 9.1.0",
    postgres="18.0",
    fsync="on",
    server="granian",
    connections=64,
    threads=1,
    size=WHOLE,
)


def a_trial(per_s: float, *, p99_ms: float = 9.0, refused: int = 0) -> Trial:
    good = round(per_s * 2)
    return Trial(
        per_s=per_s,
        p50_ms=2.5,
        p99_ms=p99_ms,
        good=good,
        answered={201: good, 503: refused},
        broken=0,
        seconds=2.0,
        cpu_s={"web": good * 100e-6, "valkey": good * 20e-6, "wrk": good * 10e-6},
        batch=40.0,
    )


def a_row(name: str = "joins", *rates: float) -> Row:
    trials = [a_trial(per_s) for per_s in rates or (19_000.0, 20_000.0, 26_000.0)]
    beside = Reference.of("join.lua", 40, [it.per_s for it in trials], [80_000.0] * len(trials))
    return row_of(name, trials, at_least=25_000, p99_ms=20, refused_percent=0.1, reference=beside)


def a_run(**verdicts: Verdict) -> Run:
    console = Console(width=report.WIDTH, record=True, file=StringIO())
    run = Run("granian", WrkOptions(), WHOLE, console, CONDITIONS)
    run.verdicts.update(verdicts)
    return run


def written(path: Path, *rows: Row) -> Path:
    report.write(path, a_run(), rows)
    return path


# arithmetic -----------------------------------------------------------------------------------------------
def test_a_figure_is_the_median_of_its_trials_and_is_held_against_its_target() -> None:
    assert Figure.of("a second", [3.0, 1.0, 2.0]).median == 2.0
    assert Figure.of("a second", [1.0]).met is None
    assert Figure.of("a second", [9.0, 10.0, 11.0], at_least=10).met is True
    assert Figure.of("a second", [8.0, 9.0, 99.0], at_least=10).met is False
    assert Figure.of("p99 ms", [19.0, 20.0, 90.0], at_most=20).met is True
    assert Figure.of("p99 ms", [20.1], at_most=20).met is False


def test_a_row_counts_good_answers_refusals_and_the_cost_of_each() -> None:
    row = row_of("joins", [a_trial(1000, refused=r) for r in (0, 2, 20)], refused_percent=0.1)
    figures = {it.what: it for it in row.figures}
    assert figures["a second"].median == 1000
    assert figures["not 201, %"].median == pytest.approx(100 * 2 / 2002)
    assert figures["not 201, %"].met is True
    assert row.answered == {201: 6000, 503: 22}
    assert row.cpu["web"] == pytest.approx(10)  # 2,000 x 100 us in 2 s
    assert row.cpu_us["valkey"] == pytest.approx(20, rel=0.01)


def test_a_reference_is_compared_trial_by_trial() -> None:
    """A slow minute slows both; the ratio within each pair stays the same."""
    it = Reference.of("INSERT", 30, [100.0, 50.0, 90.0], [200.0, 100.0, 300.0])
    assert it.share == 0.5
    assert it.per_s == 200.0


def test_what_the_cpu_is_enough_for_leaves_the_generator_out() -> None:
    costs = {"web": 100.0, "worker": 50.0, "valkey": 30.0, "postgres": 20.0, "wrk": 40.0}
    assert capacity_per_s(costs, {"web": 1}, cores=2) == pytest.approx(10_000)  # all busy, also web
    assert capacity_per_s(costs, {"web": 1}, cores=8) == pytest.approx(10_000)  # web is saturated
    assert capacity_per_s(costs, {"web": 2}, cores=2) == pytest.approx(10_000)  # the cores are saturated
    assert capacity_per_s(costs, {"web": 4, "worker": 4}, cores=64) == pytest.approx(33_333, rel=1e-4)
    assert capacity_per_s({"wrk": 40.0}, {}, cores=2) == 0.0


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile(values, 100) == 100
    assert percentile([7.0], 99) == 7
    assert percentile([], 99) == 0


def test_admissions_are_held_against_the_rate_from_the_burst_on() -> None:
    watched = RoomWatch(rate_per_minute=600)
    watched.moments += [
        AdmissionSample(0, 0, 0, 0.0),
        AdmissionSample(1_000, 10, 0, 10.0),
        AdmissionSample(61_000, 604, 0, 610.0),
    ]
    assert share_percent(watched) == 99.0
    assert watched.verdict().good
    watched.moments.append(AdmissionSample(61_100, 604 + 12, 0, 611.0))
    assert not watched.verdict().good


def test_only_whole_people_are_due() -> None:
    watched = RoomWatch(rate_per_minute=10)
    watched.moments += [AdmissionSample(0, 1, 0, 0.0), AdmissionSample(59_900, 10, 0, 9.98)]
    assert share_percent(watched) == 100.0
    assert share_percent(RoomWatch(10)) == 0.0  # nobody was called at all


# report ---------------------------------------------------------------------------------------------------
def test_the_report_names_figure_target_cost_ratio_and_verdict() -> None:
    run = a_run(joins=Verdict(oversold=["floor: rows hold 11 of 10"]))
    report.show(run.console, run, [a_row(), missing("nginx", "nginx missing; apt-get install nginx-light")])
    output = run.console.export_text()
    words = ("20,000", "≥ 25,000", "19,000 - 26,000", "web 100", "25% of join.lua", "floor: rows hold 11")
    for word in (*words, "not measured: nginx missing; apt-get install nginx-light", "NOT GOOD"):
        assert word in output
    assert not run.good


def test_what_is_not_a_whole_run_says_so() -> None:
    run = a_run()
    run.size = QUICK
    report.show(run.console, run, [a_row()])
    assert "not how fast it is" in run.console.export_text()


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    row = a_row()
    read = compare.read(written(tmp_path / "a.json", row))
    assert read.rows == [row]
    assert read.conditions == CONDITIONS
    assert json.loads((tmp_path / "a.json").read_text())["rows"][0]["figures"][0]["median"] == 20_000


# comparison -----------------------------------------------------------------------------------------------
def test_a_difference_counts_outside_the_spread_of_the_trials_only(tmp_path: Path) -> None:
    before = compare.read(written(tmp_path / "a.json", a_row("joins", 90, 100, 110), a_row("place", 5)))
    after = compare.read(
        written(tmp_path / "b.json", a_row("joins", 111, 120, 130), a_row("place", 9), a_row("status", 1))
    )
    found = {(it.row, it.what): it for it in compare.pairs(before, after)}
    rate = found["joins", "a second"]
    assert (rate.ratio, rate.judgement) == (1.2, "higher")
    assert found["joins", "p99 ms"].judgement == "no difference"
    assert found["place", "a second"].judgement == "one trial"
    assert found["status", "a second"].judgement == "only in B"
    assert {it.judgement for it in compare.pairs(after, before) if it.row == "joins"} == {
        "lower",
        "no difference",
    }


def test_the_comparison_says_what_else_differed(tmp_path: Path) -> None:
    quick = dataclasses.replace(WHOLE, seconds=1)
    other = Conditions(**{**{n: getattr(CONDITIONS, n) for n in CONDITIONS.__struct_fields__}, "size": quick})
    assert compare.unlike(CONDITIONS, other) == ["size"]
    console = Console(width=report.WIDTH, record=True, file=StringIO())
    before = compare.read(written(tmp_path / "a.json", a_row()))
    compare.show(console, before, report.Report(other, [a_row()], {}))
    assert "different conditions (size)" in console.export_text()


def test_a_file_that_is_no_report_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    for name in ("a.json", "absent.json"):
        with pytest.raises(CannotRun, match=f"{name} is not a report"):
            compare.read(tmp_path / name)


# rows -----------------------------------------------------------------------------------------------------
def test_rows_are_chosen_by_name() -> None:
    assert bench.choose_rows("") == list(ROWS)
    assert bench.choose_rows(" status,joins") == ["joins", "status"]
    with pytest.raises(CannotRun, match="there is no row jions; there are: ratios, reservations"):
        bench.choose_rows("jions")


@needs_wrk
async def test_a_row_that_breaks_off_is_told_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(run: Run) -> Row:
        """A failing row."""
        raise TimeoutError("too slow")

    async def works(run: Run) -> Row:
        """A working row."""
        return a_row("works")

    monkeypatch.setattr(bench, "ROWS", {"breaks": breaks, "works": works})
    run = a_run()
    found = await bench.bench(run, ["breaks", "works"], tmp_path / "a.json")
    assert [row.name for row in found] == ["breaks", "works"]
    assert "not measured: it broke off: TimeoutError('too slow')" in found[0].note
    assert not run.good
    assert compare.read(tmp_path / "a.json").rows == found


def test_nginx_runs_with_the_deployed_configuration(tmp_path: Path) -> None:
    deployed = proxy.DEPLOYED.read_text()
    text = proxy.settings_for(deployed, port=1234, upstream="127.0.0.1:99", cache=tmp_path)
    assert "listen 127.0.0.1:1234;" in text
    assert "server 127.0.0.1:99;" in text
    changed = [a for a, b in zip(deployed.splitlines(), text.splitlines(), strict=True) if a != b]
    assert len(changed) == 3
    with pytest.raises(CannotRun, match="adapt load"):
        proxy.settings_for(text, port=1, upstream="", cache=tmp_path)


def test_without_nginx_the_row_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "PLACES", ("/nowhere",))
    with pytest.raises(CannotRun, match="nginx missing; install it with: apt-get install nginx"):
        proxy.program()


@needs_wrk
@pytest.mark.timeout(240)
async def test_the_benchmark_runs_from_nothing_to_its_verdict() -> None:
    """Two rows with a small crowd: one that settles in both stores, one of the waiting room."""
    small = dataclasses.replace(
        QUICK, trials=1, last_tickets=10, waiting=3_000, places=200, ticks=2, seconds=1
    )
    run = Run("granian", WrkOptions(connections=8, threads=1, seconds=1), small, Console(quiet=True))
    last, million = await bench.bench(run, ["last", "million"])
    assert {name: str(it) for name, it in run.verdicts.items() if not it.good} == {}
    assert last.answered[201] + last.answered[409] == 10 * 3 * 10
    assert set(last.answered) == {201, 409}
    assert set(last.cpu_us) == {"web", "worker", "valkey", "postgres", "wrk"}
    figures = {it.what: it.median for it in million.figures}
    assert 20 < figures["Valkey, MB for a million"] < 400
    assert figures["tick of 1,000, ms"] > 0
    assert run.under is not None
    assert run.under.fsync == "on"
