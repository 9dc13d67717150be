"""One trial: what is sent, what comes back, and its cost by process; and a run, which starts products."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from app.core.model import RoomId
from app.runtime.sockets import ServerName
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis.backlogs import backlog
from load.judging.books import read_books
from load.judging.verdict import AdmissionSample, Verdict, judge, over_admitted
from load.measure.conditions import Conditions, conditions
from load.measure.crowd import Sale
from load.measure.figures import GENERATOR, Trial
from load.measure.sizes import Size
from load.measure.wrk import Requests, WrkOptions, send
from load.servers.product import Product, data_folder, running

SAMPLE_EVERY_S = 0.25
SETTLED_TIMEOUT_S = 30.0
TRUSTED = "127.0.0.1/32"  # wrk reports many client addresses, as a proxy does


@dataclass
class Run:
    """What every row gets: sizes, a console, and products to measure."""

    server: ServerName
    options: WrkOptions
    size: Size
    console: Console
    under: Conditions | None = None  # set with the first product
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    broke_off: list[str] = field(default_factory=list)  # rows

    @asynccontextmanager
    async def product(
        self,
        *,
        server: ServerName | None = None,
        web: int = 1,
        workers: int = 1,
        throttled: bool = False,
        **environment: str,
    ) -> AsyncIterator[Product]:
        """Start a fresh installation, removed afterwards; without request throttles unless `throttled`."""
        serving = server or self.server
        limits = {"FAIRGATE_TRUSTED_PROXIES": TRUSTED} if throttled else {"FAIRGATE_RATE_LIMITS": "off"}
        self.console.print(f"  fairgate on {serving}, {web} web, {workers} worker")
        with data_folder() as data:
            async with running(data, serving, web=web, workers=workers, **limits, **environment) as product:
                if self.under is None:
                    self.under = await conditions(product.stores, self.server, self.options, self.size)
                yield product

    @property
    def good(self) -> bool:
        """Whether nothing was oversold, lost, stranded or over-admitted, and no row broke off."""
        return not self.broke_off and all(verdict.good for verdict in self.verdicts.values())


async def measure(
    product: Product,
    requests: Requests,
    options: WrkOptions,
    *good: int,
    url: str = "",
    cpu_s: Callable[[], Mapping[str, float]] | None = None,
) -> tuple[Trial, list[str]]:
    """Send the requests, and read the stores and processes before and after. Returns the trial, and what was
    captured.

    `url` and `cpu_s` are those of another server, if it is not the product that answers.
    """
    cpu = cpu_s or product.cpu_s
    wal_before, scripts_before = await _wal(product.stores), await _scripts(product.stores)
    cpu_before = cpu()
    answers = await send(url or product.url, requests, options)
    cpu_after, scripts_after = cpu(), await _scripts(product.stores)
    used = {role: cpu_after[role] - cpu_before.get(role, 0.0) for role in cpu_after}
    trial = Trial(
        per_s=answers.per_s(*good),
        p50_ms=answers.p50_ms,
        p99_ms=answers.p99_ms,
        good=answers.of(*good),
        answered=dict(answers.answered),
        broken=answers.broken,
        seconds=max(answers.seconds, 0.001),
        cpu_s=used | {GENERATOR: answers.cpu_s},
        batch=answers.total / max(1, scripts_after - scripts_before),
        wal_bytes=await _wal(product.stores) - wal_before,
    )
    return trial, list(answers.captured)


async def run_trials(run: Run, product: Product, requests: Requests, good: int) -> list[Trial]:
    """Run as many trials of the same requests as a row has."""
    return [(await measure(product, requests, run.options, good))[0] for _ in range(run.size.trials)]


async def _wal(stores: Stores) -> int:
    return int(await stores.postgres.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))


async def _scripts(stores: Stores) -> int:
    client: Any = stores.redis  # redis-py types these for its sync and async clients at once
    calls: int = (await client.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
    return calls


async def wait_until_settled(product: Product, room_id: RoomId) -> None:
    """Return once everything submitted is settled, or after a timeout."""
    async with asyncio.timeout(SETTLED_TIMEOUT_S):
        while await backlog(product.stores.redis, RoomKeys(room_id)):  # noqa: ASYNC110  # another process settles
            await asyncio.sleep(0.1)


async def verdict_when_settled(product: Product, sale: Sale, promised: list[str]) -> Verdict:
    """Return the verdict on a sale once everything submitted is settled; it names what never is."""
    try:
        await wait_until_settled(product, sale.room_id)
    except TimeoutError:
        pass
    return judge(await read_books(product.stores, sale.room_id, sale.event_id, promised))


class RoomWatch:
    """How a room calls people, from its counters; complete on leaving `admissions`."""

    def __init__(self, rate_per_minute: int) -> None:
        self.rate_per_minute = rate_per_minute
        self.moments: list[AdmissionSample] = []

    @property
    def burst(self) -> float:
        """The most that may be called at once: one second of the rate, and at least one."""
        return max(1.0, self.rate_per_minute / 60)

    def verdict(self) -> Verdict:
        """Whether anybody was called early."""
        return Verdict(over_admitted=list(over_admitted(self.moments, burst=self.burst)))


@asynccontextmanager
async def admissions(stores: Stores, room_id: RoomId, rate_per_minute: int) -> AsyncIterator[RoomWatch]:
    """Poll the room's counters."""
    watched, stopping = RoomWatch(rate_per_minute), asyncio.Event()
    watching = asyncio.create_task(_watch(stores, room_id, watched, stopping))
    try:
        yield watched
    finally:
        stopping.set()
        await watching


async def _watch(stores: Stores, room_id: RoomId, watched: RoomWatch, stopping: asyncio.Event) -> None:
    client: Any = stores.redis  # redis-py types these for its sync and async clients at once
    while True:
        # The counters are as of `tick_ms`, without what was earned since then.
        fields = await client.hmget(RoomKeys(room_id).meter, "tick_ms", "admitted", "no_shows")
        at_ms, admitted, no_shows = (int(value or 0) for value in fields)
        earned = at_ms * watched.rate_per_minute / 60_000
        watched.moments.append(AdmissionSample(at_ms, admitted, no_shows, earned))
        if stopping.is_set():
            return
        try:
            await asyncio.wait_for(stopping.wait(), SAMPLE_EVERY_S)
        except TimeoutError:
            continue
