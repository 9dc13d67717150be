"""Remembers which ids were recently missing from Postgres, so that made-up ones do not cost a query each.

The memory is per process: what another process creates is found once the entry here has expired.
"""

from __future__ import annotations

import time

ABSENT_S = 1.0
ABSENT_MAX = 10_000


class AbsentIds:
    """Rooms and events known not to exist; one per pair of stores."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}  # the oldest first: all are kept equally long
        self._created = 0

    def has(self, kind: str, id_: str) -> bool:
        """Whether it was missing a moment ago."""
        if not self._until:
            return False
        until = self._until.get((kind, id_))
        return until is not None and time.monotonic() < until

    def begin(self) -> int:
        """Start a look-up; pass the result to `note`."""
        return self._created

    def note(self, kind: str, id_: str, begun: int) -> None:
        """Remember that it is missing, unless it was created during the look-up."""
        if begun != self._created:
            return
        self._until.pop((kind, id_), None)
        while len(self._until) >= ABSENT_MAX:
            del self._until[next(iter(self._until))]
        self._until[kind, id_] = time.monotonic() + ABSENT_S

    def forget(self, kind: str, id_: str) -> None:
        """Drop the entry of something just created. Call this after the commit."""
        self._created += 1
        self._until.pop((kind, id_), None)
