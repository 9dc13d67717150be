"""One row of the benchmark: what was sent, what came back, and what it cost which process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from app.core.model import RoomId
from app.store.connections import Stores
from app.store.keys import RoomKeys
from load.product import Product
from load.verdict import Admitted
from load.wrk import How, Requests, send

SAMPLE_EVERY_S = 0.25


class Reference(msgspec.Struct, frozen=True):
    """What a store alone does, a second, at the batch size the row had."""

    what: str
    batch: int
    per_s: float


class Aim(msgspec.Struct, frozen=True):
    """What a row counts: answers with one of these statuses, against a target (a second; 0: none)."""

    name: str
    target: int
    good: tuple[int, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured; `per_s` counts good answers only. `cpu` is in percent of one core, by process."""

    name: str
    target: int
    per_s: float
    p50_ms: float
    p99_ms: float
    answered: Mapping[int, int]
    broken: int
    seconds: float
    cpu: Mapping[str, float]
    batch: float  # answers for each script Redis ran meanwhile, the worker's included
    reference: Reference | None = None


async def measure(product: Product, aim: Aim, requests: Requests, how: How) -> tuple[Row, list[str]]:
    """Send, and look at the stores and the processes before and after. The row, and what was captured."""
    scripts_before, cpu_before = await _scripts(product.stores), product.cpu_s()
    answers = await send(product.url, requests, how)
    scripts_after, cpu_after = await _scripts(product.stores), product.cpu_s()
    seconds = max(answers.seconds, 0.001)
    used = {role: cpu_after[role] - cpu_before.get(role, 0.0) for role in cpu_after} | {"wrk": answers.cpu_s}
    row = Row(
        name=aim.name,
        target=aim.target,
        per_s=answers.per_s(*aim.good),
        p50_ms=answers.p50_ms,
        p99_ms=answers.p99_ms,
        answered=dict(answers.answered),
        broken=answers.broken,
        seconds=seconds,
        cpu={role: 100 * spent_s / seconds for role, spent_s in used.items()},
        batch=answers.total / max(1, scripts_after - scripts_before),
    )
    return row, list(answers.captured)


async def _scripts(stores: Stores) -> int:
    client: Any = stores.redis  # redis-py types these for its sync and async clients at once
    calls: int = (await client.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
    return calls


@asynccontextmanager
async def admissions(stores: Stores, room_id: RoomId, rate_per_minute: int) -> AsyncIterator[list[Admitted]]:
    """Look at the room's counters again and again; the list is complete on the way out."""
    moments: list[Admitted] = []
    stopping = asyncio.Event()
    watching = asyncio.create_task(_watch(stores, room_id, rate_per_minute, (moments, stopping)))
    try:
        yield moments
    finally:
        stopping.set()
        await watching


async def _watch(
    stores: Stores, room_id: RoomId, rate_per_minute: int, into: tuple[list[Admitted], asyncio.Event]
) -> None:
    moments, stopping = into
    client: Any = stores.redis  # redis-py types these for its sync and async clients at once
    while True:
        # The counters are as of `tick_ms`; what was earned since then is not yet in them.
        fields = await client.hmget(RoomKeys(room_id).meter, "tick_ms", "admitted", "no_shows")
        at_ms, admitted, no_shows = (int(value or 0) for value in fields)
        moments.append(Admitted(at_ms, admitted, no_shows, at_ms * rate_per_minute / 60_000))
        if stopping.is_set():
            return
        try:
            await asyncio.wait_for(stopping.wait(), SAMPLE_EVERY_S)
        except TimeoutError:
            continue
