"""The simulated room: the real scripts on a real Valkey, with the time as an argument. Nothing of the engine
is imitated."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from app.core.lanes import Lane
from app.core.model import Place, Room, RoomId, RoomSettings, RoomStatus, VisitorId
from app.core.waiting_room.rules import draw_of
from app.runtime import embedded_stores
from app.store.connections import RedisClient, connect_redis
from app.store.keys import ENDED_CHANNEL, RoomKeys
from app.store.redis.conf import conf_fields, restored_fields
from app.store.scripts import admission, loader, restoring
from app.store.scripts import room as room_scripts
from app.store.scripts.admission import Tick
from app.store.scripts.restoring import RestorePoint
from app.store.scripts.room import NO_TOKEN, Answers, AskRecord, JoinRecord
from app.store.sql.waiting_room.rooms import RoomRow, Terms
from load.simulate.scenario import Scenario, Step

OPENING_MS = 2_000_000_000_000  # far from any real clock
ROOM = RoomId("simulated")
BATCH = 1_000  # records per script call
CALLS_MAX = 2_000  # per tick, as in the worker
DRAW_BATCH = 5_000
NOT_THROTTLED = {"rate": 0, "burst": 1}
COMMAND_TIMEOUT_S = 60.0

# Returns who was called with this deadline, and their numbers, in one round trip.
CALLED_AT = """
local visitors, numbers = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1]), {}
for first = 1, #visitors, 1000 do
  local some = redis.call('HMGET', KEYS[2], unpack(visitors, first, math.min(first + 999, #visitors)))
  for i = 1, #some do numbers[#numbers + 1] = some[i] end
end
return {visitors, numbers}
"""


@asynccontextmanager
async def own_valkey() -> AsyncIterator[RedisClient]:
    """Start a Valkey for one run, which writes nothing to disk."""
    embedded_stores.require()
    folder = Path(tempfile.mkdtemp(prefix="fairgate-simulate-"))
    store = embedded_stores.start_valkey(folder)
    try:
        await embedded_stores.ready(store)
        async with aclosing(await connect_redis(store.url, timeout_s=COMMAND_TIMEOUT_S)) as redis:
            await redis.config_set("appendonly", "no")
            yield redis
    finally:
        embedded_stores.stop(store)
        shutil.rmtree(folder, ignore_errors=True)


class SimulatedRoom:
    """One room at a settable time."""

    def __init__(self, redis: RedisClient, scenario: Scenario) -> None:
        self.redis: Any = redis
        self.keys = RoomKeys(ROOM)
        self.now_ms = OPENING_MS
        self.rate_per_minute = scenario.rates[0][1]
        self._scenario = scenario
        self._version = 1
        self._seed = bytes(32)

    async def prepare(self, at_ms: int) -> None:
        """Create the room before its opening, `at_ms` after it (negative): a lottery's pre-queue is
        running."""
        self.now_ms = OPENING_MS + at_ms
        row = self._row("scheduled")
        point = RestorePoint(1, 0, self._scenario.fans + 1, 0, 0, 0, 0, 0)
        await restoring.restore(self.redis, self.keys, restored_fields(row, 0), point, now_ms=self.now_ms)
        await restoring.finish_restore(self.redis, self.keys, epoch=1, window_ms=0, now_ms=self.now_ms)
        if self._scenario.method == "lottery":
            await self._configure("prequeue")

    async def take(self, step: Step) -> None:
        """Do what staff do in this step."""
        self.rate_per_minute = step.rate_per_minute
        await self._configure(step.state)
        numbers = await admission.numbers(self.redis, self.keys)
        upto = (
            max(self._scenario.fans, numbers.draw_last) + 1
        )  # the numbers that Postgres would have reserved
        await admission.raise_numbers(
            self.redis, self.keys, epoch=1, draw_last=numbers.draw_last, numbers=upto
        )

    async def join(self, visitors: Sequence[str]) -> AsyncIterator[Answers]:
        """Let everybody join, in this order."""
        lottery = self._scenario.method == "lottery"
        for first in range(0, len(visitors), BATCH):
            records = [
                JoinRecord(it, "", draw_of(self._seed, it) if lottery else 0, NO_TOKEN, 0)
                for it in visitors[first : first + BATCH]
            ]
            yield await room_scripts.join(self.redis, self.keys, records, **NOT_THROTTLED, now_ms=self.now_ms)

    async def tick(self) -> AsyncIterator[Tick]:
        """Run the controller's tick, repeatedly while there is more to do, and the draw of a lottery with
        it."""
        more = True
        while more:
            tick = await admission.admit(self.redis, self.keys, limit=CALLS_MAX, now_ms=self.now_ms)
            more = tick.more or (tick.undrawn and await self._draw())
            yield tick

    async def called_now(self) -> list[str]:
        """Return who was called at this very moment, in the order of their numbers."""
        deadline_ms = self.now_ms + self._scenario.claim_window_s * 1000
        keys = self.keys.called, self.keys.turns
        visitors, numbers = await self.redis.eval(CALLED_AT, 2, *keys, deadline_ms)
        return [visitor for _, visitor in sorted(zip(map(int, numbers), visitors, strict=True))]

    async def claim(self, visitors: Sequence[str]) -> int:
        """Let these claim; return how many of them got a session."""
        begun = 0
        for first in range(0, len(visitors), BATCH):
            answers = await room_scripts.claim(
                self.redis,
                self.keys,
                _ask_records(visitors[first : first + BATCH]),
                **NOT_THROTTLED,
                now_ms=self.now_ms,
            )
            begun += sum(isinstance(it, Place) and it.state == "active" for it in answers.places)
        return begun

    async def places(self, visitors: Sequence[str]) -> Answers:
        """Return the places of these visitors."""
        return await room_scripts.place(
            self.redis, self.keys, _ask_records(visitors), **NOT_THROTTLED, now_ms=self.now_ms
        )

    async def leave(self, visitors: Sequence[str]) -> None:
        """End the sessions of these visitors; one script each, many per round trip."""
        script = loader.script("leave")
        keys = [getattr(self.keys, key) for key in script.keys]
        channel = ENDED_CHANNEL + self.keys.room_id
        for first in range(0, len(visitors), BATCH):
            pipeline = self.redis.pipeline(transaction=False)
            pipeline.script_load(script.text)
            for visitor in visitors[first : first + BATCH]:
                values = {
                    "now_ms": self.now_ms,
                    "visitor_id": visitor,
                    "known_number": room_scripts.NO_TOKEN,
                    "known_epoch": 0,
                    "ended_channel": channel,
                }
                pipeline.evalsha(script.sha, len(keys), *keys, *(values[it] for it in script.scalars))
            await pipeline.execute()

    async def status(self) -> RoomStatus:
        """Return the room's current numbers."""
        return await room_scripts.status(self.redis, self.keys, now_ms=self.now_ms)

    async def _draw(self) -> bool:
        found = await admission.undrawn(self.redis, self.keys, limit=DRAW_BATCH, now_ms=self.now_ms)
        records: dict[VisitorId, int] = dict(zip(found.visitor_ids, count(found.draw_next), strict=False))
        draw_next = found.draw_next + len(records)
        return bool(records) and await admission.draw(
            self.redis, self.keys, records, expected=found.draw_next, draw_next=draw_next, now_ms=self.now_ms
        )

    async def _configure(self, to: str) -> None:
        self._version += 1
        await admission.configure(
            self.redis,
            self.keys,
            conf_fields(self._row("open")),
            version=self._version,
            to=to,
            now_ms=self.now_ms,
        )

    def _row(self, state: Any) -> RoomRow:
        # With one tick per second, a bucket of one second would lose the fraction of a person at each tick.
        burst = self.rate_per_minute // 60 + 2 if self._scenario.tick_ms >= 1_000 else None
        settings = RoomSettings(
            name="Simulated",
            burst=burst,
            admission_rate_per_minute=self.rate_per_minute,
            active_visitors_max=self._scenario.active_max,
            claim_window_s=self._scenario.claim_window_s,
            queueing_method=self._scenario.method,
            lanes=[Lane(name=f"Lane {at}", share=it) for at, (it, _) in enumerate(self._scenario.lanes, 1)],
        )
        room = Room(
            room_id=ROOM,
            event_id=None,
            settings=settings,
            state=state,
            version=1,
            epoch=1,
            seed=self._seed,
            serving_position=0,
            numbers_reserved=0,
            opened_at_ms=0,
            closed_at_ms=0,
        )
        return RoomRow(room, Terms())


def _ask_records(visitors: Iterable[str]) -> list[AskRecord]:
    return [AskRecord(visitor, 0, NO_TOKEN, 0) for visitor in visitors]
