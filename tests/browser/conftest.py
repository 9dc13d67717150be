"""A running product and a real browser: `fairgate up` in its own folder, and Debian's Chromium."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)
from redis.asyncio import Redis

from app.core.model import RoomId
from app.runtime import installation
from app.runtime.embedded_stores import free_port
from app.store.keys import RoomKeys
from tests.browser.page_errors import listen
from tests.browser.starting import AWAY, wait_until_ready
from tests.support.beacon import a_chain, relay_in_a_thread
from tests.support.prepared_postgres import prepare
from tests.support.waiting import wait_until

CHROMIUM = "/usr/bin/chromium"
# The same engine without windows: a new page takes half the work.
HEADLESS = shutil.which("chromium-headless-shell") or CHROMIUM
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
FAIRGATE = str(Path(sys.executable).with_name("fairgate"))
CLOSE_TIMEOUT_S = 30  # a page that never finished navigating can keep a context from closing
EXPECT_TIMEOUT_MS = 30_000  # two cores are shared with a browser, two stores and other tests
PHONE = ViewportSize(width=360, height=740)

expect.set_options(timeout=EXPECT_TIMEOUT_MS)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Product:
    """`fairgate up`, and staff access to it."""

    url: str
    data: Path
    token: str

    async def staff(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the staff API; a refusal fails the test."""
        # Loading this machine's certificates would take longer than the call, and there is no TLS here.
        async with httpx.AsyncClient(verify=False, base_url=self.url, timeout=20) as client:
            headers = {"Authorization": f"Bearer {self.token}"}
            response = await client.request(method, path, json=body, headers=headers)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return dict(response.json()) if response.content else {}

    async def status(self, room_id: str) -> dict[str, Any]:
        """The room's shared status document, read after this call; any other may be a second old."""
        asked_at = datetime.now(UTC)

        async def read_since() -> dict[str, Any] | None:
            document = await self.staff("GET", f"/v1/rooms/{room_id}")
            return document if datetime.fromisoformat(document["updated_at"]) > asked_at else None

        return await wait_until(read_since, f"the status document of {room_id} to be read again")

    async def a_sale(
        self, *, tickets: int = 100, opened: bool = True, event: dict[str, Any] | None = None, **room: Any
    ) -> str:
        """A sale with one ticket type; nobody is called until a rate is set. Returns its room_id."""
        name = (event or {}).get("event_id") or f"sale-{next(_numbers)}"
        await self.staff(
            "POST",
            "/v1/events",
            {
                "event_id": name,
                "name": "Northern Lights",
                "starts_at": "2030-06-01T18:00:00Z",
                "venue": "Velodrome",
                **(event or {}),
                "room": {"admission_rate_per_minute": 0, **room},
            },
        )
        await self.staff(
            "POST",
            f"/v1/events/{name}/ticket-types",
            {"ticket_type_id": "standing", "name": "Standing", "price": 4500, "quantity": tickets},
        )
        if opened:
            await self.staff("POST", f"/v1/rooms/{name}/open", {})
        return name

    async def let_in(self, room_id: str) -> None:
        """Call everybody who waits, starting with the next tick."""
        await self.staff("PATCH", f"/v1/rooms/{room_id}", {"admission_rate_per_minute": 6000})

    async def close_rooms(self) -> None:
        """Close the room of every sale, as soon as the stores allow it."""

        async def closed() -> bool:
            with suppress(AssertionError):  # a test had a store taken away
                rooms = (await self.staff("GET", "/v1/rooms?all=true&per_page=100"))["items"]
                for it in rooms:
                    if it["state"] == "open" and it["kind"] == "sale":  # tests of the gate share their site
                        await self.staff("POST", f"/v1/rooms/{it['room_id']}/close")
                return True
            return False

        await wait_until(closed, "the end of a test's rooms")

    async def sql(self, statement: str, *values: object) -> str:
        """Change in the database what only time would; returns Postgres' response."""
        found = installation.running(self.data)
        assert found is not None
        connection = await asyncpg.connect(found.database_url)
        try:
            return str(await connection.execute(statement, *values))
        finally:
            await connection.close()

    async def wipe_redis(self) -> None:
        """Delete everything in Redis."""
        found = installation.running(self.data)
        assert found is not None
        async with Redis.from_url(found.redis_url) as redis:
            await redis.flushall()

    async def ticked(self, room_id: str) -> None:
        """Wait until a worker has noted when the room's queue moved."""
        meter = RoomKeys(RoomId(room_id)).meter
        found = installation.running(self.data)
        assert found is not None
        async with Redis.from_url(found.redis_url) as redis:

            async def recorded() -> bool:
                return int(await redis.hget(meter, "moved_ms") or 0) > 0

            await wait_until(recorded, f"the first tick of {room_id}")

    async def moved_ago(self, room_id: str, seconds: int) -> None:
        """Pretend that the room's queue last moved this much longer ago; requires that it has `ticked`."""
        found = installation.running(self.data)
        assert found is not None
        async with Redis.from_url(found.redis_url) as redis:
            await redis.hincrby(RoomKeys(RoomId(room_id)).meter, "moved_ms", -1000 * seconds)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Keep a store from responding for a while; its supervisor still sees a living process."""
        found = installation.running(self.data)
        assert found is not None
        process = next(child for child in found.children if child.name == name).find()
        assert process is not None
        family = [process, *process.children(recursive=True)]  # one process per connection
        for each in family:
            each.suspend()
        try:
            yield
        finally:
            for each in family:
                each.resume()


@contextmanager
def running(port: int = 0, **settings: str) -> Iterator[Product]:
    """Run `fairgate up` in its own folder, with these settings in its environment."""
    folder = Path(tempfile.mkdtemp(prefix="fairgate-browser-"))
    folder.chmod(0o711)
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FAIRGATE_") and name not in ("REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_URL")
    }
    environment = {
        **ours,
        "FAIRGATE_DATA": str(folder / "data"),
        "FAIRGATE_LOG_LEVEL": "warning",
        "FAIRGATE_SIMULATE_PAYMENTS": "on",
        **AWAY,
        **settings,
    }
    prepare(folder / "data" / "postgres")
    command = [FAIRGATE, "up", "--port", str(port), "--data", str(folder / "data")]
    with open(folder / "log", "w") as log:
        up = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        wait_until_ready(up, url)
        token = subprocess.run(
            [FAIRGATE, "token", "--role", "admin", "--sub", "browser-tests"],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        yield Product(url, folder / "data", token.stdout.strip())
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(15)
        assert up.stdout is not None
        up.stdout.close()
        sys.stderr.write((folder / "log").read_text()[-4000:])
        shutil.rmtree(folder)


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """The whole product, once per session; each test has a sale of its own."""
    with relay_in_a_thread(a_chain(int(time.time()) - 1_000, period=1)) as relay:
        info = msgspec.json.encode(relay.chain).decode()
        with running(
            FAIRGATE_BEACON_CHAIN=info, FAIRGATE_BEACON_RELAYS=f"http://127.0.0.1:9,{relay.url}"
        ) as found:
            yield found


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=HEADLESS, args=ARGUMENTS)
        yield browser
        await asyncio.wait_for(browser.close(), CLOSE_TIMEOUT_S)


OpenContext = Callable[..., Awaitable[BrowserContext]]


@pytest.fixture
async def visitor(chromium: Browser) -> AsyncIterator[OpenContext]:
    """Creates separate browsers with their own cookies. Errors they report about our pages fail the test."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    async def open_context(**options: Any) -> BrowserContext:
        context = await chromium.new_context(viewport=options.pop("viewport", PHONE), **options)
        listen(context, complaints)
        contexts.append(context)
        return context

    yield open_context
    for context in contexts:
        await asyncio.wait_for(context.close(), CLOSE_TIMEOUT_S)
    assert not complaints, complaints


@pytest.fixture(autouse=True)
async def rooms_closed(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Close the rooms of each test: eighty left open took a fifth of a core."""
    yield
    if "product" in request.fixturenames:
        product: Product = request.getfixturevalue("product")
        await product.close_rooms()


@pytest.fixture
async def page(visitor: OpenContext) -> Page:
    """One visitor's page, with scripts."""
    return await (await visitor()).new_page()


@pytest.fixture
async def plain_page(visitor: OpenContext) -> Page:
    """One visitor's page, without scripts."""
    return await (await visitor(java_script_enabled=False)).new_page()
