"""Every panel of the dashboards shows data when a real Prometheus scrapes a real sale."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.loops import Loops
from app.monitoring import ops_server
from app.monitoring.ops_server import Ops
from app.runtime.sockets import listen
from deploy.grafana.build import DASHBOARDS, Dashboard, document
from tests.routes.conftest import Web
from tests.support.http import plain_client
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
QUERIES = [
    (f"{board.name}: {panel['title']}", target["expr"].replace("$room", ".*"))
    for board in DASHBOARDS
    for panel in document(board)["panels"]
    for target in panel["targets"]
]


def test_the_files_are_what_the_code_says() -> None:
    command = [sys.executable, "deploy/grafana/build.py", "--check"]
    assert subprocess.run(command, cwd=ROOT, timeout=60).returncode == 0


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda it: it.name)
def test_panels_fill_their_rows_and_each_is_there_once(board: Dashboard) -> None:
    made = document(board)
    taken = [
        (x, y)
        for it in made["panels"]
        for x in range(it["gridPos"]["x"], it["gridPos"]["x"] + it["gridPos"]["w"])
        for y in range(it["gridPos"]["y"], it["gridPos"]["y"] + it["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))
    assert len({it["id"] for it in made["panels"]}) == len(made["panels"])


@asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[httpx.AsyncClient]:
    """A Prometheus that scrapes `target` every second; yields a client of its API."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    scrapes = [{"job_name": "fairgate-web", "static_configs": [{"targets": [target]}]}]
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": scrapes}
    (folder / "prometheus.yml").write_bytes(msgspec.yaml.encode(config))
    process = await asyncio.create_subprocess_exec(
        *(program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"),
        *("--web.listen-address=127.0.0.1:0", "--log.level=info"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        address = await asyncio.wait_for(_address(process.stderr), 60)
        drained = asyncio.create_task(process.stderr.read())  # otherwise a full pipe would block it
        async with plain_client(f"http://{address}", timeout=30) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()
    await drained


async def _address(log: asyncio.StreamReader) -> str:
    async for line in log:
        if found := re.search(rb"address=(127\.0\.0\.1:[1-9]\d*)", line):
            return found[1].decode()
    raise AssertionError("prometheus ended")


async def test_no_panel_is_empty(web: Web, worker: object, tmp_path: Path) -> None:
    await web.event(floor=500)
    with listen("127.0.0.1", 0) as listener:
        ops = Ops(web.app.stores, web.app.queues, Loops())
        serving = asyncio.create_task(ops_server.serve(ops, listener))
        port = listener.getsockname()[1]
        try:
            async with prometheus(tmp_path, f"127.0.0.1:{port}") as client:
                empty = {title for title, _ in QUERIES}

                async def all_show_something() -> bool:
                    await _a_sale_goes_on(web)
                    for title, query in QUERIES:
                        if title in empty and await _answer(client, query):
                            empty.discard(title)
                    return not empty

                await wait_until(all_show_something, "data in every panel", timeout_s=60)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def _a_sale_goes_on(web: Web) -> None:
    _, booking = await web.inside("gala")
    await web.reserve("gala", booking, 1)


async def _answer(client: httpx.AsyncClient, query: str) -> list[Any]:
    answer = (await client.get("/api/v1/query", params={"query": query})).json()
    assert answer["status"] == "success", (query, answer)
    found: list[Any] = answer["data"]["result"]
    return found
