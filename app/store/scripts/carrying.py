"""The script that moves a place to another visitor, as a typed function."""

from __future__ import annotations

from typing import NamedTuple

from app.core.clock import REDIS_TIME
from app.core.model import VisitorId
from app.core.tokens.handover import CARRY_TTL_S
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import replies
from app.store.scripts.loader import call
from app.store.scripts.room import NO_DRAW, loaded, status_word


class CarryResult(NamedTuple):
    """The result of moving a place; `again`: the same code has given it to them before."""

    word: str
    number: int
    given_up: int  # the number of their former place; 0: they had none, or it had no number yet


async def carry(
    redis: RedisClient,
    keys: RoomKeys,
    code_id: str,
    visitor_id: VisitorId,
    to_id: VisitorId,
    *,
    draw: int | str = NO_DRAW,
    replace: bool = False,
    ttl_ms: int = CARRY_TTL_S * 1000,
    now_ms: int = REDIS_TIME,
) -> CarryResult:
    """Move a visitor's place to another visitor, or report why that is refused."""
    answer = await call(
        redis,
        "carry",
        keys,
        code_id=code_id,
        visitor_id=visitor_id,
        to_id=to_id,
        draw=draw,
        replace=int(replace),
        ttl_ms=ttl_ms,
        now_ms=now_ms,
    )
    _, number, given_up = loaded(answer)
    return CarryResult(status_word("carry", answer), number, given_up)


replies.check("carry", CarryResult._fields)
