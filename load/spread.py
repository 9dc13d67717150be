"""The cost of a room in parts for each node of a cluster, against an ordinary room, and the fairness of its
order.

`python -m load.spread` lets a million join with the product's own scripts on a three-node Valkey Cluster,
which it starts: in a room in parts, gathered as a worker does it, and in an ordinary one. CPU is that of the
nodes' processes, so other work on the machine makes the run longer, but hardly changes the figures.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import psutil
import typer

from app.core.clock import now_ms
from app.core.model import Room, RoomId, RoomSettings, VisitorId
from app.core.tokens.place_tokens import new_visitor_id
from app.core.waiting_room.parts import PARTS_MAX, part_id, part_of
from app.runtime.embedded_stores import EmbeddedStore
from app.store.connections import RedisClient, connect_redis
from app.store.keys import RoomKeys
from app.store.redis.conf import restored_fields
from app.store.scripts import admission, parts, restoring
from app.store.scripts import room as room_scripts
from app.store.scripts.parts import ArrivalRecord
from app.store.scripts.restoring import RestorePoint
from app.store.scripts.room import NO_TOKEN, JoinRecord
from app.store.sql.waiting_room.rooms import RoomRow, Terms
from app.waiting_room.gathering import PartsSeen, gather, next_round
from load.judging import fair_order
from load.servers.cluster import NODES, TIMEOUT_S, cluster

NETWORK = "abcd"
TICK_JOINS = 1_600  # per part, between two ticks of the worker
NUMBERS = 10**9
AT_A_TIME = 20  # batches in flight, as from this many web processes
NODE_NAMES = " | ".join(f"node {it + 1}" for it in range(NODES))


class Nodes:
    """The CPU of the nodes."""

    def __init__(self, nodes: Sequence[EmbeddedStore]) -> None:
        self._processes = [psutil.Process(it.process.pid) for it in nodes]

    def cpu_s(self) -> list[float]:
        """Seconds of CPU of each node so far."""
        return [sum(it.cpu_times()[:2]) for it in self._processes]


async def open_room(redis: RedisClient, room_id: RoomId, count: int) -> RoomKeys:
    """Open a room that calls nobody, with its parts open, and numbers for everybody."""
    settings = RoomSettings(name="Spread", parts=count, admission_rate_per_minute=0)
    room = Room(
        room_id=room_id,
        event_id=None,
        settings=settings,
        state="scheduled",
        version=1,
        epoch=1,
        seed=bytes(32),
        serving_position=0,
        numbers_reserved=0,
        opened_at_ms=0,
        closed_at_ms=0,
    )
    keys, point = RoomKeys(room_id), RestorePoint(1, 0, NUMBERS, 0, 0, 0, 0, 0)
    await restoring.restore(redis, keys, restored_fields(RoomRow(room, Terms()), 0), point)
    await restoring.finish_restore(redis, keys, epoch=1, window_ms=0)
    await admission.configure(redis, keys, {}, version=2, to="open")
    for part in range(count if count > 1 else 0):
        await parts.open_part(redis, RoomKeys(part_id(room_id, part)), generation="", epoch=1, first=1)
    await parts.rounds(redis, keys, opened=1)
    return keys


async def in_parts(redis: RedisClient, keys: RoomKeys, count: int, visitors: Sequence[VisitorId]) -> None:
    """Let one batch of a web process join a room in parts."""
    by_part: dict[int, list[ArrivalRecord]] = defaultdict(list)
    for visitor_id in visitors:
        by_part[part_of(visitor_id, count)].append(ArrivalRecord(visitor_id, ""))
    await asyncio.gather(*(_in_part(redis, keys, count, *it) for it in by_part.items()))


async def _in_part(
    redis: RedisClient, keys: RoomKeys, count: int, part: int, records: list[ArrivalRecord]
) -> None:
    own = RoomKeys(part_id(keys.room_id, part))
    while records:
        arrived = await parts.arrive(redis, own, records, rate=0, burst=1, parts=count)
        found = zip(records, arrived.arrivals, strict=True)
        records = [record for record, it in found if it.word == "exhausted"]
        if records:
            await next_round(redis, keys.room_id, part, arrived.round, len(records))


async def in_room(redis: RedisClient, keys: RoomKeys, _count: int, visitors: Sequence[VisitorId]) -> None:
    """Let one batch of a web process join an ordinary room."""
    records = [JoinRecord(it, "", "", NO_TOKEN, 0) for it in visitors]
    await room_scripts.join(redis, keys, records, rate=0, burst=1)


class Cost(NamedTuple):
    """CPU of each node in seconds: for joins, and for moving visitors into the room."""

    joins_s: list[float]
    gathers_s: list[float]


async def measure(
    redis: RedisClient, nodes: Nodes, room_id: RoomId, *, count: int, fans: int, batch: int
) -> Cost:
    """Let the fans join, in batches as from web processes, with a worker's tick in between."""
    keys, join = await open_room(redis, room_id, count), in_parts if count > 1 else in_room
    cost, seen = Cost([0.0] * NODES, [0.0] * NODES), PartsSeen()
    for first in range(0, fans, count * TICK_JOINS):
        some = min(count * TICK_JOINS, fans - first)
        visitors = [new_visitor_id(NETWORK) for _ in range(some)]
        before = nodes.cpu_s()
        for at in range(0, some, batch * AT_A_TIME):
            together = [
                visitors[it : it + batch] for it in range(at, min(at + batch * AT_A_TIME, some), batch)
            ]
            await asyncio.gather(*(join(redis, keys, count, it) for it in together))
        between = nodes.cpu_s()
        if count > 1:
            seen = await gather(redis, room_id, seen)
        _add(cost.joins_s, before, between)
        _add(cost.gathers_s, between, nodes.cpu_s())
    if count > 1:
        await next_round(redis, room_id, 0, seen.round, 1)
        await gather(redis, room_id, seen)
    client: Any = redis
    assert await client.zcard(keys.waiting) == fans, "nobody is lost"
    return cost


