"""Challenges that a fan's passkey has answered: each is good once, while it could still be answered again."""

from __future__ import annotations

import hashlib
from typing import Any

from app.core.fans import CHALLENGE_S
from app.store.connections import RedisClient
from app.store.keys import FAN_CHALLENGE


async def use(redis: RedisClient, challenge: str) -> bool:
    """Use it up; False: it was used before. Only one that a good signature answered is remembered."""
    client: Any = redis
    key = FAN_CHALLENGE + hashlib.sha256(challenge.encode()).hexdigest()
    return bool(await client.set(key, 1, nx=True, ex=CHALLENGE_S))
