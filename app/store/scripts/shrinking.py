"""Partial cancellation of orders, as a typed call of its script."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from app.store.connections import RedisClient
from app.store.keys import CHANGE_CHANNEL, RoomKeys
from app.store.scripts.loader import call
from app.store.scripts.stock import ROOM_WORDS, RoomNotReady


async def shrink(redis: RedisClient, keys: RoomKeys, kept: Iterable[tuple[str, str]]) -> int:
    """Release the cancelled tickets of reservations, which keep these items; returns how many reservations
    had more.

    Records are (reservation_id, items) with items as in the terms of a hold. Raises RoomNotReady.
    """
    reply = await call(redis, "shrink", keys, chain.from_iterable(kept), channel=CHANGE_CHANNEL)
    if reply[0] in ROOM_WORDS:
        raise RoomNotReady(reply[0])
    return int(reply[1])
