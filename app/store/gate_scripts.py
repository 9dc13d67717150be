"""The gate's scripts, as typed functions."""

from __future__ import annotations

from app.core.clock import REDIS_TIME
from app.core.handover import TICKET_TTL_S
from app.core.model import VisitorId
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.lua import call
from app.store.room_scripts import known, loaded


async def redeem(
    redis: RedisClient,
    keys: RoomKeys,
    ticket_id: str,
    visitor_id: VisitorId,
    number: int,
    *,
    ttl_ms: int = TICKET_TTL_S * 1000,
    now_ms: int = REDIS_TIME,
) -> int:
    """When the session of a ticket ends (ms); 0: it was used before, or its session is over."""
    reply = loaded(
        await call(
            redis,
            "redeem",
            keys,
            ticket_id=ticket_id,
            visitor_id=visitor_id,
            number=number,
            ttl_ms=ttl_ms,
            now_ms=now_ms,
        )
    )
    return int(reply[1]) if known(reply[0], {"active", "used", "ended"}) == "active" else 0
