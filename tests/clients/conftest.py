"""A served Fairgate on a real port with a worker, and shops in other languages in front of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fairgate_gate.visits import no_cookies

from app.store.connections import connected
from tests.conftest import Servers
from tests.routes.conftest import Web, served, settings_of, working
from tests.support.app_server import serve_app
from tests.support.empty_database import Empty
from tests.support.waiting import PATIENCE_S

CLIENTS = Path(__file__).parents[2] / "clients"
NONE: Mapping[str, str] = {}
HTML = {"Accept": "text/html,application/xhtml+xml"}


@dataclass(frozen=True)
class Product:
    """Fairgate, as shops and visitors reach it."""

    web: Web
    url: str

    async def staff(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the staff API; a refusal fails the test."""
        async with httpx.AsyncClient(verify=False, base_url=self.url, timeout=20) as client:
            answer = await client.request(method, path, json=body, headers=self.web.as_("operator"))
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return dict(answer.json()) if answer.content else {}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def product(servers: Servers, empty: Empty) -> AsyncIterator[Product]:
    """One per module; each test has its own room."""
    chosen = settings_of(servers).model_copy(
        update={"webhooks_private": True, "trusted_proxies": ["127.0.0.1"]}
    )
    async with connected(chosen) as stores:
        await stores.redis.flushall()
        async with served(chosen) as site, working(stores, chosen), serve_app(site.quart) as url:
            yield Product(site, url)
        await stores.redis.flushall()
    await empty(servers.database_url)


@asynccontextmanager
async def program(*command: str, port: int = 0, environment: Mapping[str, str] = NONE) -> AsyncIterator[None]:
    """A program in another language, once it has printed `ready` or responds on a port."""
    found = shutil.which(command[0])
    if found is None or (command[0] == "node" and not (CLIENTS / "node_modules").exists()):
        pytest.skip(f"no {command[0]} here, or not what it needs (make test installs it)")
    process = await asyncio.create_subprocess_exec(
        found,
        *command[1:],
        cwd=CLIENTS,
        env={"PATH": "/usr/bin:/usr/local/bin", **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not port and (line := await process.stdout.readline()) != b"ready\n":
                assert line, f"{command} ended before it was ready"
            while port:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest_asyncio.fixture(loop_scope="session")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A visitor who follows no redirects and keeps no cookies."""
    async with httpx.AsyncClient(verify=False, timeout=20, cookies=no_cookies()) as client:
        yield client
