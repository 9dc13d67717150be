"""Verifies newcomers' captcha responses with the provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from app.core.text.error_text import describe_error
from app.core.waiting_room.captcha import PROVIDERS, Captcha, verdict
from app.settings import Settings

if TYPE_CHECKING:
    import httpx  # otherwise imported where it is used: few rooms have captchas

ANSWER_TIMEOUT_S = 3.0  # short, because a visitor is waiting for their place
CONNECTIONS_MAX = 100
FAILURES_MAX = 10  # in a row; then the provider is skipped for a while, so that nobody waits for it
LEFT_ALONE_S = 10.0  # how long it is skipped, until one response probes it
log = structlog.get_logger(__name__)


class Captchas:
    """This process's client of the provider, opened on first use."""

    def __init__(
        self, *, timeout_s: float = ANSWER_TIMEOUT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client: httpx.AsyncClient | None = None
        self._timeout_s, self._clock = timeout_s, clock
        self._failures = 0  # in a row
        self._ask_again_at = 0.0

    async def verify(self, settings: Settings, response: str, address: str) -> Captcha:
        """Verify a response that came from `address`. A response can be verified once only.

        Returns "unknown" without asking while the provider is skipped after repeated failures.
        """
        import httpx

        now = self._clock()
        if now < self._ask_again_at:
            return "unknown"
        if self._failures >= FAILURES_MAX:
            self._ask_again_at = now + LEFT_ALONE_S  # nobody else asks until this probe has its answer
        form = {"secret": settings.captcha_secret.get_secret_value(), "response": response}
        if address:
            form["remoteip"] = address
        url = settings.captcha_url or PROVIDERS[settings.captcha].siteverify
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._opened().post(url, data=form)
        except httpx.PoolTimeout as error:  # too many requests at once: no sign of trouble at the provider
            log.warning("captcha_not_verified", reason=describe_error(error)[:200])
            return "unknown"
        except (TimeoutError, httpx.HTTPError) as error:
            return self._failed(describe_error(error)[:200])
        result = verdict(answer.status_code, answer.content)
        if result == "unknown":  # log only the status: the body could contain anything
            return self._failed(f"answered {answer.status_code}")
        self._failures, self._ask_again_at = 0, 0.0
        return result

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            await self._client.aclose()

    def _failed(self, reason: str) -> Captcha:
        log.warning("captcha_not_verified", reason=reason)
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._ask_again_at = self._clock() + LEFT_ALONE_S
        if self._failures == FAILURES_MAX:
            log.warning("captcha_provider_left_alone", seconds=LEFT_ALONE_S)
        return "unknown"

    def _opened(self) -> httpx.AsyncClient:
        import httpx

        if self._client is None:
            limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
            # Waiting for a connection times out before the deadline, which tells the two cases apart.
            timeout = httpx.Timeout(self._timeout_s, pool=self._timeout_s / 2)
            self._client = httpx.AsyncClient(limits=limits, timeout=timeout)
        return self._client
