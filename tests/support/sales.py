"""A sale for tests, in Redis and in Postgres; defaults may be overridden."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from pydantic import SecretStr
from redis.asyncio.cluster import RedisCluster

from app.core.model import EventId, Item, RoomId, TicketType, TicketTypeId, VisitorId
from app.core.tokens.claims import BookingClaims
from app.reservations.operations import ReserveResult, reserve
from app.reservations.pending import ReservationEngine, open_engine
from app.settings import Settings
from app.store.connections import RedisClient, Stores
from app.store.keys import ROOMS, RoomKeys
from app.store.redis import ledger
from app.store.scripts import filling
from app.store.scripts import stock as stock_scripts
from app.store.scripts.stock import Decision, Request, Submission
from tests.support.waiting import PATIENCE_S, wait_until
from worker.context import WorkerContext
from worker.processor import drain

RUN_ID = "return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')"
NOW = 1_000_000_000_000  # the pinned time of the script tests
SESSION = NOW + 600_000
KEYS = RoomKeys(RoomId("hall"), day=100)
TOTALS = {"floor": 10, "balcony": 5}
PRICES = {"floor": 5000, "balcony": 3000}
CONF = {
    "version": 1,
    "epoch": 1,
    "restoring": 0,
    "event_id": "gala",
    "currency": "EUR",
    "hold_ttl_ms": 300_000,
    "max_tickets": 10,
    "ends_on_confirm": 1,
    "state": "open",
    "opened_at_ms": 1,
    "rate": 0,
    "active_max": 0,
    "restore_until_ms": 0,
}
METER = {"serving_position": 0, "last_number": 0, "outflow": 0}


def ticket_types(totals: Mapping[str, int] = TOTALS) -> list[TicketType]:
    """The ticket types of the sale as Postgres has them."""
    return [
        TicketType(
            ticket_type_id=TicketTypeId(name),
            name=name.title(),
            price=PRICES.get(name, 1000),
            total=total,
            held=0,
            sold=0,
        )
        for name, total in totals.items()
    ]


async def put_on_sale(
    redis: RedisClient, keys: RoomKeys = KEYS, totals: Mapping[str, int] = TOTALS, **conf: int | str
) -> None:
    """Load the room and its stock, with nobody inside yet."""
    run_id = await redis.eval(RUN_ID, 1, keys.conf)
    await redis.hset(keys.conf, mapping={**CONF, "run_id": run_id, **conf})
    await redis.hset(keys.meter, mapping=METER)
    await filling.load_stock(redis, keys, ticket_types(totals))


async def give_sessions(
    redis: RedisClient, *visitors: str, keys: RoomKeys = KEYS, session_ms: int = SESSION
) -> None:
    """Give visitors a session."""
    await redis.zadd(keys.active, dict.fromkeys(visitors, session_ms))
    await redis.hset(keys.turns, mapping=dict.fromkeys(visitors, 1))


def submission(reservation_id: str, visitor_id: str = "ann", items: str = "floor:2") -> Submission:
    """A request for tickets."""
    return Submission(reservation_id, visitor_id, SESSION, f"print-of-{items}", "web1", items)


async def decide(redis: RedisClient, *requests: Request, now_ms: int = NOW) -> list[Decision]:
    """What Redis decides on requests that were submitted but not decided."""
    for it in requests:
        await redis.hsetnx(KEYS.outcomes, it.reservation_id, f"print|pending|{it.visitor_id}")
    await redis.expire(KEYS.outcomes, 172_800)
    return (await stock_scripts.decide_again(redis, KEYS, requests, now_ms=now_ms)).decisions


async def stock(redis: RedisClient, ticket_type: str = "floor", keys: RoomKeys = KEYS) -> tuple[int, ...]:
    """(free, held, sold) of a ticket type; asserts that they add up to its total, and that the sums match."""
    counts: dict[str, int] = await ledger.stock(redis, keys)
    types = [name.partition(":")[2] for name in counts if name.startswith("total:")]
    for word in ("free", "held", "sold", "total"):
        assert counts[word] == sum(counts[f"{word}:{it}"] for it in types), word
    for it in types:
        assert counts[f"free:{it}"] + counts[f"held:{it}"] + counts[f"sold:{it}"] == counts[f"total:{it}"]
    return tuple(counts[f"{word}:{ticket_type}"] for word in ("free", "held", "sold"))


# --- both stores ------------------------------------------------------------------------------------------
HALL = RoomId("hall")
GALA = EventId("gala")
LIVE = RoomKeys(HALL)  # keys that do not depend on the day
SETTINGS = Settings(
    secret=SecretStr("only for these tests"),
    reserve_wait_s=PATIENCE_S,
    simulate_payments=True,
    rate_limits=False,  # limits have their own tests
)
_numbers = itertools.count(1)


async def a_sale(
    stores: Stores, totals: Mapping[str, int] = TOTALS, *, hold_ttl_s: int = 300, **conf: int
) -> None:
    """The sale in both stores, with nobody inside yet."""
    await stores.postgres.execute(
        "INSERT INTO rooms (room_id, settings, state, epoch, seed) VALUES ($1, $2, 'open', 1, $3)",
        HALL,
        '{"name": "Hall"}',
        bytes(32),
    )
    await stores.postgres.execute(
        "INSERT INTO events (event_id, room_id, name, starts_at, hold_ttl_s, sell_after_start) "
        "VALUES ($1, $2, 'Gala', now() + interval '1 day', $3, true)",
        GALA,
        HALL,
        hold_ttl_s,
    )
    await stores.postgres.executemany(
        "INSERT INTO ticket_types (event_id, ticket_type_id, name, price, total) VALUES ($1, $2, $3, $4, $5)",
        [(GALA, it.ticket_type_id, it.name, it.price, it.total) for it in ticket_types(totals)],
    )
    generation = await stores.postgres.fetchval("SELECT generation FROM rooms WHERE room_id = $1", HALL)
    loaded = {"generation": generation, "hold_ttl_ms": hold_ttl_s * 1000, **conf}
    await put_on_sale(stores.redis, LIVE, totals, **loaded)
    await stores.redis.sadd(ROOMS, HALL)


async def a_session(stores: Stores, visitor_id: str = "", seconds: int = 600) -> BookingClaims:
    """A visitor inside, in Redis and in Postgres; returns the claims of their booking token."""
    visitor_id = visitor_id or f"visitor{next(_numbers)}"
    now_s = int(time.time())
    await give_sessions(stores.redis, visitor_id, keys=LIVE, session_ms=(now_s + seconds) * 1000)
    await stores.postgres.execute(
        "INSERT INTO sessions (room_id, visitor_id, queue_number, expires_at) "
        "VALUES ($1, $2, 1, to_timestamp($3)) ON CONFLICT DO NOTHING",
        HALL,
        visitor_id,
        now_s + seconds,
    )
    return BookingClaims(
        room_id=HALL, visitor_id=VisitorId(visitor_id), jti="jti", iat=now_s, exp=now_s + seconds
    )


def items_of(text: str) -> list[Item]:
    """The items of a body, written as `floor:2,balcony:1`."""
    lines = (line.split(":") for line in text.split(","))
    return [Item(ticket_type_id=TicketTypeId(name), quantity=int(quantity)) for name, quantity in lines]


async def reserve_tickets(
    engine: ReservationEngine,
    claims: BookingClaims,
    items: str = "floor:2",
    *,
    key: str = "",
    wait: bool = True,
) -> ReserveResult:
    """Reserve; each call has a new key by default."""
    key = key or f"key{next(_numbers)}"
    return await reserve(engine, claims, GALA, items_of(items), idempotency_key=key, wait=wait)


@asynccontextmanager
async def an_engine(stores: Stores, settings: Settings = SETTINGS) -> AsyncIterator[ReservationEngine]:
    """A reservation engine that has subscribed, without a worker."""
    async with open_engine(stores, settings) as engine:
        await wait_until(lambda: is_subscribed(stores, engine), "the subscription, and what all workers read")
        yield engine


async def is_subscribed(stores: Stores, engine: ReservationEngine) -> bool:
    """Whether the engine has subscribed and knows that workers read batches."""
    own = f"fairgate:outcomes:{engine.instance}"
    client: Any = stores.redis
    where = {"target_nodes": client.get_default_node()} if isinstance(client, RedisCluster) else {}
    ((_, listeners),) = await client.execute_command("PUBSUB NUMSUB", own, **where)
    return bool(listeners) and engine.as_one


async def workers_listen(stores: Stores, workers: int) -> bool:
    """Whether this many workers listen for submissions. Each uses a pattern, as nobody else here does."""
    client: Any = stores.redis
    where = {"target_nodes": RedisCluster.ALL_NODES} if isinstance(client, RedisCluster) else {}
    found = await client.client_list(_type="pubsub", **where)
    listed = [it for node in found.values() for it in node] if isinstance(found, dict) else found
    return sum(int(it["psub"]) for it in listed) == workers


async def kill_subscriptions(stores: Stores) -> None:
    """Break the connection of every subscriber, on all nodes of a Cluster."""
    client: Any = stores.redis
    where = {"target_nodes": RedisCluster.ALL_NODES} if isinstance(client, RedisCluster) else {}
    killed = await client.execute_command("CLIENT KILL", "TYPE", "pubsub", **where)
    assert sum(killed.values()) if isinstance(killed, dict) else killed


@asynccontextmanager
async def running_worker(stores: Stores, worker_id: str = "worker1") -> AsyncIterator[asyncio.Task[None]]:
    """Run a worker's drain beside the test, and stop it gracefully at the end."""
    ctx = WorkerContext(SETTINGS, stores, worker_id, asyncio.Event())
    job = asyncio.create_task(drain(ctx))
    try:
        yield job
    finally:
        ctx.stopping.set()
        with suppress(asyncio.CancelledError):
            await job


