"""Throttles of the cold calls, with `limits`. Joins and place calls are throttled in their scripts."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from app import metrics
from app.core.account import Account
from app.core.errors import RateLimited
from app.settings import Settings
from app.store.connections import REDIS_AWAY, Stores
from app.web.http.client_ip import throttle_key
from app.web.http.misses import Misses

WINDOW_S = 60
LOGINS_PER_ACCOUNT = RateLimitItemPerMinute(10)
LOGINS_PER_DEVICE = RateLimitItemPerMinute(10)  # a device on which the account has signed in before
LOGINS_PER_ACCOUNT_AND_ADDRESS = RateLimitItemPerHour(5)  # even while others guess the account's password
LOGINS_PER_ADDRESS = RateLimitItemPerMinute(60)
RESETS_PER_ADDRESS = RateLimitItemPerMinute(30)
REGISTRATIONS_PER_ADDRESS = RateLimitItemPerMinute(60)
CODES_PER_ACCOUNT = RateLimitItemPerMinute(5)  # of the second factor
INVITATIONS_PER_ACCOUNT = RateLimitItemPerHour(60)
CODES_PER_ADDRESS = RateLimitItemPerMinute(60)
IDENTITIES_PER_ADDRESS = RateLimitItemPerMinute(120)  # as many people may share it


class Throttles:
    """Counts in Redis, shared by all processes. Local to this process on a Cluster, for which `limits`
    would need a second client, and while Redis is unavailable, because passwords must not be guessable
    then either."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self._alone = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._limiter = self._alone
        if isinstance(stores.redis, Redis):
            self._limiter = SlidingWindowCounterRateLimiter(_shared(stores.redis))
        self._calls = RateLimitItemPerMinute(settings.staff_rate_per_minute)
        self._on = settings.rate_limits
        self.misses = Misses(limited=settings.rate_limits)

    async def account(self, account: Account) -> None:
        """Count a call with an access token. Raises RateLimited."""
        await self._count(self._calls, "staff", account.subject)

    async def login(self, client: str, email: str, device: str = "") -> None:
        """Count an attempt to sign in with the normalised e-mail from an address. Raises RateLimited.

        Guessing does not lock the owner out. A device known to the account is counted separately. All others
        share a limit per account; once that is used up, each address still has a few attempts.
        """
        if device:
            await self._count(LOGINS_PER_DEVICE, "login-device", device)
            return
        address = throttle_key(client)
        await self._count(LOGINS_PER_ADDRESS, "login-address", address)
        subject = hashlib.blake2b(email.encode(), digest_size=16).hexdigest()
        is_late = False
        try:
            await self._count(LOGINS_PER_ACCOUNT_AND_ADDRESS, "login-from", f"{subject}:{address}")
        except RateLimited:
            is_late = True
        try:
            await self._count(LOGINS_PER_ACCOUNT, "login", subject)
        except RateLimited:
            if is_late:
                raise

    async def reset(self, client: str) -> None:
        """Count a step of a password reset, for the address. Raises RateLimited."""
        await self._count(RESETS_PER_ADDRESS, "password-reset", throttle_key(client))

    async def second_factor(self, account_id: str) -> None:
        """Count a code tried for this account. Raises RateLimited."""
        await self._count(CODES_PER_ACCOUNT, "second-factor", account_id)

    async def invitation(self, subject: str) -> None:
        """Count an invitation by this account. Raises RateLimited."""
        await self._count(INVITATIONS_PER_ACCOUNT, "invitation", subject)

    async def registration(self, client: str) -> None:
        """Count a new account, for the address. Raises RateLimited."""
        await self._count(REGISTRATIONS_PER_ADDRESS, "registration", throttle_key(client))

    async def code(self, client: str) -> None:
        """Count a look-up of an access or discount code, for the address. Raises RateLimited."""
        await self._count(CODES_PER_ADDRESS, "codes", throttle_key(client))

    async def identity(self, client: str) -> None:
        """Count an attempt to identify oneself, for the address. Raises RateLimited."""
        await self._count(IDENTITIES_PER_ADDRESS, "identity", throttle_key(client))

    async def _count(self, limit: RateLimitItem, policy: str, subject: str) -> None:
        if not self._on:
            return
        try:
            await _hit(self._limiter, limit, policy, subject)
        except REDIS_AWAY:
            metrics.STORE_FAILURES.labels("throttle").inc()
            await _hit(self._alone, limit, policy, subject)


class _OneClient(RedisStorage):
    """Looks only for the client that we use; by default it imports all that are installed."""

    DEPENDENCIES = {"redis": RedisStorage.DEPENDENCIES["redis"]}  # noqa: RUF012 as in the base class


def _shared(redis: Redis) -> Storage:
    pool: Any = redis.connection_pool  # accepted, though the stub only knows plain options
    return _OneClient(
        "async+redis://",  # ignored: it uses our connections
        implementation="redispy",
        key_prefix="fairgate:limits",
        connection_pool=pool,
    )


async def _hit(
    limiter: SlidingWindowCounterRateLimiter, limit: RateLimitItem, policy: str, subject: str
) -> None:
    if await limiter.hit(limit, policy, subject):
        return
    stats = await limiter.get_window_stats(limit, policy, subject)
    retry_after_s = min(WINDOW_S, max(1, round(stats.reset_time - time.time())))
    raise RateLimited(retry_after_s, policy=policy, quota=limit.amount, window_s=WINDOW_S)
