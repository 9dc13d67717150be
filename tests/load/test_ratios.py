"""The references: the bare prototype sells what it has, durably; a ratio compares two adjacent trials."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
from redis.asyncio import Redis

from app.settings import Settings
from load.measure.figures import Trial
from load.reference import bare, nothing
from load.rows import ratios
from tests.routes.conftest import settings

__all__ = ["settings"]


async def ask(application: Any, body: bytes) -> tuple[int, dict[str, Any]]:
    """Send one request to an ASGI application; returns status and document."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await application({"type": "http"}, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


async def test_the_bare_prototype_sells_what_there_is_and_keeps_what_it_promised(settings: Settings) -> None:
    redis: Any = Redis.from_url(settings.redis_url)
    connection = await asyncpg.connect(settings.database_url)
    await redis.set(bare.STOCK, 15)
    await redis.xgroup_create(bare.STREAM, bare.GROUP, mkstream=True)
    await connection.execute(bare.TABLE)
    application = bare.BareServer(settings.redis_url)
    await application.start()
    working = asyncio.create_task(bare.run_worker(settings.redis_url, settings.database_url))
    body = b'{"items":[{"ticket_type_id":"floor","quantity":2}]}'
    answers = await asyncio.gather(*(ask(application, body) for _ in range(10)))
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await application.end()
    promised = {document["reservation_id"] for status, document in answers if status == 201}
    stored = await connection.fetch("SELECT reservation_id FROM reference_reservations")
    assert {row["reservation_id"] for row in stored} == promised
    assert sorted(status for status, _ in answers) == [201] * 7 + [409] * 3
    assert await redis.xlen(bare.STREAM) == 0
    await connection.execute("DROP TABLE reference_reservations")
    await connection.close()
    await redis.aclose()


async def test_the_server_that_does_nothing_answers_json() -> None:
    status, document = await ask(nothing.app, b"")
    assert (status, document["state"]) == (200, "waiting")


def trial(per_s: float, **cpu_s: float) -> Trial:
    return Trial(
        per_s=per_s,
        p50_ms=10,
        p99_ms=30,
        good=100,
        answered={201: 100},
        broken=0,
        seconds=1,
        cpu_s=cpu_s,
        batch=1,
    )


def test_a_ratio_is_of_two_trials_that_follow_each_other() -> None:
    """The machine was half as fast during the second pair, which does not affect the ratio."""
    own = [trial(500, web=0.03, wrk=1), trial(250, web=0.06, wrk=1)]
    other = [trial(1_000, web=0.01, worker=0.01, wrk=9), trial(500, web=0.02, worker=0.02, wrk=9)]
    found = {it.what: it for it in ratios.beside_bare(own, other)}
    assert found["reservations, of bare"].trials == [0.5, 0.5]
    assert found["CPU, of bare"].trials == [1.5, 1.5]
    assert found["CPU, us"].trials == [300, 600]
    assert (found["p99 / p50"].median, found["p99 / p50"].met) == (3, True)
    shares = ratios.beside_nothing("joins", own, other, 0.3)
    assert shares[0].trials == [0.5, 0.5]
