"""Which processes are alive: one whose heartbeat has not changed for three seconds is silent.

Measured by the observer's clock, not the writer's, because clocks of machines differ. The console shows a
dead worker after at most `SILENT_S + 2 LOOK_S` plus the way to the browser, which is under five seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from app.core.monitoring.alert_facts import Workers

BEAT_S = 1.0  # how often a process writes its heartbeat
SILENT_S = 3.0  # two beats may be late or lost
LOOK_S = 0.5  # how often a process reads the heartbeats of others
# a heartbeat this old at first sight may come from a clock that is off, rather than a dead process
FRESH_MS = 10_000
LATELY_S = 3_600.0
CHANGES_MAX = 1_000


class Pulse:
    """What one process has observed of other processes' heartbeats."""

    def __init__(self) -> None:
        self._changed: dict[str, tuple[int, float]] = {}  # by name: the heartbeat, and when it was first seen
        # (time, number alive) of each change
        self._counts: deque[tuple[float, int]] = deque(maxlen=CHANGES_MAX)

    def observe(self, beats: Mapping[str, int], now_s: float, now_ms: int) -> Workers:
        """Update and return the state of the workers. `beats`: each one's latest, by its writer's clock
        (ms)."""
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
