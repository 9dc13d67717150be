"""Counts of requests at each room's gate, for its cockpit.

Each process counts in plain integers, and adds them to the sums in Postgres each second: so the sums cover
all processes, and outlive them. A killed process takes its last second with it, and a second whose reply was
lost may count twice: these figures are informational.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from app.core.gate.gating import rule_id
from app.core.model import BypassRule, Room, RoomId
from app.store.away import stores_answer
from app.store.connections import POSTGRES_AWAY, Postgres
from app.store.sql.gate import gate_counts

EVERY_S = 1.0
FINAL_FLUSH_S = 0.5  # a stopping process does not wait long for Postgres
# reasons other than rules for which requests pass
SETTINGS: tuple[str, ...] = ("gate_mode", "gate_fail", "crawler")
ROOMS_MAX = 10_000  # counted at once; further ones are dropped until Postgres has taken these


class GateFigures(NamedTuple):
    """The outcomes at one gate; each request is counted once."""

    passed: int  # with a valid pass or booking token
    no_crowd: int  # passes issued at once, because there was no crowd
    by_turn: int  # passes issued to visitors who had been called
    by_ticket: int  # passes issued for a hand-over ticket from the queue page
    renewed: int  # passes issued for older ones
    queued: dict[str, int]  # sent to the queue page, by what was wrong with their credential
    refused: dict[str, int]  # by code
    by_rule: list[int]  # passed by each current rule
    by_former_rules: int
    by_setting: dict[str, int]  # passed by `gate_mode`, by `gate_fail`, or as a verified `crawler`
    first_at: datetime | None
    last_at: datetime | None

    @property
    def requests(self) -> int:
        """The total number of requests."""
        groups = self.queued, self.refused, self.by_setting
        let_through = self.no_crowd + self.by_turn + self.by_ticket + self.renewed
        rules = sum(self.by_rule) + self.by_former_rules
        return self.passed + let_through + rules + sum(sum(it.values()) for it in groups)


class GateCounts:
    """Counts of one process; `run` must run to add them to the sums."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._new: dict[RoomId, dict[str, int]] = {}
        self._one_by_one = asyncio.Lock()

    def count(self, room_id: RoomId, outcome: str, detail: str = "") -> None:
        """Count a request at a room's gate with this outcome."""
        counts = self._new.get(room_id)
        if counts is None:
            if len(self._new) >= ROOMS_MAX:
                return
            counts = self._new[room_id] = {}
        name = f"{outcome} {detail}" if detail else outcome
        counts[name] = counts.get(name, 0) + 1

    async def flush(self) -> None:
        """Add the counts since the last time to the sums."""
        async with self._one_by_one:
            unsent, self._new = self._new, {}
            counted = False
            try:
                if unsent:
                    await gate_counts.add(self._postgres, unsent)
                counted = True
            finally:
                if not counted:
                    self._restore(unsent)

    async def run(self) -> None:
        """Update the sums every second, forever, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(EVERY_S)
                with suppress(*POSTGRES_AWAY):
                    await self.flush()
        finally:
            with suppress(*POSTGRES_AWAY):
                async with asyncio.timeout(FINAL_FLUSH_S):
                    await self.flush()

    async def figures(self, room: Room) -> GateFigures:
        """The figures of a room: of this process up to now, of others up to a second ago.

        Raises StoreUnavailable.
        """
        with stores_answer():
            await self.flush()
            counted = await gate_counts.select(self._postgres, room.room_id)
        return _figures(counted, room.settings.bypass)

    def _restore(self, unsent: Mapping[RoomId, Mapping[str, int]]) -> None:
        for room_id, counts in unsent.items():
            now = self._new.setdefault(room_id, {})
            for name, count in counts.items():
                now[name] = now.get(name, 0) + count


def _figures(counted: Sequence[gate_counts.OutcomeCount], bypass: Sequence[BypassRule]) -> GateFigures:
    counts = {it.outcome: it.requests for it in counted}

    def details(outcome: str) -> dict[str, int]:
        named = {name.partition(" ")[::2]: count for name, count in counts.items()}
        return {detail: count for (word, detail), count in named.items() if word == outcome and detail}

    bypassed = details("bypassed")
    by_rule = [bypassed.pop(rule_id(it), 0) for it in bypass]
    by_setting = {name: bypassed.pop(name) for name in SETTINGS if name in bypassed}
    return GateFigures(
        passed=counts.get("passed", 0),
        no_crowd=counts.get("entered", 0),
        by_turn=counts.get("claimed", 0),
        by_ticket=counts.get("handed_over", 0),
        renewed=counts.get("renewed", 0),
        queued=details("queued"),
        refused=details("refused"),
        by_rule=by_rule,
        by_former_rules=sum(bypassed.values()),
        by_setting=by_setting,
        first_at=min((it.first_at for it in counted), default=None),
        last_at=max((it.last_at for it in counted), default=None),
    )
