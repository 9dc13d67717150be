"""Throttles of the cold calls, by `limits`. Joins and place calls are throttled in their scripts."""

from __future__ import annotations

import time
from typing import Any

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from app import metrics
from app.core.errors import RateLimited
from app.core.model import Account
from app.settings import Settings
from app.store.connections import REDIS_AWAY, Stores

WINDOW_S = 60


class Throttles:
    """Counts in Redis, for all processes together; on a Cluster, which `limits` would need a second client
    for, in this process."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        storage: Storage = MemoryStorage()
        if isinstance(stores.redis, Redis):
            pool: Any = stores.redis.connection_pool  # taken, though the stub knows plain options only
            storage = RedisStorage(
                f"async+{settings.redis_url}",
                implementation="redispy",
                key_prefix="fairgate:limits",
                connection_pool=pool,
            )
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._staff = RateLimitItemPerMinute(settings.staff_rate_per_minute)
        self._on = settings.throttled

    async def staff(self, account: Account) -> None:
        """Count a call of staff. Raises RateLimited. Without Redis everybody passes, and that is counted."""
        if not self._on:
            return
        try:
            if await self._limiter.hit(self._staff, "staff", account.subject):
                return
            stats = await self._limiter.get_window_stats(self._staff, "staff", account.subject)
        except REDIS_AWAY:
            metrics.STORE_FAILURES.labels("throttle").inc()
            return
        retry_after_s = min(WINDOW_S, max(1, round(stats.reset_time - time.time())))
        raise RateLimited(retry_after_s, policy="staff", quota=self._staff.amount, window_s=WINDOW_S)
