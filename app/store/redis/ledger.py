"""Reads the reservation half of a room from Redis in chunks, for the conservation check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis

from app.core.reservations.outcomes import outcome_in, terms_granted
from app.core.reservations.terms import code_in, items_of, read_entry
from app.store.connections import REDIS_AWAY, RedisClient
from app.store.keys import RoomKeys

CHUNK = 1000


class Entry(NamedTuple):
    """A reservation in `holds`."""

    state: str
    visitor_id: str
    quantities: dict[str, int]  # by ticket type
    seats: list[str]
    code: str = ""


class GrantedReservation(NamedTuple):
    """A reservation that was answered 201: its outcome says so."""

    reservation_id: str
    visitor_id: str
    fingerprint: str
    terms: str


class RedisReservations(NamedTuple):
    """Reservations according to Redis, and the generation of the room they were decided in."""

    generation: str
    epoch: int
    granted: list[GrantedReservation]


async def granted(redis: RedisClient, keys: RoomKeys, reservation_ids: Sequence[str]) -> RedisReservations:
    """The live ones among these reservations that were granted in the last day, with their terms."""
    client: Any = redis
    generation, epoch = await client.hmget(keys.conf, "generation", "epoch")
    if not reservation_ids:
        return RedisReservations(generation or "", int(epoch or 0), [])
    entries = await client.hmget(keys.holds, reservation_ids)
    today = await client.hmget(keys.outcomes, reservation_ids)
    before = await client.hmget(keys.outcomes_before, reservation_ids)
    found = []
    for name, entry, outcome in zip(
        reservation_ids, entries, (a or b for a, b in zip(today, before, strict=True)), strict=True
    ):
        terms = terms_granted(outcome_in(outcome)) if outcome else None
        if entry and terms:
            found.append(
                GrantedReservation(name, read_entry(entry).visitor_id, outcome.partition("|")[0], terms)
            )
    return RedisReservations(generation or "", int(epoch or 0), found)


async def has_room(redis: RedisClient, keys: RoomKeys) -> bool:
    """Whether Redis has any data of this room; not if it was lost since."""
    client: Any = redis
    return bool(await client.exists(keys.conf))


async def stock(redis: RedisClient, keys: RoomKeys) -> dict[str, int]:
    """The stock: a handful of counters per ticket type, of one moment."""
    client: Any = redis
    return _counters(await client.hgetall(keys.stock))


async def stocks(redis: RedisClient, rooms: Sequence[RoomKeys]) -> list[dict[str, int]]:
    """The stocks of many rooms; {} for one that Redis cannot answer for."""
    if not rooms:
        return []
    client: Any = redis
    pipeline = client.pipeline(transaction=False) if isinstance(redis, Redis) else client.pipeline()
    for keys in rooms:
        pipeline.hgetall(keys.stock)
    stocks_read = await pipeline.execute(raise_on_error=False)
    if away := next((it for it in stocks_read if isinstance(it, REDIS_AWAY)), None):
        raise away
    return [{} if isinstance(it, Exception) else _counters(it) for it in stocks_read]


def _counters(fields: Mapping[str, str]) -> dict[str, int]:
    return {
        name: int(number)
        for name, number in fields.items()
        if not name.startswith(("price:", "windows", "hidden:", "fee"))
    }


async def prices(redis: RedisClient, keys: RoomKeys) -> dict[str, int]:
    """The price of each ticket type."""
    client: Any = redis
    fields = await client.hgetall(keys.stock)
    return {
        name.removeprefix("price:"): int(price) for name, price in fields.items() if name.startswith("price:")
    }


async def count_holds(redis: RedisClient, keys: RoomKeys) -> int:
    """The number of live reservations."""
    client: Any = redis
    count: int = await client.hlen(keys.holds)
    return count


async def seats_of(redis: RedisClient, keys: RoomKeys, reservation_ids: Iterable[str]) -> set[str]:
    """The seats of those of these reservations that are held or sold."""
    client: Any = redis
    ids = list(reservation_ids)
    entries = await client.hmget(keys.holds, ids) if ids else []
    return {seat for text in entries if text for seat in _entry(text).seats}


async def holds(redis: RedisClient, keys: RoomKeys) -> dict[str, Entry]:
    """Every held or sold reservation; those that change meanwhile may or may not be included."""
    return {name: _entry(text) for name, text in (await _scan(redis, keys.holds)).items()}


async def allowance(redis: RedisClient, keys: RoomKeys) -> dict[str, int]:
    """The tickets of every visitor: visitor_id, and visitor_id:sold."""
    return {name: int(number) for name, number in (await _scan(redis, keys.allowance)).items()}


async def codes(redis: RedisClient, keys: RoomKeys) -> dict[str, str]:
    """The effect of codes, and how often each is in use; the fields of `include/codes.lua`."""
    return await _scan(redis, keys.codes)


async def sitters(redis: RedisClient, keys: RoomKeys) -> dict[str, str]:
    """The holder of each held or sold seat."""
    return await _scan(redis, keys.sitters)


async def _scan(redis: RedisClient, key: str) -> dict[str, str]:
    client: Any = redis
    fields: dict[str, str] = {}
    async for name, value in client.hscan_iter(key, count=CHUNK):
        fields[name] = value
    return fields


def _entry(text: str) -> Entry:
    state, visitor_id, terms = read_entry(text)
    items = items_of(terms.items)
    quantities: dict[str, int] = {it.ticket_type_id: it.quantity for it in items}
    code, _ = code_in(terms.items) or ("", 0)
    return Entry(state, visitor_id, quantities, [seat for it in items for seat in it.seat_ids or ()], code)
