"""Runs a crowd against a shop behind the gate, which is started here unless one is named.

`fairgate load --scenario gate` starts this as `python -m load.gate.run ORDER`, with the JSON of `Order`.
"""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import msgspec
from rich.console import Console

from app.core.errors import CannotRun
from app.runtime import child_process, gate_proxy
from app.runtime.embedded_stores import free_port
from app.runtime.sockets import ServerName
from load.fans.target import NoTarget
from load.gate.crowd import Outcomes, run_browsers
from load.measure.figures import percentile
from load.servers import product

TELL_EVERY_S = 5.0
START_TIMEOUT_S = 30.0
TRUSTED = "127.0.0.0/8"
PAGE = b"<!doctype html><title>Shop</title><h1>Shop</h1>"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%s" % (len(PAGE), PAGE)


class Order(msgspec.Struct, frozen=True):
    """The relevant options of the command line. `host`: the shop's address for visitors."""

    fans: int = 500
    seconds: int = 120
    host: str = ""
    server: ServerName = "granian"


async def run(order: Order) -> bool:
    """Run once; return whether the verdict is good. Raises CannotRun."""
    async with _named(order.host) if order.host else _own_shop(order) as shop:
        print(f"load: {order.fans} browsers at {shop}", file=sys.stderr, flush=True)
        outcomes = Outcomes()
        telling = asyncio.create_task(_print_progress(outcomes, order.fans))
        try:
            await run_browsers(shop, order.fans, order.seconds, outcomes)
        finally:
            telling.cancel()
    show(outcomes, order.fans)
    return outcomes.good


@asynccontextmanager
async def _named(host: str) -> AsyncIterator[str]:
    if not await _listens(host):
        raise NoTarget(f"{host} cannot be reached")
    yield host


@asynccontextmanager
async def _own_shop(order: Order) -> AsyncIterator[str]:
    """Start a product, a shop with a room for a third of the crowd, and `fairgate gate` between them."""
    gate_proxy.program()
    port, room_id = free_port(), f"load-gate-{secrets.token_hex(3)}"
    shop = f"http://127.0.0.1:{port}"
    with product.data_folder() as folder:
        async with product.running(folder, order.server, FAIRGATE_TRUSTED_PROXIES=TRUSTED) as own:
            room = {"room_id": room_id, "name": "Load test: gate", "target_url": f"{shop}/", "public": False}
            pace = {"admission_rate_per_minute": max(60, 6 * order.fans), "session_renews": True}
            await own.post(
                "/v1/rooms",
                room | pace | {"session_ttl_s": 10, "active_visitors_max": max(5, order.fans // 3)},
            )
            await own.post(f"/v1/rooms/{room_id}/open")
            async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
                origin = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
                options = ("--origin", origin, "--room", room_id, "--fairgate", own.url, "--port", str(port))
                async with proxied(shop, *options):
                    yield shop


@asynccontextmanager
async def proxied(shop: str, *options: str) -> AsyncIterator[None]:
    """Start `fairgate gate`, which trusts the address that each browser reports."""
    process = await asyncio.create_subprocess_exec(
        *child_process.program(),
        "gate",
        *options,
        *("--trust", TRUSTED),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        await _answers(shop, process)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A shop that has one page."""
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
    writer.close()


async def _answers(shop: str, process: asyncio.subprocess.Process) -> None:
    ends_at_s = time.monotonic() + START_TIMEOUT_S
    while process.returncode is None and time.monotonic() < ends_at_s:
        if await _listens(shop):
            return
        await asyncio.sleep(0.1)
    raise NoTarget("`fairgate gate` did not start; try it separately")


async def _listens(url: str) -> bool:
    """Whether a server accepts connections there. No request is sent, because the gate would count it as a
    visitor."""
    split = urlsplit(url)
    port = split.port or (443 if split.scheme == "https" else 80)
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            _, writer = await asyncio.open_connection(split.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _print_progress(outcomes: Outcomes, fans: int) -> None:
    began_s = time.monotonic()
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        queued = outcomes.count["queued"] - len(outcomes.waits_s)
        print(
            f"load: {time.monotonic() - began_s:>4.0f} s: {outcomes.count['came']} of {fans} came, "
            f"{queued} queue, {outcomes.inside} inside, "
            f"{outcomes.count['looked at all their pages']} through, "
            f"{sum(outcomes.errors.values())} errors",
            file=sys.stderr,
            flush=True,
        )


def show(outcomes: Outcomes, fans: int) -> None:
    """Print what they saw, and the verdict."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"gate, {fans} browsers")
    console.print("  " + ", ".join(f"{count:,} {words}" for words, count in outcomes.count.items() if count))
    console.print(f"  most inside at once: {outcomes.inside_max:,}")
    console.print(f"  waited in the queue: {_of(outcomes.waits_s, 's')}")
    console.print(f"  pages of the shop, inside: {_of(outcomes.shop_ms, 'ms')}")
    errors = ", ".join(f"{count:,} {words}" for words, count in outcomes.errors.items()) or "none"
    console.print(f"  errors: {errors}", markup=False)
    console.print(f"verdict: {'good' if outcomes.good else 'NOT GOOD'}")


def _of(values: Sequence[float], unit: str) -> str:
    if not values:
        return "none"
    parts = [f"p{percent} {percentile(values, percent):,.1f} {unit}" for percent in (50, 95)]
    return ", ".join([f"{len(values):,}", *parts, f"longest {max(values):,.1f} {unit}"])


def main() -> int:
    """Exit code 0: the verdict is good; 1: it is not, or the run could not be made."""
    try:
        return 0 if asyncio.run(run(msgspec.json.decode(sys.argv[1], type=Order))) else 1
    except CannotRun as error:
        print(f"fairgate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
