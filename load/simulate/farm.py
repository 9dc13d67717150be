"""A farm of addresses against fans, with each strength of a room's rules for newcomers, in simulated time.

The product decides: `weigh.lua` who is a suspect and what a proof of work costs, `join.lua` who gets a place
and who is throttled, `admit.lua` who is called. Only people, programs and the time that their machines take
to compute are made up.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import msgspec

from app.core.base64url import to_base64url
from app.core.identity import Shown
from app.core.model import RoomSettings, VisitorId
from app.core.waiting_room import newcomers
from app.core.waiting_room.rules import draw_of
from app.settings import Settings
from app.store.connections import RedisClient
from app.store.scripts import room as room_scripts
from app.store.scripts.newcomers import NewcomerVerdict, WeighRecord, weigh
from app.store.scripts.room import NO_TOKEN, JoinRecord, RefusedRecord
from app.store.sql.waiting_room.rooms import RoomRow
from load.simulate.crowd import PREQUEUE_S, RUSH_MEAN_S
from load.simulate.room import BATCH, NOT_THROTTLED, OPENING_MS, SimulatedRoom, own_valkey
from load.simulate.scenario import Scenario, Step
from load.simulate.strengths import STRENGTHS, Strength

SHARED, SHARED_BY = 0.3, 100  # this share of fans have addresses shared by this many
TRIES_PER_S = 20  # per address of the farm
STEPS_OF_PREQUEUE = 60
PHONE_HASHES_PER_S = 100_000  # of the slowest phones; every fan has one here
FARM_HASHES_PER_S = 160_000_000  # of 16 dedicated cores
ROUND_TRIP_S = 0.3  # for the challenge and the join with its solution
STEPS_MAX = 36_000


class Farm(msgspec.Struct, frozen=True, kw_only=True):
    """The sale: who comes, and for how many places."""

    fans: int
    addresses: int = 1_000
    tries: int = 100  # per address
    places: int = 2_000  # this many are called
    method: Literal["fifo", "lottery"] = "fifo"
    rate: int = 600
    stolen: int = 100  # members' logins that the farm has stolen
    bought: int = 2_000  # mailboxes at others' domains, if it has no domain of its own
    hoarded: int = 500  # accounts that it created or bought before the sale was announced
    seed: int = 1


class FarmOutcome(msgspec.Struct, frozen=True):
    """The outcome; delays are those of fans with the slowest phones."""

    strength: str
    bots: int  # with a place
    fans: int
    won_by_bots: int
    won_by_fans: int
    fans_suspected: int
    fans_out: int  # without a place
    delay_p50_s: float
    delay_most_s: float
    farm_core_s: float  # the farm's computation, in seconds of one core


@dataclass(slots=True)
class Visitor:
    """A fan, or a visitor of the farm."""

    visitor_id: VisitorId
    address: str
    bot: bool
    cost: int = 0  # of the proof of work they computed
    solution: str = ""
    delay_s: float = 0.0
    shows: bool = True  # whether they can show who they are, if newcomers have to


class FarmRoom(SimulatedRoom):
    """The simulated room with the rules of a strength."""

    def __init__(self, redis: RedisClient, scenario: Scenario, more: dict[str, Any]) -> None:
        super().__init__(redis, scenario)
        self._more = more

    @property
    def settings(self) -> RoomSettings:
        """The room's settings."""
        return self._row("open").room.settings

    def _row(self, state: Any) -> RoomRow:
        row = super()._row(state)
        values = {"claim_window_s": 86_400, "unclaimed_per_network_max": 1_000_000, **self._more}
        settings = msgspec.structs.replace(row.room.settings, **values)  # everybody claims, and nobody leaves
        return row._replace(room=msgspec.structs.replace(row.room, settings=settings))


