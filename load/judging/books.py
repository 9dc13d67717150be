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
# One statement, so that all of it is as of one moment.
BOOKS = """
    SELECT
        (SELECT coalesce(json_agg(json_build_array(t.ticket_type_id, t.total, t.held, t.sold,
            (SELECT count(*) FROM tickets k JOIN reservations r USING (reservation_id)
             WHERE r.event_id = t.event_id AND r.status = 'confirmed' AND k.ticket_type_id = t.ticket_type_id
            ))), '[]') FROM ticket_types t WHERE t.event_id = $1) AS types,
        (SELECT coalesce(json_agg(json_build_array(reservation_id, visitor_id, status, released, used_code,
            (SELECT json_object_agg(i ->> 'ticket_type_id', (i ->> 'quantity')::bigint)
             FROM jsonb_array_elements(items) AS i))), '[]') FROM reservations WHERE event_id = $1) AS rows,
        (SELECT coalesce(json_agg(json_build_array(code, used, uses_max)), '[]')
         FROM codes WHERE event_id = $1) AS codes
"""


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
        (stock, holds, allowance, codes), in_flight = await asyncio.gather(
            pipe.execute(), unsettled(redis, keys)
        )
    return {
        "stock": {
            name.partition(":")[2]: _count(stock, name.partition(":")[2])
            for name in stock
            if name.startswith("total:")
        },
        "holds": {reservation_id: _owned(text) for reservation_id, text in holds.items()},
        "allowance": {who: int(count) for who, count in allowance.items() if not who.endswith(":sold")},
        "code_uses": {it[5:]: int(count) for it, count in codes.items() if it.startswith("used:")},
        "in_flight": frozenset(in_flight),
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
    (found,) = await postgres.fetch(BOOKS, event_id)
    types, rows, codes = map(json.loads, found)
    return {
        "counters": {
            kind: Count(total, total - held - sold, held, sold) for kind, total, held, sold, _ in types
        },
        "rows": {
            reservation_id: OwnedTickets(visitor_id, status == "confirmed", items, used_code or "")
            for reservation_id, visitor_id, status, _, used_code, items in rows
            if status in LIVE
        },
        "codes": {code: (used, uses_max) for code, used, uses_max in codes},
        "statuses": {reservation_id: status for reservation_id, _, status, *_ in rows},
        "issued": {kind: issued for kind, *_, issued in types},
        "unreleased": frozenset(
            reservation_id
            for reservation_id, _, status, released, *_ in rows
            if status not in ("held", "paying") and not released
        ),
    }
