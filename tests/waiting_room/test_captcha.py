"""When a captcha provider fails, nobody waits for it for long, and it is tried again."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable

import pytest
from pydantic import SecretStr

from app.settings import Settings
from app.waiting_room.captcha import CONNECTIONS_MAX, FAILURES_MAX, LEFT_ALONE_S, Captchas
from tests.support.receiver import Receiver, receiving

YES = json.dumps({"success": True}).encode()


class Clock:
    """A monotonic clock that only moves when told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def to(url: str) -> Settings:
    keys = {"captcha": "turnstile", "captcha_site_key": "0x4AAA", "captcha_secret": SecretStr("secret")}
    return Settings().model_copy(update={**keys, "captcha_url": url})


@pytest.fixture
async def provider() -> AsyncIterator[Receiver]:
    async with receiving(body=YES) as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[[Captchas], Captchas]]:
    """Close what a test has opened."""
    found: list[Captchas] = []

    def keep(captchas: Captchas) -> Captchas:
        found.append(captchas)
        return captchas

    yield keep
    for it in found:
        await it.close()


async def test_a_provider_that_fails_is_left_alone_and_then_tried_by_one(
    provider: Receiver, clock: Clock, opened: Callable[[Captchas], Captchas]
) -> None:
    captchas, settings = opened(Captchas(clock=clock)), to(provider.url)
    provider.answer = 502
    for _ in range(FAILURES_MAX):
        assert await captchas.verify(settings, "r", "") == "unknown"
    assert await captchas.verify(settings, "r", "") == "unknown"
    assert len(provider.received) == FAILURES_MAX
    for time_round in (1, 2):  # still failing, then recovered
        clock.now += LEFT_ALONE_S
        if time_round == 2:
            provider.answer = 200
        verdicts = await asyncio.gather(*[captchas.verify(settings, "r", "") for _ in range(5)])
        assert sorted(verdicts) == ["unknown"] * 5 if time_round == 1 else ["solved", *["unknown"] * 4]
        assert len(provider.received) == FAILURES_MAX + time_round
    assert await captchas.verify(settings, "r", "") == "solved"


async def test_an_answer_ends_the_row_of_failures(
    provider: Receiver, clock: Clock, opened: Callable[[Captchas], Captchas]
) -> None:
    captchas, settings = opened(Captchas(clock=clock)), to(provider.url)
    for answer in ([502] * (FAILURES_MAX - 1) + [200]) * 2:
        provider.answer = answer
        assert await captchas.verify(settings, "r", "") == ("solved" if answer == 200 else "unknown")
    assert len(provider.received) == 2 * FAILURES_MAX


async def test_a_provider_that_says_nothing_has_a_deadline(opened: Callable[[Captchas], Captchas]) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=CONNECTIONS_MAX) as server:  # never accepts
        captchas = opened(Captchas(timeout_s=2))
        settings = to(f"http://127.0.0.1:{server.getsockname()[1]}/")
        # More requests than connections: those that only waited for a connection do not count.
        verdicts = await asyncio.gather(
            *[captchas.verify(settings, "r", "") for _ in range(CONNECTIONS_MAX + 20)]
        )
        assert set(verdicts) == {"unknown"}
        assert FAILURES_MAX <= captchas._failures < CONNECTIONS_MAX + 20
