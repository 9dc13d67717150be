"""The outcome of a run as a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from load.simulate.figures import Calibration, Figures
from load.simulate.scenario import Scenario

WIDTH = 100


def show(console: Console, it: Figures, took_s: float) -> None:
    """Print the table: each figure and what it means."""
    table = Table("figure", "", "", title=in_words(it.scenario), title_justify="left", width=WIDTH)
    table.columns[1].justify = "right"
    for row in rows(it):
        table.add_row(*row)
    console.print(table)
    speed = f", {it.lasted_s / took_s:,.0f} times as fast as the sale" if took_s else ""
    console.print(f"simulated in {took_s:,.1f} s{speed}")


def rows(it: Figures) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each figure."""
    waits = " / ".join(duration(it.wait_s[share]) for share in ("p50", "p90", "p99", "p100"))
    return [
        ("called", f"{it.admitted:,}", f"of {it.scenario.fans:,} fans" + _left(it)),
        ("lasted", duration(it.lasted_s), "from the opening to the last call"),
        ("wait", waits, "p50 / p90 / p99 / longest"),
        ("no-shows", share(it.no_show_share), "called, but did not claim"),
        ("utilisation", share(it.utilisation), "sessions, of what the rate allowed while anybody waited"),
        ("inside", f"{it.active_mean:,.0f}", "people at once, over time"),
        ("fairness", f"{it.kendall_tau:.4f}", "Kendall tau of arrival and call; 1: nobody overtook"),
        *_lanes(it),
        *_shown(it.shown),
    ]


def _lanes(it: Figures) -> list[tuple[str, str, str]]:
    lanes = enumerate(it.scenario.lanes, 1)
    names = ["everybody else", *(f"lane {at}, {calls} %" for at, (calls, _) in lanes)]
    return [
        (name, f"{duration(x.wait_s['p50'])} / {duration(x.wait_s['p90'])}", f"p50 / p90 of {x.fans:,} fans")
        for name, x in zip(names, it.lanes, strict=False)
    ]


def _left(it: Figures) -> str:
    return f"; {it.still_waiting:,} wait in vain" if it.still_waiting else ""


def _shown(it: Calibration) -> list[tuple[str, str, str]]:
    if not it.fans:
        return [("shown wait", "-", "nobody in the sample had to wait")]
    return [
        (
            "p90 held",
            share(it.p90_held),
            f"of the waits shown to {it.fans:,} fans, at any moment of their wait",
        ),
        ("p90 held at joining", share(it.p90_held_at_joining), "of the first waits they were shown"),
        ("within p50 to p90", share(it.inside), f"of the waits; {share(it.below_p50)} were shorter than p50"),
        ("width", share(it.range_width), "p90 - p50, as a share of the real wait; the median"),
        ("rises", f"{it.rises:,}", "looks that showed a longer wait than the look before"),
        ("without a reason", f"{it.unexplained_rises:,}", "of these, without a reason on the page"),
    ]


def in_words(it: Scenario) -> str:
    """The scenario in one line."""
    rates = ", ".join(f"{rate:,}" + (f" from {duration(at)}" if at else "") for at, rate in it.rates)
    pauses = ", ".join(f"{duration(since)} to {duration(until)}" for since, until in it.pauses)
    parts = [f"{it.fans:,} fans, {it.arrivals}, {it.method}", f"{rates} a minute"]
    parts += [f"paused {pauses}"] if pauses else []
    parts += [f"{share(it.no_show)} no-shows", f"seed {it.seed}"]
    parts += [f"at most {it.active_max:,} inside"] if it.active_max else []
    return "; ".join(parts)


def share(value: float | None) -> str:
    """0.934 -> 93.4%."""
    return "-" if value is None else f"{value:.1%}"


def duration(seconds: float) -> str:
    """45 -> 45 s, 125 -> 2:05, 3725 -> 1:02:05."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    return f"{minutes}:{left:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{left:02}"
