"""`fairgate gate`: nginx in front of a shop without a proxy, with the gate in it; started and supervised.

nginx handles HTTP: streams, WebSockets, TLS. We write its configuration, keep it running, make it reread
certificates and addresses, and measure the shop's health (`shop_health`).
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app import logs
from app.runtime.child_process import Child, die_with_parent, stop
from app.runtime.gate_conf import Plan, ProxyFailed, configuration

PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"))
WATCH_EVERY_S = 0.2
LOOK_UP_EVERY_S = 30.0
STOP_TIMEOUT_S = 10.0  # for requests in flight; afterwards they are cut off
FORCED_TIMEOUT_S = 5.0
RUN_TIMEOUT_S = 15.0  # includes name look-ups
PAGE_MAX = 256 * 1024
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="10">
<title>One moment</title>
<style>
  :root { color-scheme: light dark }
  body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto; padding: 0 1rem }
</style>
<h1>One moment</h1>
<p>This site isn't responding right now. The page will retry automatically.</p>
</html>
"""


def program() -> str:
    """The path of nginx. Raises ProxyFailed."""
    path = shutil.which("nginx", path=PLACES)
    if path is None:
        raise ProxyFailed("nginx is not installed; install it with: apt-get install nginx-light (or nginx)")
    return path


@contextmanager
def prepared(plan: Plan) -> Iterator[tuple[Path, Child]]:
    """Prepare the folder of an nginx, and the process to start. Raises ProxyFailed."""
    nginx, folder = program(), Path(tempfile.mkdtemp(prefix="fairgate-gate-"))
    try:
        folder.chmod(0o711)
        (folder / "nginx.conf").write_text(configuration(plan, folder, _version(nginx)))
        pages = folder / ".fairgate"
        pages.mkdir(mode=0o755)
        for name in ("shop.html", "away.html"):
            (pages / name).write_bytes(_page(plan))
            (pages / name).chmod(0o644)
        command = [nginx, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
        _check(command)
        dying = die_with_parent(signal.SIGTERM)

        def launch() -> subprocess.Popen[bytes]:
            (folder / "status").unlink(missing_ok=True)  # left over if nginx was killed
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=dying
            )

        yield folder, Child("nginx", launch)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def keep_running(child: Child, ended: asyncio.Event) -> None:
    """Keep nginx running until `ended`; then let it finish its requests."""
    log, loop = logs.get(__name__), asyncio.get_running_loop()
    child.start()
    loop.add_signal_handler(signal.SIGHUP, child.send, signal.SIGHUP)
    try:
        while not ended.is_set():
            group = child.process.pid if child.process else 0
            if (code := child.bury()) is not None:
                log.warning("nginx ended and is restarted", code=code)
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)  # remaining processes would keep the port
            if child.due:
                child.start()
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), WATCH_EVERY_S)
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        child.send(signal.SIGQUIT)
        await _until_ended(child)
        await asyncio.to_thread(stop, [child], FORCED_TIMEOUT_S)


async def _until_ended(child: Child) -> None:
    """Let it finish the requests in flight, for a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_TIMEOUT_S):
            while child.alive:  # noqa: ASYNC110  # a process does not announce its end
                await asyncio.sleep(WATCH_EVERY_S)


async def follow_addresses(plan: Plan, child: Child, ended: asyncio.Event) -> None:
    """Reload nginx when a name resolves to another address: by itself it only resolves names when it
    starts."""
    before = await _looked_up(plan)
    while not ended.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), LOOK_UP_EVERY_S)
        now = await _looked_up(plan)
        if now and now != before:
            logs.get(__name__).info("an address has changed; nginx is reloaded")
            child.send(signal.SIGHUP)
            before = now


async def _looked_up(plan: Plan) -> frozenset[str]:
    """The addresses of shop and Fairgate; empty while one cannot be resolved."""
    loop, addresses = asyncio.get_running_loop(), set()
    for address in (plan.origin, plan.fairgate):
        try:
            addresses |= {str(row[4][0]) for row in await loop.getaddrinfo(address.hostname, None)}
        except OSError:
            return frozenset()
    return frozenset(addresses)


def _page(plan: Plan) -> bytes:
    if plan.page is None:
        return PAGE.encode()
    try:
        page = plan.page.read_bytes()
    except OSError as error:
        raise ProxyFailed(f"{plan.page} cannot be read: {error.strerror}") from None
    if len(page) > PAGE_MAX:
        raise ProxyFailed(f"{plan.page} is larger than {PAGE_MAX // 1024} KiB")
    return page


def _version(nginx: str) -> tuple[int, ...]:
    match = re.search(r"nginx/([0-9.]+)", _run([nginx, "-v"])[1])
    return tuple(int(it) for it in match[1].split(".")) if match else ()


def _check(command: list[str]) -> None:
    """Have nginx check its configuration. Raises ProxyFailed with its message."""
    code, output = _run([*command, "-t", "-q"])
    if code:
        lines = [it for it in output.strip().splitlines() if "[warn]" not in it] or ["it printed nothing"]
        raise ProxyFailed(f"nginx does not start: {lines[0]}")


def _run(command: list[str]) -> tuple[int, str]:
    """Run a short command; returns its exit code and output."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=RUN_TIMEOUT_S, check=False
    )
    return done.returncode, done.stderr.decode(errors="replace")