@asynccontextmanager
async def a_shop(
    stores: Stores, totals: Mapping[str, int] = TOTALS, **sale: int
) -> AsyncIterator[ReservationEngine]:
    """A sale with a reservation engine and a worker."""
    await a_sale(stores, totals, **sale)
    async with an_engine(stores) as engine, running_worker(stores):
        yield engine


# For the payment in progress of an event: the hold ended first, and the bank answered afterwards.
PAID_LATE = """
    WITH ended AS (
        UPDATE reservations SET expires_at = now() - interval '1 second'
        WHERE event_id = $1 AND status = 'paying' RETURNING reservation_id
    )
    UPDATE simulated_charges AS it SET settles_at = now()
    FROM payments JOIN ended USING (reservation_id) WHERE it.payment_id = payments.payment_id"""


async def rows(stores: Stores) -> dict[str, str]:
    """Map every reservation_id to its status."""
    found = await stores.postgres.fetch("SELECT reservation_id, status FROM reservations")
    return {row["reservation_id"]: row["status"] for row in found}


async def counters(stores: Stores, ticket_type: str = "floor") -> tuple[int, int]:
    """(held, sold) of a ticket type in Postgres."""
    row = await stores.postgres.fetchrow(
        "SELECT held, sold FROM ticket_types WHERE event_id = $1 AND ticket_type_id = $2", GALA, ticket_type
    )
    assert row is not None
    return row["held"], row["sold"]
