"""Asks the captcha's provider about the responses that newcomers bring."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import httpx
import structlog

from app.core.captcha import PROVIDERS, Captcha, verdict
from app.core.why import why
from app.settings import Settings

ANSWER_TIMEOUT_S = 3.0  # somebody waits for their place meanwhile
CONNECTIONS_MAX = 100
FAILURES_MAX = 10  # in a row: then the provider is not asked for a while, so that nobody waits for it
LEFT_ALONE_S = 10.0  # then one response tries whether it is back
log = structlog.get_logger(__name__)


class Captchas:
    """The client of a process, opened when the first response comes."""

    def __init__(
        self, *, timeout_s: float = ANSWER_TIMEOUT_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client: httpx.AsyncClient | None = None
        self._timeout_s, self._clock = timeout_s, clock
        self._failures = 0  # in a row
        self._ask_again_at = 0.0

    async def ask(self, settings: Settings, response: str, address: str) -> Captcha:
        """What the provider says of a response that came from this address; once, then it is used up.

        "unknown" at once while the provider is left alone, because it has failed again and again.
        """
        now = self._clock()
        if now < self._ask_again_at:
            return "unknown"
        if self._failures >= FAILURES_MAX:
            self._ask_again_at = now + LEFT_ALONE_S  # until this one has its answer nobody else tries
        form = {"secret": settings.captcha_secret.get_secret_value(), "response": response}
        if address:
            form["remoteip"] = address
        url = settings.captcha_url or PROVIDERS[settings.captcha].siteverify
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._opened().post(url, data=form)
        except httpx.PoolTimeout as error:  # too many ask at once: this says nothing of the provider
            log.warning("captcha_not_verified", reason=why(error)[:200])
            return "unknown"
        except (TimeoutError, httpx.HTTPError) as error:
            return self._failed(why(error)[:200])
        said = verdict(answer.status_code, answer.content)
        if said == "unknown":  # of the answer only the status: it could have anything in it
            return self._failed(f"answered {answer.status_code}")
        self._failures, self._ask_again_at = 0, 0.0
        return said

    async def close(self) -> None:
        """End its connections."""
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
        if self._client is None:
            limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
            # Who waits for a connection gives up before the deadline, which tells the two apart.
            timeout = httpx.Timeout(self._timeout_s, pool=self._timeout_s / 2)
            self._client = httpx.AsyncClient(limits=limits, timeout=timeout)
        return self._client
