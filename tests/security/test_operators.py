"""What only operators may see: the metrics, and why a process is not ready."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from app.loops import end
from app.monitoring import ops_server as operators
from app.monitoring.ops_server import CONNECTIONS_MAX, Ops
from app.runtime.sockets import OPS_HOST, listen, url_of
from tests.routes.conftest import Web, bearer, code, ops, served
from tests.support.http import plain_client


@pytest.fixture
async def port(web: Web) -> AsyncIterator[str]:
    """The address of a served app's operator port."""
    operations = Ops(web.app.stores, web.app.queues, web.app.loops)
    with listen(OPS_HOST, 0) as listener:
        task = asyncio.create_task(operators.serve(operations, listener))
        yield url_of(OPS_HOST, listener)
        await end([task])


async def test_metrics_are_for_who_has_the_token(web: Web) -> None:
    answer = await web.get("/metrics", headers=ops())
    assert "fairgate_stores_up 1.0" in answer.text
    token = ops()["Authorization"].removeprefix("Bearer ")
    for headers in (
        {},
        web.as_("admin"),
        bearer(token + "x"),
        bearer(token[:-1]),
        {"Authorization": f"Basic {token}"},
        {"Authorization": token},
        {"Authorization": "Bearer "},
    ):
        assert code(await web.get("/metrics", headers=headers)) == (404, "not_found"), headers
    without = web.settings.model_copy(update={"ops_token": SecretStr("")})
    async with served(without) as other:
        for headers in ({}, ops(), {"Authorization": "Bearer "}):
            assert code(await other.get("/metrics", headers=headers)) == (404, "not_found"), headers


async def test_anybody_is_told_whether_it_is_ready_and_not_why(web: Web) -> None:
    for headers in ({}, web.as_("admin"), {"Authorization": "Basic x"}):
        answer = await web.get("/readyz", headers=headers)
        assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})  # no worker is running
        assert answer.headers["retry-after"] == "1"
    assert "worker" in (await web.get("/readyz", headers=ops())).json()["worker"]


async def test_readiness_is_asked_for_by_a_crowd_once_a_second(web: Web) -> None:
    redis = web.app.stores.redis

    async def written() -> int:
        stats = await redis.info("commandstats")
        return sum(it["calls"] for it in stats.values())

    await web.get("/readyz")
    before = await written()
    answers = await asyncio.gather(*(web.http.get("/readyz") for _ in range(200)))
    assert {it.status_code for it in answers} == {503}
    assert await written() - before < 200


async def test_the_port_for_operators(port: str) -> None:
    async with plain_client(port, timeout=20) as client:
        assert (await client.get("/livez")).json() == {"status": "ok"}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["redis"]) == (503, "ok")
        metrics = await client.get("/metrics?x=1")
        assert metrics.headers["content-type"].startswith("text/plain; version=")
        assert "fairgate_stores_up 1.0" in metrics.text
        head = await client.head("/metrics")
        assert (head.status_code, head.content) == (200, b"")
        assert (await client.get("/v1/rooms")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405


async def test_the_port_for_operators_stands_senders_of_nothing(port: str) -> None:
    host, _, number = port.removeprefix("http://").partition(":")
    silent = [await asyncio.open_connection(host, int(number)) for _ in range(CONNECTIONS_MAX - 1)]
    reader, writer = await asyncio.open_connection(host, int(number))
    writer.write(b"\x16\x03\x01 no request\r\n\r\n")
    assert await reader.read() == b""
    async with plain_client(port, timeout=20) as client:
        assert (await client.get("/livez")).status_code == 200
    for _, it in [*silent, (reader, writer)]:
        it.close()
