"""The outcome of a run as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from load.simulate.figures import Calibration, Figures
from load.simulate.scenario import Scenario

WIDTH = 100


def show(console: Console, figures: Figures, took_s: float) -> None:
    """Print the table: each figure and what it means."""
    table = Table("figure", "", "", title=in_words(figures.scenario), title_justify="left", width=WIDTH)
    table.columns[1].justify = "right"
    for row in rows(figures):
        table.add_row(*row)
    console.print(table)
    speed = f", {figures.lasted_s / took_s:,.0f} times as fast as the sale" if took_s else ""
    console.print(f"simulated in {took_s:,.1f} s{speed}")


def rows(figures: Figures) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each figure."""
    waits = " / ".join(duration(figures.wait_s[share]) for share in ("p50", "p90", "p99", "p100"))
    return [
        ("called", f"{figures.admitted:,}", f"of {figures.scenario.fans:,} fans" + _left(figures)),
        ("lasted", duration(figures.lasted_s), "from the opening to the last call"),
        ("wait", waits, "p50 / p90 / p99 / longest"),
        ("no-shows", share(figures.no_show_share), "called, but did not claim"),
        (
            "utilisation",
            share(figures.utilisation),
            "sessions, of what the rate allowed while anybody waited",
        ),
        ("inside", f"{figures.active_mean:,.0f}", "people at once, over time"),
        ("fairness", f"{figures.kendall_tau:.4f}", "Kendall tau of arrival and call; 1: nobody overtook"),
        *_lanes(figures),
        *_calibration_rows(figures.shown),
    ]


def _lanes(figures: Figures) -> list[tuple[str, str, str]]:
    lanes = enumerate(figures.scenario.lanes, 1)
    names = ["everybody else", *(f"lane {at}, {calls} %" for at, (calls, _) in lanes)]
    return [
        (name, f"{duration(x.wait_s['p50'])} / {duration(x.wait_s['p90'])}", f"p50 / p90 of {x.fans:,} fans")
        for name, x in zip(names, figures.lanes, strict=False)
    ]


def _left(figures: Figures) -> str:
    return f"; {figures.still_waiting:,} wait in vain" if figures.still_waiting else ""


def _calibration_rows(calibration: Calibration) -> list[tuple[str, str, str]]:
    if not calibration.fans:
        return [("shown wait", "-", "nobody in the sample had to wait")]
    return [
        (
            "p90 held",
            share(calibration.p90_held),
            f"of the waits shown to {calibration.fans:,} fans, at any moment of their wait",
        ),
        ("p90 held at joining", share(calibration.p90_held_at_joining), "of the first waits they were shown"),
        (
            "within p50 to p90",
            share(calibration.inside),
            f"of the waits; {share(calibration.below_p50)} were shorter than p50",
        ),
        ("width", share(calibration.range_width), "p90 - p50, as a share of the real wait; the median"),
        ("rises", f"{calibration.rises:,}", "looks that showed a longer wait than the look before"),
        ("without a reason", f"{calibration.unexplained_rises:,}", "of these, without a reason on the page"),
    ]


def in_words(scenario: Scenario) -> str:
    """The scenario in one line."""
    rates = ", ".join(f"{rate:,}" + (f" from {duration(at)}" if at else "") for at, rate in scenario.rates)
    pauses = ", ".join(f"{duration(since)} to {duration(until)}" for since, until in scenario.pauses)
    parts = [f"{scenario.fans:,} fans, {scenario.arrivals}, {scenario.method}", f"{rates} a minute"]
    parts += [f"paused {pauses}"] if pauses else []
    parts += [f"{share(scenario.no_show)} no-shows", f"seed {scenario.seed}"]
    parts += [f"at most {scenario.active_max:,} inside"] if scenario.active_max else []
    return "; ".join(parts)


def share(value: float | None) -> str:
    """0.934 -> 93.4%."""
    return "-" if value is None else f"{value:.1%}"


def duration(seconds: float) -> str:
    """45 -> 45 s, 125 -> 2:05, 3725 -> 1:02:05."""
    total_s = round(seconds)
    if total_s < 60:
        return f"{total_s} s"
    minutes, left = divmod(total_s, 60)
    return f"{minutes}:{left:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{left:02}"
