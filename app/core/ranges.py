"""The range shown for a calculated wait: points with p50 and p90, interpolated linearly."""

from __future__ import annotations

import math

Point = tuple[float, float, float]  # a calculated wait, its p50 and its p90, in seconds
Ranges = tuple[Point, ...]
END_S = 1e9  # about 30 years; a wait may be longer where a long queue stands still
KNOTS_S = (5.0, 15.0, 60.0, 240.0, 960.0, 3840.0)
# Used before anything is learned (`wait_ranges.py`); reasons: docs/explanation/wait-estimate.md.
NOT_LEARNED: Ranges = (
    (5.0, 5.0, 8.0),
    (15.0, 15.0, 18.0),
    (60.0, 60.0, 69.0),
    (240.0, 240.0, 410.0),
    (960.0, 960.0, 1_440.0),
    (3_840.0, 3_840.0, 5_760.0),
    (1e9, 1e9, 1.5e9),
)


def range_of(seconds: float, ranges: Ranges) -> tuple[int, int]:
    """The p50 and p90 of a calculated wait, in whole seconds."""
    even, most = between(seconds, ranges)
    return max(1, math.floor(even + 0.5)), max(1, math.floor(most + 0.5))


def between(seconds: float, ranges: Ranges) -> tuple[float, float]:
    """Interpolate p50 and p90 between the points; beyond the last one they grow in proportion."""
    before = (0.0, 0.0, 0.0)
    for point in ranges:
        if point[0] >= seconds:
            break
        before = point
    else:
        before = ranges[-2]
    share = (seconds - before[0]) / (point[0] - before[0])
    return before[1] + (point[1] - before[1]) * share, before[2] + (point[2] - before[2]) * share


def with_end(points: list[tuple[float, float, float]]) -> Ranges:
    """Append a point far out, in line with the last one: longer waits scale in proportion."""
    at_s, even, most = points[-1]
    times = END_S / at_s
    return (*points, (END_S, even * times, most * times))


def ranges_text(ranges: Ranges) -> str:
    """The points in the form that stores keep."""
    return ",".join(f"{p50:.6g}:{p90:.6g}" for _, p50, p90 in ranges[:-1])


def read_ranges(text: str) -> Ranges:
    """Parse stored points; "" dates from before anything was learned."""
    if not text:
        return NOT_LEARNED
    pairs = (it.split(":") for it in text.split(","))
    return with_end([(at_s, float(p50), float(p90)) for at_s, (p50, p90) in zip(KNOTS_S, pairs, strict=True)])
