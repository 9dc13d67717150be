"""How often each waiting visitor calls the origin: the page's own logic, simulated (`fans/origin.py`)."""

from __future__ import annotations

import asyncio

from load.fans import origin
from load.measure.figures import Figure, Row
from load.measure.trials import Run


async def visits(run: Run) -> Row:
    """Requests per minute to the origin for each waiting visitor, over a queue of 100,000, in virtual
    time."""
    figures = []
    for rate in origin.RATES_PER_MINUTE:
        found = await asyncio.to_thread(origin.measure, run.size.fans, rate)
        called = f"called at {rate:,} a minute"
        total = Figure.of(f"a minute, {called}", [found.per_minute], at_most=origin.TARGET_PER_MINUTE)
        falling = Figure.of(f"falls with distance, {called}", [float(found.falling)], at_least=1)
        figures += [total, falling]
        for band in found.bands:
            what = f"own place, {band.ahead_from:,} to {band.ahead_to:,} ahead, {called}"
            figures.append(Figure.of(what, [band.asks_per_minute]))
    return Row(name="origin", figures=figures, note=f"{run.size.fans:,} visitors, simulated")
