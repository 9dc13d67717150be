"""Answered challenges of fans' passkeys: each is valid once, so it is remembered until it expires."""

from __future__ import annotations

import hashlib
from typing import Any

from app.core.accounts.fans import CHALLENGE_S
from app.store.connections import RedisClient
from app.store.keys import FAN_CHALLENGE


async def use(redis: RedisClient, challenge: str) -> bool:
    """Use up a challenge; False if it was used before. Call this only after verifying the signature."""
    client: Any = redis
    key = FAN_CHALLENGE + hashlib.sha256(challenge.encode()).hexdigest()
    return bool(await client.set(key, 1, nx=True, ex=CHALLENGE_S))