class Contest:
    """One sale."""

    def __init__(self, redis: RedisClient, farm: Farm, strength: Strength) -> None:
        self.farm, self.strength = farm, strength
        self._random = Random(f"farm {farm.seed}")
        scenario = Scenario(
            fans=farm.fans + farm.addresses * farm.tries, rates=((0, farm.rate),), method=farm.method
        )
        self._room = FarmRoom(redis, scenario, strength.settings)
        its = Settings()
        limits = {"rate": its.join_rate_per_address, "burst": its.join_burst_per_address}
        self._throttle = limits if strength.throttled else NOT_THROTTLED
        self._weighs = newcomers.are_weighed(self._room.settings)
        self._coming: defaultdict[int, list[Visitor]] = defaultdict(list)  # by step
        self._to_solve: deque[tuple[Visitor, int]] = deque()
        self._bots: set[str] = set()
        self._fans: dict[str, Visitor] = {}
        self._computed = 0
        self._step_s = PREQUEUE_S // STEPS_OF_PREQUEUE if farm.method == "lottery" else 1
        self._gather()

    def _gather(self) -> None:
        """Decide when everybody arrives, and from where."""
        farm, random = self.farm, self._random
        shared, without = max(1, int(farm.fans * SHARED) // SHARED_BY), self.strength.fans_without
        for fan in range(farm.fans):
            at = random.randrange(shared) if random.random() < SHARED else shared + fan
            step = random.randrange(STEPS_OF_PREQUEUE)
            if farm.method == "fifo":
                step = int(random.expovariate(1 / RUSH_MEAN_S))
            visitor = self._visitor(farm.addresses + at, bot=False)
            visitor.shows = not (without and random.random() < without)
            self._coming[step].append(visitor)
        for address in range(farm.addresses):
            for attempt in range(farm.tries):
                late = attempt * STEPS_OF_PREQUEUE // farm.tries
                step = late if farm.method == "lottery" else attempt // TRIES_PER_S
                bot = self._visitor(address, bot=True)
                bot.shows = attempt * farm.addresses + address < self._bots_with()
                self._coming[step].append(bot)
        for came in self._coming.values():
            random.shuffle(came)

    def _bots_with(self) -> int:
        """How many visitors of the farm can show who they are."""
        farm = self.farm
        several = {"all": farm.addresses * farm.tries, "bought": farm.bought, "hoarded": farm.hoarded}
        return several[self.strength.bots_with]

    def _visitor(self, address: int, *, bot: bool) -> Visitor:
        network = to_base64url(address.to_bytes(3, "big"))
        name = to_base64url(self._random.randbytes(16))
        is_member = "members_only" in self.strength.settings
        if bot:
            is_member = is_member and len(self._bots) < self.farm.stolen
            self._bots.add(name)
        visitor = Visitor(VisitorId(name + ("m" if is_member else network)), network, bot)
        if not bot:
            self._fans[name] = visitor
        return visitor

    async def play(self) -> FarmOutcome:
        """Play until all places are taken."""
        lottery, called = self.farm.method == "lottery", 0
        await self._room.prepare(-1000 * PREQUEUE_S if lottery else 0)
        if not lottery:
            await self._room.take(Step(0, "open", self.farm.rate))
        for step in range(STEPS_MAX):
            if lottery and step == STEPS_OF_PREQUEUE:
                self._room.now_ms = OPENING_MS
                await self._room.take(Step(0, "open", self.farm.rate))
                self._step_s = 1
            await self._join(step)
            if not lottery or step >= STEPS_OF_PREQUEUE:
                async for tick in self._room.tick():
                    called += tick.calls
                if called >= self.farm.places:
                    break
            self._room.now_ms += 1000 * self._step_s
        return await self._won()

    async def _join(self, step: int) -> None:
        """Let everybody join who comes in this step, including those whose proof of work is ready."""
        came = [*self._coming.pop(step, ()), *self._solved()]
        for first in range(0, len(came), BATCH):
            batch = came[first : first + BATCH]
            if self._weighs:
                batch = [it async for it in self._weighed(batch, step)]
            lottery = self.farm.method == "lottery"
            records = [
                JoinRecord(
                    it.visitor_id,
                    it.address,
                    draw_of(bytes(32), it.visitor_id) if lottery else 0,
                    NO_TOKEN,
                    0,
                )
                for it in batch
            ]
            if not records:
                continue
            answers = await room_scripts.join(
                self._room.redis, self._room.keys, records, **self._throttle, now_ms=self._room.now_ms
            )
            for visitor, answer in zip(batch, answers.places, strict=True):
                if isinstance(answer, RefusedRecord) and answer.word == "limited":
                    self._coming[step + 1].append(visitor)

    async def _weighed(self, batch: Sequence[Visitor], step: int) -> Any:
        """Return those who may join now, with their lanes; the others compute first, or return later."""
        records = [_record(it) for it in batch]
        verdicts = await weigh(self._room.redis, self._room.keys, records, now_ms=self._room.now_ms)
        for visitor, weighed in zip(batch, verdicts, strict=True):
            if weighed.word == "work":
                self._compute(visitor, weighed, step)
            elif weighed.word not in ("over", "identity"):  # these give up, because returning would not help
                visitor.visitor_id = VisitorId(f"{visitor.visitor_id}{weighed.said}")
                yield visitor

    def _compute(self, visitor: Visitor, weighed: NewcomerVerdict, step: int) -> None:
        visitor.cost, visitor.solution = int(weighed.said), to_base64url(self._random.randbytes(12))
        tried = self._random.randrange(visitor.cost + 1)
        if visitor.bot:
            self._to_solve.append((visitor, tried))
            return
        visitor.delay_s += ROUND_TRIP_S + tried / PHONE_HASHES_PER_S
        steps = -(-int(1000 * visitor.delay_s) // (1000 * self._step_s))
        self._coming[step + steps].append(visitor)

    def _solved(self) -> Iterator[Visitor]:
        """Yield visitors of the farm whose proofs it can have computed since the last step."""
        left = FARM_HASHES_PER_S * self._step_s
        while self._to_solve and self._to_solve[0][1] <= left:
            visitor, tried = self._to_solve.popleft()
            left, self._computed = left - tried, self._computed + tried
            yield visitor

    async def _won(self) -> FarmOutcome:
        redis, keys = self._room.redis, self._room.keys
        called = [it[:22] for it in await redis.zrange(keys.called, 0, -1)]
        joined = [it[:22] for it in await redis.zrange(keys.waiting, 0, -1)] + called
        delays = sorted(it.delay_s for it in self._fans.values())
        won = sum(it in self._bots for it in called)
        return FarmOutcome(
            strength=self.strength.name,
            bots=sum(it in self._bots for it in joined),
            fans=(fans := sum(it in self._fans for it in joined)),
            fans_out=len(self._fans) - fans,
            won_by_bots=won,
            won_by_fans=len(called) - won,
            fans_suspected=sum(newcomers.is_suspect(it.visitor_id) for it in self._fans.values()),
            delay_p50_s=delays[len(delays) // 2],
            delay_most_s=delays[-1],
            farm_core_s=self._computed * 16 / FARM_HASHES_PER_S,
        )


def _record(visitor: Visitor) -> WeighRecord:
    """A visitor who cannot show who they are joins the lane of suspects, if there is one."""
    identity: Shown = "shown" if visitor.shows else "missing"
    return WeighRecord(
        visitor.visitor_id,
        visitor.address,
        visitor.cost,
        visitor.solution,
        slower=int(not visitor.shows),
        identity=identity,
    )


async def contests(farm: Farm, tell: Callable[[str], None] = lambda words: None) -> list[FarmOutcome]:
    """Play the sale with each strength, each on an empty Valkey. Raises EmbeddedFailed."""
    outcomes = []
    for strength in STRENGTHS:
        tell(strength.name)
        async with own_valkey() as redis:
            outcomes.append(await Contest(redis, farm, strength).play())
    return outcomes
