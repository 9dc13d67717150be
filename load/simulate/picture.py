"""The run as an SVG picture, light and dark: the queue over time, and shown waits against real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from load.simulate.shown_waits import SampledFan
from load.simulate.table import duration, in_words, share

if TYPE_CHECKING:
    from load.simulate.run import Outcome

WIDTH, HEIGHT = 960, 860
LEFT, RIGHT = 78, 24
ROUND_NUMBERS = [times * 10**power for power in range(8) for times in (1, 2, 5)]
ROUND_TIMES_S = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, *(3600 * it for it in ROUND_NUMBERS)]
DOTS_MAX = 400

STYLE = """
svg { --paper: #ffffff; --ink: #1a2230; --soft: #5b6676; --grid: #e4e8ee; --pause: #8a94a322;
  --line: #2456d6; --area: #2456d61f; --band: #12937a33; --edge: #12937a; --real: #c2410c; }
@media (prefers-color-scheme: dark) { svg {
  --paper: #10151d; --ink: #e8edf4; --soft: #9aa6b6; --grid: #232c39; --pause: #8a94a32e;
  --line: #7aa2ff; --area: #7aa2ff26; --band: #3fd0b033; --edge: #3fd0b0; --real: #ff9d5c; } }
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: var(--ink); }
.soft { fill: var(--soft); font-size: 12px; } .title { font-size: 15px; font-weight: 600; }
.head { font-size: 19px; font-weight: 650; } .value { font-size: 22px; font-weight: 650; }
.end { text-anchor: end; } .mid { text-anchor: middle; }
.paper { fill: var(--paper); } .grid { stroke: var(--grid); } .pause { fill: var(--pause); }
.line { fill: none; stroke: var(--line); stroke-width: 2; } .area { fill: var(--area); }
.inside { fill: none; stroke: var(--edge); stroke-width: 1.5; stroke-dasharray: 5 4; }
.band { fill: var(--band); } .edge { fill: none; stroke: var(--edge); stroke-width: 1.25; }
.real { fill: var(--real); }
"""


class Frame(NamedTuple):
    """A chart's position on the page, the limits of its axes, and the distance of their marks."""

    top: int
    height: int
    x_min: float
    x_max: float
    x_step: float
    y_max: float
    y_step: float

    def x(self, value: float) -> float:
        return LEFT + (value - self.x_min) / (self.x_max - self.x_min) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return self.top + self.height * (1 - min(1.0, value / self.y_max))


def draw(outcome: Outcome) -> str:
    """Return the picture as the text of a self-contained SVG file."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(in_words(outcome.figures.scenario))}"><style>{STYLE}</style>',
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>',
        _text(24, 38, "Simulated sale", "head"),
        _text(24, 60, in_words(outcome.figures.scenario), "soft"),
        *_tiles(outcome),
        *_line_chart(outcome),
        *_wait_chart(outcome.sampled_fans),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _tiles(outcome: Outcome) -> Iterable[str]:
    figures = outcome.figures
    tiles = [
        ("half waited at most", duration(figures.wait_s["p50"])),
        ("nine in ten at most", duration(figures.wait_s["p90"])),
        ("p90 held", share(figures.shown.p90_held)),
        ("no-shows", share(figures.no_show_share)),
        ("utilisation", share(figures.utilisation)),
        ("fairness (tau)", f"{figures.kendall_tau:.3f}"),
    ]
    for at, (name, value) in enumerate(tiles):
        x = 24 + at * (WIDTH - 48) / len(tiles)
        yield _text(x, 106, value, "value")
        yield _text(x, 126, name, "soft")


def _line_chart(outcome: Outcome) -> Iterable[str]:
    """How many waited over time, and how many were inside."""
    scenario, ends_s = outcome.figures.scenario, outcome.figures.lasted_s * 1.02
    course = [it for it in outcome.course if it.at_s <= ends_s]
    yield _text(24, 172, "The queue over time", "title")
    if len(course) < 2:
        yield _text(24, 200, "The sale was over at once.", "soft")
        return
    top = max(1.0, max(max(it.waiting, it.active) for it in course) * 1.08)
    since_s, until_s = course[0].at_s, course[-1].at_s
    step_s = _step(until_s - since_s, ROUND_TIMES_S)
    frame = Frame(210, 230, since_s, until_s, step_s, top, _step(top, ROUND_NUMBERS))
    for since, until in scenario.pauses:
        if since < frame.x_max:
            left, right = frame.x(since), frame.x(min(until, frame.x_max))
            box = f'x="{left:.1f}" y="{frame.top}" width="{right - left:.1f}" height="{frame.height}"'
            yield f'<rect class="pause" {box}/>'
            yield _text((left + right) / 2, frame.top + 14, "paused", "soft mid")
    yield from _axes(frame, lambda value: f"{value:,.0f}", duration)
    waiting = [(frame.x(it.at_s), frame.y(it.waiting)) for it in course]
    yield f'<path class="area" d="{_path(waiting)} L{waiting[-1][0]:.1f},440 L{waiting[0][0]:.1f},440 Z"/>'
    yield f'<path class="line" d="{_path(waiting)}"/>'
    yield f'<path class="inside" d="{_path([(frame.x(it.at_s), frame.y(it.active)) for it in course])}"/>'
    for at_s, rate in scenario.rates:
        if frame.x_min <= at_s < frame.x_max:
            x = frame.x(at_s)
            yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top - 6}" y2="440"/>'
            yield _text(x + 4, frame.top - 8, f"{rate:,} a minute", "soft")
    yield from _legend(172, [("line", "waiting"), ("inside", "inside")])


def _wait_chart(sampled_fans: Sequence[SampledFan]) -> Iterable[str]:
    """For each fan of the sample, in the order of arrival: the first wait they were shown, and the real
    one."""
    yield _text(24, 512, "The wait shown at joining, and the real wait", "title")
    fans = sorted(sampled_fans, key=lambda it: it.fan)
    fans = fans[:: max(1, len(fans) // DOTS_MAX)]
    if len(fans) < 2:
        yield _text(24, 540, "Nobody in the sample had to wait.", "soft")
        return
    left_s = [(it.called_ms - it.first.at_ms) / 1000 for it in fans]
    top = max(max(left_s), *(it.first.p90_s for it in fans))
    top = top * 1.05 + 1
    first, last = fans[0].fan, fans[-1].fan
    fan_step = _step(last - first, ROUND_NUMBERS)
    frame = Frame(540, 250, first, last, fan_step, top, _step(top, ROUND_TIMES_S))
    yield from _axes(frame, duration, lambda value: f"fan {value:,.0f}")
    upper = [(frame.x(it.fan), frame.y(it.first.p90_s)) for it in fans]
    lower = [(frame.x(it.fan), frame.y(it.first.p50_s)) for it in fans]
    yield f'<path class="band" d="{_path(upper + lower[::-1])} Z"/>'
    yield f'<path class="edge" d="{_path(upper)}"/><path class="edge" d="{_path(lower)}"/>'
    for it, real_s in zip(fans, left_s, strict=True):
        yield f'<circle class="real" r="1.8" cx="{frame.x(it.fan):.1f}" cy="{frame.y(real_s):.1f}"/>'
    yield from _legend(512, [("edge", "shown, p50 to p90"), ("real", "real")])


def _axes(frame: Frame, y_words: Callable[[float], str], x_words: Callable[[float], str]) -> Iterable[str]:
    bottom = frame.top + frame.height
    for mark in _marks(0, frame.y_max, frame.y_step):
        y = frame.y(mark)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(LEFT - 8, y + 4, y_words(mark), "soft end")
    for mark in _marks(frame.x_min, frame.x_max, frame.x_step):
        yield _text(frame.x(mark), bottom + 20, x_words(mark), "soft mid")


def _marks(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step)
    return [step * at for at in range(first, math.floor(high / step + 1e-9) + 1)]


def _step(reach: float, steps: Sequence[float]) -> float:
    """The smallest of the steps that divides this range into at most six parts."""
    return next((step for step in steps if reach / step <= 6), reach / 6)


def _legend(y: int, entries: Sequence[tuple[str, str]]) -> Iterable[str]:
    x = WIDTH - RIGHT
    for kind, words in reversed(entries):
        yield _text(x, y, words, "soft end")
        x -= 7 * len(words) + 8
        if kind == "real":
            yield f'<circle class="real" r="3" cx="{x - 6}" cy="{y - 4}"/>'
        else:
            yield f'<line class="{kind}" x1="{x - 22}" x2="{x}" y1="{y - 4}" y2="{y - 4}"/>'
        x -= 40


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind.strip()}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'
