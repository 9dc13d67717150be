"""Which processes are alive, by their heartbeats: one whose has not changed for three seconds is silent.

By the clock of whoever looks, not of whoever wrote: clocks of machines differ. A page of the console shows a
worker that died within `SILENT_S + 2 LOOK_S` and the way to the browser, which is under five seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from app.core.alert_facts import Workers

BEAT_S = 1.0  # how often a process writes its heartbeat
SILENT_S = 3.0  # two beats may be late or lost
LOOK_S = 0.5  # how often a process looks at those of others
FRESH_MS = 10_000  # what is this old when it is first seen may be the beat of a clock that is set otherwise
LATELY_S = 3_600.0
CHANGES_MAX = 1_000


class Pulse:
    """What one process has seen of the heartbeats of others."""

    def __init__(self) -> None:
        self._changed: dict[str, tuple[int, float]] = {}  # by name: the beat, and when it was first seen
        self._counts: deque[tuple[float, int]] = deque(maxlen=CHANGES_MAX)  # since when how many were alive

    def look(self, beats: Mapping[str, int], now_s: float, now_ms: int) -> Workers:
        """The workers as of now. `beats`: the last one of each, by its writer's clock (ms)."""
        for name, beat_ms in beats.items():
            known = self._changed.get(name)
            if known is None:
                old_ms = now_ms - beat_ms
                self._changed[name] = (beat_ms, now_s if old_ms < FRESH_MS else now_s - SILENT_S)
            elif known[0] != beat_ms:
                self._changed[name] = (beat_ms, now_s)
        self._changed = {name: it for name, it in self._changed.items() if name in beats}
        silent = sorted(name for name, (_, at_s) in self._changed.items() if now_s - at_s >= SILENT_S)
        alive = len(self._changed) - len(silent)
        return Workers(alive=alive, silent=tuple(silent), most_lately=self._most(alive, now_s))

    def _most(self, alive: int, now_s: float) -> int:
        if not self._counts or self._counts[-1][1] != alive:
            self._counts.append((now_s, alive))
        while len(self._counts) > 1 and self._counts[1][0] < now_s - LATELY_S:
            self._counts.popleft()
        return max(count for _, count in self._counts)
