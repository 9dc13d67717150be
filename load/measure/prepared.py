"""Crowds created directly in the stores, outside the timed part: with the product's scripts and SQL, without
HTTP.

Faster than by HTTP with the same result: numbers that Postgres knows, sessions in both stores, tokens signed
by this installation. But no web process has seen these tokens before.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from app.core.model import Place, RoomId, VisitorId
from app.core.tokens.claims import BookingClaims, PlaceClaims
from app.core.tokens.place_tokens import new_visitor_id
from app.core.tokens.tokens import BookingSigner
from app.store.keys import RoomKeys
from app.store.scripts import admission, room
from app.store.scripts.room import NO_TOKEN, AskRecord, JoinRecord, RefusedRecord
from app.store.sql.accounts import signing_keys
from app.store.sql.waiting_room import rooms, sessions
from load.measure.crowd import Sale
from load.servers.product import NotStarted, Product

BATCH = 500
NUMBERS = "UPDATE rooms SET numbers_reserved = greatest(numbers_reserved, $2) WHERE room_id = $1"


async def fill(product: Product, room_id: RoomId, count: int) -> list[VisitorId]:
    """Let `count` visitors join; return their ids, in the order of their numbers."""
    await _allow_numbers(product, room_id, count)
    visitors = [new_visitor_id() for _ in range(count)]
    for first in range(0, count, BATCH):
        await _join(product, room_id, visitors[first : first + BATCH])
    return visitors


async def place_tokens(product: Product, room_id: RoomId, visitors: Sequence[VisitorId]) -> list[str]:
    """Return place tokens of visitors in the queue, signed as the product does."""
    signer, keys = product.place_signer(), RoomKeys(room_id)
    epoch = (await admission.numbers(product.stores.redis, keys)).epoch
    redis: Any = product.stores.redis
    generation: str = await redis.hget(keys.conf, "generation") or ""
    tokens = []
    for first in range(0, len(visitors), BATCH):
        some = visitors[first : first + BATCH]
        numbers: list[float | None] = await product.stores.redis.zmscore(keys.waiting, list(some))
        tokens += [
            signer.sign(
                PlaceClaims(
                    room_id, visitor_id, None if number is None else int(number), epoch, generation=generation
                )
            )
            for visitor_id, number in zip(some, numbers, strict=True)
        ]
    return tokens


async def inside(product: Product, sale: Sale, count: int) -> list[str]:
    """Let `count` visitors join a sale without a crowd, and claim; return their booking tokens."""
    signer = BookingSigner(await signing_keys.load_keys(product.stores.postgres))
    begun = await called_in(product, sale, count)
    return [token for places in begun for token in _signed(product, signer, sale.room_id, places)]


async def called_in(product: Product, sale: Sale, count: int) -> list[list[Place]]:
    """The same without tokens: return their places, in the batches in which they joined."""
    await _allow_numbers(product, sale.room_id, count)
    row = await rooms.select_room(product.stores.postgres, sale.room_id)
    assert row is not None
    batches: list[list[Place]] = []
    for first in range(0, count, BATCH):
        visitors = [new_visitor_id() for _ in range(min(BATCH, count - first))]
        await _join(product, sale.room_id, visitors)
        begun = await _claim(product, sale.room_id, visitors)
        await sessions.insert_sessions(
            product.stores.postgres, sale.room_id, row.room.generation, row.room.epoch, begun
        )
        batches.append(begun)
    return batches


async def _allow_numbers(product: Product, room_id: RoomId, more: int) -> None:
    """Reserve more numbers, in Postgres first, as the worker does block by block."""
    redis, keys = product.stores.redis, RoomKeys(room_id)
    now = await admission.numbers(redis, keys)
    numbers = now.last_number + more
    await product.stores.postgres.execute(NUMBERS, room_id, numbers)
    await admission.raise_numbers(redis, keys, epoch=now.epoch, draw_last=now.draw_last, numbers=numbers)


async def _join(product: Product, room_id: RoomId, visitors: Sequence[VisitorId]) -> None:
    records = [JoinRecord(visitor_id, "", 0, NO_TOKEN, 0) for visitor_id in visitors]
    answers = await room.join(product.stores.redis, RoomKeys(room_id), records, rate=0, burst=1)
    _placed(answers.places)


async def _claim(product: Product, room_id: RoomId, visitors: Sequence[VisitorId]) -> list[Place]:
    records = [AskRecord(visitor_id, 0, NO_TOKEN, 0) for visitor_id in visitors]
    answers = await room.claim(product.stores.redis, RoomKeys(room_id), records, rate=0, burst=1)
    places = _placed(answers.places)
    if waiting := [place for place in places if place.state != "active"]:
        raise NotStarted(f"{len(waiting)} of {len(places)} were not called at once in {room_id}")
    return places


def _placed(answers: Sequence[Place | RefusedRecord]) -> list[Place]:
    for it in answers:
        if isinstance(it, RefusedRecord):
            raise NotStarted(f"a visitor was refused while the crowd was prepared: {it.word}")
    return [it for it in answers if isinstance(it, Place)]


def _signed(product: Product, signer: BookingSigner, room_id: RoomId, places: Sequence[Place]) -> list[str]:
    now_s, jti = int(time.time()), product.place_signer().jti
    ends = [(place.visitor_id, place.session_expires_at_ms // 1000) for place in places]
    return [
        signer.sign(BookingClaims(room_id, visitor_id, jti(room_id, visitor_id, exp), now_s, exp))
        for visitor_id, exp in ends
    ]
