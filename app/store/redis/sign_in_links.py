"""One-time sign-in links: the account each signs in, by the hash of its code, with a TTL."""

from __future__ import annotations

import hashlib
from typing import Any

from app.store.connections import RedisClient
from app.store.keys import SIGN_IN_LINK


async def save(redis: RedisClient, code: str, account: bytes, *, ttl_s: int) -> None:
    """Store the account that this code signs in."""
    client: Any = redis
    await client.set(_key(code), account, ex=ttl_s)


async def redeem(redis: RedisClient, code: str) -> bytes | None:
    """Return the account that this code signs in, and delete it; None if it is unknown or used."""
    client: Any = redis
    token: bytes | None = await client.getdel(_key(code))
    return token


def _key(code: str) -> str:
    return SIGN_IN_LINK + hashlib.sha256(code.encode()).hexdigest()
