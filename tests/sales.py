"""A sale to test with, in Redis and in Postgres; its defaults may be overridden."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.model import RoomId, TicketType, TicketTypeId
from app.store import stock_scripts
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.stock_scripts import Submission

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
}


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


async def on_sale(
    redis: RedisClient, keys: RoomKeys = KEYS, totals: Mapping[str, int] = TOTALS, **conf: int | str
) -> None:
    """Load the room and its stock, nobody inside yet."""
    await redis.hset(keys.conf, mapping={**CONF, **conf})
    await stock_scripts.load_stock(redis, keys, ticket_types(totals))


async def let_in(
    redis: RedisClient, *visitors: str, keys: RoomKeys = KEYS, session_ms: int = SESSION
) -> None:
    """Give visitors a session."""
    await redis.zadd(keys.active, dict.fromkeys(visitors, session_ms))
    await redis.hset(keys.turns, mapping=dict.fromkeys(visitors, 1))


def submission(reservation_id: str, visitor_id: str = "ann", items: str = "floor:2") -> Submission:
    """A request for tickets."""
    quantity = sum(int(line.split(":")[1]) for line in items.split(","))
    return Submission(reservation_id, visitor_id, SESSION, f"print-of-{items}", "web1", quantity, items)


async def stock(redis: RedisClient, ticket_type: str = "floor", keys: RoomKeys = KEYS) -> tuple[int, ...]:
    """(free, held, sold) of a ticket type; asserts that they add up to its total, and the sums to theirs."""
    counts: dict[str, int] = {name: int(n) for name, n in (await redis.hgetall(keys.stock)).items()}
    types = [name.partition(":")[2] for name in counts if name.startswith("total:")]
    for word in ("free", "held", "sold", "total"):
        assert counts[word] == sum(counts[f"{word}:{it}"] for it in types), word
    for it in types:
        assert counts[f"free:{it}"] + counts[f"held:{it}"] + counts[f"sold:{it}"] == counts[f"total:{it}"]
    return tuple(counts[f"{word}:{ticket_type}"] for word in ("free", "held", "sold"))
