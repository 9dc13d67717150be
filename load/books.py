"""What both stores record about one event at one moment: the input of a verdict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from app.core.model import EventId, RoomId
from app.store.connections import RedisClient, Stores
from app.store.keys import RoomKeys
from app.store.redis.backlogs import unsettled

LIVE = ("held", "paying", "confirmed")
TYPES = """
    SELECT t.ticket_type_id, t.total, t.held, t.sold,
        (SELECT count(*) FROM tickets k JOIN reservations r USING (reservation_id)
         WHERE r.event_id = t.event_id AND r.status = 'confirmed' AND k.ticket_type_id = t.ticket_type_id
        ) AS issued
    FROM ticket_types t WHERE t.event_id = $1
"""
ROWS = """
    SELECT reservation_id, visitor_id, status, released, used_code,
        (SELECT json_object_agg(i ->> 'ticket_type_id', (i ->> 'quantity')::bigint)
         FROM jsonb_array_elements(items) AS i) AS items
    FROM reservations WHERE event_id = $1
"""
CODES = "SELECT code, used, uses_max FROM codes WHERE event_id = $1"


@dataclass(frozen=True, slots=True)
class Count:
    """Tickets of one type as one store counts them."""

    total: int
    free: int
    held: int
    sold: int

    @property
    def balanced(self) -> bool:
        """Whether nothing appeared or vanished."""
        return min(self.held, self.sold) >= 0 and self.free + self.held + self.sold == self.total


@dataclass(frozen=True, slots=True)
class OwnedTickets:
    """Tickets that somebody holds or has bought, according to one store."""

    visitor_id: str
    sold: bool
    items: Mapping[str, int]
    code: str = ""  # the access or discount code it was reserved with


@dataclass(frozen=True)
class Books:
    """What both stores record about one event at one moment."""

    # Redis
    stock: Mapping[str, Count]
    holds: Mapping[str, OwnedTickets]
    allowance: Mapping[str, int]  # visitor_id -> tickets held + bought
    in_flight: frozenset[str]  # submitted, outcome not yet settled
    # Postgres
    counters: Mapping[str, Count]
    rows: Mapping[str, OwnedTickets]  # held, paying, confirmed
    statuses: Mapping[str, str]  # of every reservation ever made
    issued: Mapping[str, int]  # tickets with a code
    unreleased: frozenset[str]  # ended or confirmed, perhaps not yet updated in Redis
    missing: frozenset[str]  # promised reservations that do not exist
    # uses of access and discount codes: in Redis, and in Postgres with the maximum
    code_uses: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, tuple[int, int]] = field(default_factory=dict)


async def read_books(
    stores: Stores, room_id: RoomId, event_id: EventId, promised: Collection[str] = ()
) -> Books:
    """Read what both stores record about one event now; `promised` are reservations that were answered
    201."""
    in_redis, in_postgres = await asyncio.gather(
        _read_redis(stores.redis, room_id), _read_postgres(stores.postgres, event_id)
    )
    missing = frozenset(promised) - in_postgres["statuses"].keys()
    return Books(**in_redis, **in_postgres, missing=missing)


async def _read_redis(redis: RedisClient, room_id: RoomId) -> dict[str, Any]:
    keys = RoomKeys(room_id)
    client: Any = redis  # redis-py types these for its sync and async clients at once
    async with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(keys.stock).hgetall(keys.holds).hgetall(keys.allowance)
        pipe.hgetall(keys.codes)
        stock, holds, allowance, codes = await pipe.execute()
    in_flight = frozenset(await unsettled(redis, keys))
    return {
        "stock": {
            name.partition(":")[2]: _count(stock, name.partition(":")[2])
            for name in stock
            if name.startswith("total:")
        },
        "holds": {reservation_id: _owned(text) for reservation_id, text in holds.items()},
        "allowance": {who: int(count) for who, count in allowance.items() if not who.endswith(":sold")},
        "code_uses": {it[5:]: int(count) for it, count in codes.items() if it.startswith("used:")},
        "in_flight": in_flight,
    }


def _count(stock: Mapping[str, str], kind: str) -> Count:
    return Count(*(int(stock[f"{name}:{kind}"]) for name in ("total", "free", "held", "sold")))


def _owned(text: str) -> OwnedTickets:
    state, visitor_id, *_, lines = text.split("|")
    lines, _, coded = lines.partition("!")
    items = (line.split(":") for line in lines.split(","))
    owned = {kind: int(quantity) for kind, quantity, _ in items}
    return OwnedTickets(visitor_id, state == "sold", owned, coded.partition("!")[0])


async def _read_postgres(postgres: asyncpg.Pool, event_id: EventId) -> dict[str, Any]:
    types, rows, codes = await asyncio.gather(
        postgres.fetch(TYPES, event_id), postgres.fetch(ROWS, event_id), postgres.fetch(CODES, event_id)
    )
    statuses = {row["reservation_id"]: row["status"] for row in rows}
    return {
        "counters": {
            row["ticket_type_id"]: Count(
                row["total"], row["total"] - row["held"] - row["sold"], row["held"], row["sold"]
            )
            for row in types
        },
        "rows": {
            row["reservation_id"]: OwnedTickets(
                row["visitor_id"],
                row["status"] == "confirmed",
                json.loads(row["items"]),
                row["used_code"] or "",
            )
            for row in rows
            if row["status"] in LIVE
        },
        "codes": {row["code"]: (row["used"], row["uses_max"]) for row in codes},
        "statuses": statuses,
        "issued": {row["ticket_type_id"]: row["issued"] for row in types},
        "unreleased": frozenset(
            row["reservation_id"]
            for row in rows
            if row["status"] not in ("held", "paying") and not row["released"]
        ),
    }
