"""Finds a visitor for staff by something a person can read out: a number, an e-mail address, an id."""

from __future__ import annotations

import re

from app.core.model import RoomId
from app.core.notifications.email import normalised
from app.core.text import typed
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import visitors
from app.store.redis.visitors import Visitor

NUMBER = re.compile(r"#?\s*([0-9][0-9,. ]{0,15})")
WORD = re.compile(r"[\w-]{1,128}")


async def find(stores: Stores, room_id: RoomId, word: str) -> list[Visitor]:
    """Find visitors by queue number, e-mail address, visitor_id or reservation_id. Raises StoreUnavailable.

    Only visitors who are in this room, or were within the last hour.
    """
    keys = RoomKeys(room_id)
    with stores_answer():
        visitor_ids = await _ids(stores, room_id, keys, typed.words(word))
        states = [await visitors.state_of(stores.redis, keys, it) for it in visitor_ids]
    return [it for it in states if it.state]


async def _ids(stores: Stores, room_id: RoomId, keys: RoomKeys, word: str) -> list[str]:
    if number := NUMBER.fullmatch(word):
        digits = re.sub(r"\D", "", number[1])
        return await visitors.numbered(stores.redis, keys, int(digits))
    if "@" in word and word.isprintable():
        return await visitors.of_email(stores.postgres, room_id, normalised(word))
    if WORD.fullmatch(word):
        return await visitors.of_reservation(stores.postgres, room_id, word) or [word]
    return []