def _add(sums: list[float], before: Sequence[float], after: Sequence[float]) -> None:
    for node, (begun, ended) in enumerate(zip(before, after, strict=True)):
        sums[node] += ended - begun


def line(name: str, cost: Cost, fans: int) -> str:
    """One line of Markdown: microseconds of CPU per join."""
    both = [joins + gathers for joins, gathers in zip(*cost, strict=True)]
    figures = [sum(cost.joins_s), sum(cost.gathers_s), sum(both), max(both)]
    return f"| {name} | " + " | ".join(f"{1e6 * it / fans:.1f}" for it in (*figures, *both)) + " |"


async def run(fans: int, count: int, batch: int, order: int) -> None:
    """Print the measurements."""
    async with cluster() as nodes:
        redis = await connect_redis(nodes[0].url, TIMEOUT_S)
        try:
            print("| us of CPU per join | joins | gathering | all nodes | the busiest | " + NODE_NAMES + " |")
            print("| --- |" + " ---: |" * (4 + NODES))
            for name, its in (("an ordinary room", 1), (f"a room in {count} parts", count)):
                room_id = RoomId(f"measured-{its}")
                cost = await measure(redis, Nodes(nodes), room_id, count=its, fans=fans, batch=batch)
                print(line(name, cost, fans))
            if order:
                keys = await open_room(redis, RoomId("ordered"), count)
                found = await fair_order.measure(redis, keys, fans=order, joins_per_s=50_000, now_ms=now_ms())
                print(f"tau of {order:,} who join at 50,000 a second: {found.tau:.6f}")
                print(f"of ten million: {found.tau_of_millions:.6f}")
        finally:
            await redis.aclose()


def main(
    fans: Annotated[int, typer.Option(min=1_000, help="Number of joins per room.")] = 1_000_000,
    count: Annotated[int, typer.Option("--parts", min=2, max=PARTS_MAX)] = 8,
    batch: Annotated[
        int, typer.Option(min=1, max=500, help="Joins that a web process sends in one batch.")
    ] = 100,
    order: Annotated[
        int, typer.Option(min=0, help="Number of joins to measure the fairness of the order.")
    ] = 100_000,
) -> None:
    """Measure a room in parts on a three-node cluster."""
    asyncio.run(run(fans, count, batch, order))


if __name__ == "__main__":
    typer.run(main)
