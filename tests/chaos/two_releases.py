"""Processes of two releases on the same stores, behind a proxy that knows which of them are ready."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from app.runtime.child_process import die_with_parent
from app.runtime.sockets import listen, url_of
from tests.chaos.site import Site
from tests.platform.outside import environment
from tests.support.http import plain_client
from tests.support.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[2]
FIRST = (
    # used as the previous release while no version is tagged before ours
    "56335acbdd6dd3cdadf5eab5f92d425c44d4b1d9"
)


def git(*arguments: str) -> bytes:
    """What git reports about our repository; empty if it cannot."""
    try:
        ended = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return ended.stdout if ended.returncode == 0 else b""


def release_before(folder: Path) -> Path:
    """A checkout of the newest release before this commit. Skips if the history is not available."""
    tag = git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD~1").decode().strip()
    archive = git("archive", tag or FIRST)
    if not archive:
        shallow = git("rev-parse", "--is-shallow-repository").decode().strip() == "true"
        pytest.skip(f"no {tag or FIRST[:7]} here: " + ("the clone is shallow" if shallow else "no history"))
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        if hasattr(tarfile, "data_filter"):  # since 3.11.4; git itself wrote the archive
            files.extractall(folder, filter="data")
        else:
            files.extractall(folder)
    return folder


@dataclass
class Release:
    """A release that runs from a checkout, and how its processes reach the stores."""

    checkout: Path
    settings: dict[str, str]
    log: Path

    @property
    def drains(self) -> bool:
        """Whether its web processes announce that they are about to end."""
        return any("shutdown_delay_s" in it.read_text() for it in (self.checkout / "app").rglob("*.py"))

    async def start(
        self, *arguments: str, fd: int = -1, out: int | None = None
    ) -> asyncio.subprocess.Process:
        """Start a command; its output goes into the log, or where `out` says."""
        given = environment(**self.settings)
        given.pop("PYTHONDONTWRITEBYTECODE", None)  # its files are new, and several processes load them
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, str(self.checkout / "fairgate"), *arguments),
                env=given,
                stdout=log if out is None else out,
                stderr=log,
                pass_fds=(fd,) if fd >= 0 else (),
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    async def run(self, *arguments: str) -> str:
        """Run a command to its end and return its output. Asserts that it succeeds."""
        process = await self.start(*arguments, out=asyncio.subprocess.PIPE)
        printed, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 0, self.log.read_text()
        return printed.decode()


@dataclass
class Proxy(httpx.AsyncBaseTransport):
    """Asks one web process after another and, like nginx, tries the next one only if a connection was
    refused, so that nothing had been sent. It checks readiness like any load balancer, and asks all if none
    is ready.
    """

    known: list[str] = field(default_factory=list)
    unready: set[str] = field(default_factory=set)
    inner: httpx.AsyncHTTPTransport = field(default_factory=httpx.AsyncHTTPTransport)
    _turns: itertools.count[int] = field(default_factory=itertools.count)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        turn = next(self._turns)
        backends = [it for it in self.known if it not in self.unready] or self.known[:]
        for number in range(len(backends)):
            to = httpx.URL(backends[(turn + number) % len(backends)])
            request.url = request.url.copy_with(host=to.host, port=to.port)
            try:
                return await self.inner.handle_async_request(request)
            except httpx.ConnectError:
                continue
        raise httpx.ConnectError("no process accepts a connection")

    async def keep_ready(self) -> None:
        """Keep checking who is ready, until cancelled."""
        async with plain_client(timeout=PATIENCE_S) as client:
            while True:
                for backend in self.known[:]:
                    if await ready(client, backend):
                        self.unready.discard(backend)
                    else:
                        self.unready.add(backend)
                await asyncio.sleep(0.1)

    async def aclose(self) -> None:
        """Do nothing: several clients share its connections."""


async def ready(client: httpx.AsyncClient, url: str) -> bool:
    """Whether a web process can do its work, checked as any proxy does."""
    try:
        return (await client.get(f"{url}/readyz")).status_code == 200
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class ProxiedSite(Site):
    """A site behind a proxy."""

    proxy: Proxy

    def client(self) -> httpx.AsyncClient:
        """A client for many visitors, which keeps no cookies."""
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return httpx.AsyncClient(
            base_url="http://fairgate.test", transport=self.proxy, cookies=cookies, timeout=PATIENCE_S
        )


@dataclass
class Fleet:
    """What runs behind a proxy."""

    proxy: Proxy = field(default_factory=Proxy)
    running: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def web(self, release: Release, server: str) -> tuple[str, asyncio.subprocess.Process]:
        """Start a web process, which the proxy uses as soon as it is ready."""
        listener = listen("127.0.0.1", 0)
        url, number = url_of("127.0.0.1", listener), listener.fileno()
        process = await release.start("web", "--server", server, "--fd", str(number), fd=number)
        listener.close()
        self.running.append(process)
        async with plain_client(timeout=PATIENCE_S) as client:
            await wait_until(lambda: ready(client, url), f"a web process of {release.checkout}", every_s=0.1)
        self.proxy.known.append(url)
        return url, process

    async def worker(self, release: Release) -> asyncio.subprocess.Process:
        """Start a worker."""
        process = await release.start("worker")
        self.running.append(process)
        return process

    @staticmethod
    async def stop(*processes: asyncio.subprocess.Process) -> None:
        """Send SIGTERM. Asserts that each one ends cleanly."""
        for process in processes:
            process.terminate()
        for process in processes:
            assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


@asynccontextmanager
async def a_fleet() -> AsyncIterator[Fleet]:
    """A fleet of which nothing is left at the end."""
    fleet = Fleet()
    async with AsyncExitStack() as stack:
        readiness = asyncio.create_task(fleet.proxy.keep_ready())
        stack.callback(readiness.cancel)
        stack.push_async_callback(fleet.proxy.inner.aclose)
        try:
            yield fleet
        finally:
            for process in fleet.running:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
