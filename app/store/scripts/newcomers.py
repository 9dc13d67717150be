"""The script that checks newcomers before they join, as a typed function."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from app.core.clock import REDIS_TIME
from app.core.identity import Shown
from app.core.model import VisitorId
from app.core.waiting_room.captcha import Captcha
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import replies
from app.store.scripts.loader import call
from app.store.scripts.room import checked_word, loaded

_WORDS = replies.words("weigh", part="EACH")


class WeighRecord(NamedTuple):
    """One newcomer; `address` as in `JoinRecord`."""

    visitor_id: VisitorId  # "": a client asks what it would need
    address: str
    cost: int = 0  # of the proof of work sent; 0: none
    solution: str = ""  # its id, "": none
    slower: int = 0  # 1: without proof, join as a suspect
    captcha: Captcha = "solved"  # also if none is required
    identity: Shown = "shown"  # also if nothing is required


class NewcomerVerdict(NamedTuple):
    """How a newcomer may join: `anybody`, without conditions; `suspect`, with the suffix of their id; `over`,
    after so many ms; `work`, with a proof of this cost; `captcha` or `identity`, after solving one or
    identifying themselves."""

    word: str
    said: str | int


async def weigh(
    redis: RedisClient, keys: RoomKeys, records: Sequence[WeighRecord], *, now_ms: int = REDIS_TIME
) -> list[NewcomerVerdict]:
    """How each of these may join, in order."""
    reply = loaded(await call(redis, "weigh", keys, chain.from_iterable(records), now_ms=now_ms))
    return [
        NewcomerVerdict(checked_word(word, _WORDS), said)
        for word, said in zip(reply[1::2], reply[2::2], strict=True)
    ]


replies.check("weigh", NewcomerVerdict._fields, part="EACH")
