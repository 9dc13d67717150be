"""The stores of a fail-over, and the processes of Fairgate on them."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from app.runtime import child_process, embedded_stores
from app.runtime.embedded_postgres import start_postgres
from app.runtime.embedded_stores import start_valkey
from load.servers.replicas import behind_sentinels, in_a_cluster
from load.servers.standby import postgres_pair

StoreName = Literal["postgres-sync", "postgres-async", "sentinel", "cluster"]
SALE = "gala"
BEHIND_S = 1.0
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Installation:
    """The stores, and how one of them fails over."""

    settings: dict[str, str]
    fail_over: Callable[[], Awaitable[None]]


@asynccontextmanager
async def installation(store: StoreName, folder: Path, behind: bool) -> AsyncIterator[Installation]:
    """Start the stores of one run."""
    async with AsyncExitStack() as running:
        if store.startswith("postgres"):
            valkey = start_valkey(folder / "valkey")
            running.callback(embedded_stores.stop, valkey)
            pair = await running.enter_async_context(postgres_pair(folder))
            await embedded_stores.ready(valkey)
            if store == "postgres-sync":
                await pair.be_synchronous()

            async def promote() -> None:
                if behind:
                    await pair.cut_off()
                    await asyncio.sleep(BEHIND_S)
                pair.lose_primary()
                await pair.promote()

            yield Installation({"REDIS_URL": valkey.url, "DATABASE_URL": pair.url}, promote)
            return
        postgres = start_postgres(folder / "postgres")
        running.callback(embedded_stores.stop, postgres)
        made = behind_sentinels(folder) if store == "sentinel" else in_a_cluster(folder, SALE)
        redis = await running.enter_async_context(made)
        await embedded_stores.ready(postgres)
        settings = {"REDIS_URL": redis.url, "DATABASE_URL": postgres.url}
        if store == "cluster":
            queue = start_valkey(folder / "queue")
            running.callback(embedded_stores.stop, queue)
            settings["QUEUE_REDIS_URL"] = queue.url

        async def lose() -> None:
            if behind:
                await redis.cut_off()
                await asyncio.sleep(BEHIND_S)
            redis.lose_primary()
            await redis.promoted()

        yield Installation(settings, lose)


def environment_of(site: Installation, folder: Path) -> dict[str, str]:
    prefixes = ("FAIRGATE_", "REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_URL")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return (
        clean
        | site.settings
        | {
            "FAIRGATE_SECRET": secrets.token_hex(32),
            "FAIRGATE_RATE_LIMITS": "off",
            "FAIRGATE_SIMULATE_PAYMENTS": "on",
            "FAIRGATE_DATA": str(folder / "data"),
        }
    )


async def command(environment: dict[str, str], *words: str, fails: bool = False) -> str:
    process = await asyncio.create_subprocess_exec(
        *child_process.program(), *words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode and not fails:
        raise SystemExit(f"fairgate {' '.join(words)}: {err.decode()}")
    return out.decode() + err.decode()


def start(environment: dict[str, str], log: Path, *words: str) -> subprocess.Popen[bytes]:
    with open(log, "wb") as output:
        return subprocess.Popen(
            [*child_process.program(), *words], env=environment, stdout=output, stderr=output
        )


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()


async def ready(client: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise SystemExit("Fairgate did not become ready")
