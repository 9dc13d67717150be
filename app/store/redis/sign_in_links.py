"""What a link that signs in once is worth: whom it signs in, by the hash of its code, for a while."""

from __future__ import annotations

import hashlib
from typing import Any

from app.store.connections import RedisClient
from app.store.keys import SIGN_IN_LINK


async def keep(redis: RedisClient, code: str, account: bytes, *, ttl_s: int) -> None:
    """Remember whom this code signs in."""
    client: Any = redis
    await client.set(_key(code), account, ex=ttl_s)


async def take(redis: RedisClient, code: str) -> bytes | None:
    """Whom this code signs in, and forget it; None where it is not known (any more)."""
    client: Any = redis
    found: bytes | None = await client.getdel(_key(code))
    return found


def _key(code: str) -> str:
    return SIGN_IN_LINK + hashlib.sha256(code.encode()).hexdigest()
