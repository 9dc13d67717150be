"""Runs the bare prototype and the server that does nothing, as processes beside a running product.

It starts `python -m load.reference.processes ROLE PORT`; the stores' addresses are in the environment under
the names that the product reads.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from redis.exceptions import ResponseError

from app.core.errors import CannotRun
from app.runtime import installation
from app.runtime.embedded_stores import free_port
from app.settings import Settings
from load.reference import bare, nothing
from load.servers.product import Product

STARTED_S, STOP_S = 30.0, 10.0
CONNECTIONS_MAX = 2_048
STOCK = 10**9
REDIS, POSTGRES = "REDIS_URL", "DATABASE_URL"


@dataclass(frozen=True, slots=True)
class Site:
    """The addresses of the prototype and of a server that does nothing."""

    url: str
    nothing_url: str
    processes: Mapping[str, psutil.Process]
    product: Product

    def cpu_s(self) -> dict[str, float]:
        """Seconds of CPU so far, of its own processes and of the stores, which are the product's."""
        own = {name: sum(it.cpu_times()[:2]) for name, it in self.processes.items()}
        stores = {
            name: spent for name, spent in self.product.cpu_s().items() if name not in ("web", "worker")
        }
        return own | stores

    async def committed(self) -> int:
        """How many reservations of the prototype are in Postgres."""
        count: int = await self.product.stores.postgres.fetchval(
            "SELECT count(*) FROM reference_reservations"
        )
        return count


@asynccontextmanager
async def beside(product: Product) -> AsyncIterator[Site]:
    """Run the reference processes on the stores of a running product; stopped on the way out."""
    settings = installation.resolve(Settings(data=product.data))
    redis: Any = product.stores.redis  # redis-py types these for its sync and async clients at once
    await redis.set(bare.STOCK, STOCK)
    try:
        await redis.xgroup_create(bare.STREAM, bare.GROUP, mkstream=True)
    except ResponseError:
        pass  # the group exists already
    await product.stores.postgres.execute(bare.TABLE)
    environment = {**os.environ, REDIS: settings.redis_url, POSTGRES: settings.database_url}
    ports = {"web": free_port(), "nothing": free_port(), "worker": 0}
    with ExitStack() as stack:
        found = {role: stack.enter_context(_started(role, port, environment)) for role, port in ports.items()}
        for port in (ports["web"], ports["nothing"]):
            await _listens(port)
        urls = {role: f"http://127.0.0.1:{port}" for role, port in ports.items()}
        yield Site(urls["web"], urls["nothing"], found, product)


@contextmanager
def _started(role: str, port: int, environment: Mapping[str, str]) -> Iterator[psutil.Process]:
    command = [sys.executable, "-m", __name__, role, str(port)]
    process = psutil.Popen(command, env=dict(environment), start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()


async def _listens(port: int) -> None:
    deadline = time.monotonic() + STARTED_S
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise CannotRun(f"the reference did not start within {STARTED_S:.0f} s") from None
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def _serve(app: Callable[..., Any], port: int, stop: asyncio.Event) -> None:
    server: Any = Server(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        backpressure=CONNECTIONS_MAX,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
    )
    serving = asyncio.create_task(server.serve())
    await stop.wait()
    server.stop()
    await serving


async def main(role: str, port: int) -> None:
    """Serve or work until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if role == "nothing":
        await _serve(nothing.app, port, stop)
    elif role == "web":
        application = bare.BareServer(os.environ[REDIS])
        await application.start()
        await _serve(application, port, stop)
    else:
        working = asyncio.create_task(bare.run_worker(os.environ[REDIS], os.environ[POSTGRES]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        working.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
