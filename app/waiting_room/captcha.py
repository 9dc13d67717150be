"""Asks the captcha's provider about the responses that newcomers bring."""

from __future__ import annotations

import asyncio

import httpx
import structlog

from app.core.captcha import PROVIDERS, Captcha, verdict
from app.core.why import why
from app.settings import Settings

ANSWER_TIMEOUT_S = 3.0  # somebody waits for their place meanwhile
CONNECTIONS_MAX = 100
log = structlog.get_logger(__name__)


class Captchas:
    """The client of a process, opened when the first response comes."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def ask(self, settings: Settings, response: str, address: str) -> Captcha:
        """What the provider says of a response that came from this address; once, then it is used up."""
        form = {"secret": settings.captcha_secret.get_secret_value(), "response": response}
        if address:
            form["remoteip"] = address
        url = settings.captcha_url or PROVIDERS[settings.captcha].siteverify
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await self._opened().post(url, data=form)
        except (TimeoutError, httpx.HTTPError) as error:
            log.warning("captcha_not_verified", reason=why(error)[:200])
            return "unknown"
        said = verdict(answer.status_code, answer.content)
        if said == "unknown":  # of the answer only the status: it could have anything in it
            log.warning("captcha_not_verified", reason=f"answered {answer.status_code}")
        return said

    async def close(self) -> None:
        """End its connections."""
        if self._client is not None:
            await self._client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
            self._client = httpx.AsyncClient(limits=limits, timeout=ANSWER_TIMEOUT_S)
        return self._client
