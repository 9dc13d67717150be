"""nginx on this machine: with the configuration of `deploy/` in front of a product, or with any other."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import httpx
import psutil

from app.core.errors import CannotRun
from app.runtime.embedded_stores import free_port

ROOT = Path(__file__).parents[2]
DEPLOYED = ROOT / "deploy" / "nginx" / "fairgate.conf"
NGINX = "apt-get install nginx-light (or nginx; brew install nginx)"
PLACES = (os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")  # on Debian it is not on users' PATH
START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes auto;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class ProxyFailed(CannotRun):
    """nginx did not start; the message is one line with its output."""


def settings_for(deployed: str, *, port: int, upstream: str, cache: Path, connections: int = 0) -> str:
    """Return the deployed configuration with our ports and cache folder, and possibly more connections per
    address.

    Nothing else is changed.
    """
    changes = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "server 127.0.0.1:8080;": f"server {upstream};",
        "proxy_cache_path /var/cache/nginx/fairgate": f"proxy_cache_path {cache}",
    }
    if connections:  # all come from this host
        changes["limit_conn fairgate_address 400;"] = f"limit_conn fairgate_address {connections};"
    return with_changes(deployed, changes, DEPLOYED)


def with_changes(deployed: str, changes: Mapping[str, str], file: Path) -> str:
    """Return the text of a deployed file with these changes. Raises ProxyFailed if one does not match exactly
    once."""
    for old, new in changes.items():
        if deployed.count(old) != 1:
            raise ProxyFailed(f"{file.relative_to(ROOT)} does not say `{old}` once; adapt load/")
        deployed = deployed.replace(old, new)
    return deployed


def program() -> str:
    """Return the path of nginx. Raises ProxyFailed."""
    path = which("nginx", path=os.pathsep.join(PLACES))
    if path is None:
        raise ProxyFailed(f"nginx missing; install it with: {NGINX}")
    return path


@asynccontextmanager
async def proxied(origin: str, *, connections: int = 0) -> AsyncIterator[tuple[str, psutil.Process]]:
    """Run nginx in front of Fairgate at `origin`; yields its address and its first process."""
    port, upstream = free_port(), urlsplit(origin).netloc
    with tempfile.TemporaryDirectory(prefix="fairgate-cache-") as cache:
        deployed = settings_for(
            DEPLOYED.read_text(),
            port=port,
            upstream=upstream,
            cache=Path(cache),
            connections=connections,
        )
        async with nginx(deployed, f"http://127.0.0.1:{port}/livez") as process:
            yield f"http://127.0.0.1:{port}", process


@asynccontextmanager
async def nginx(site: str, url: str) -> AsyncIterator[psutil.Process]:
    """Run nginx with this configuration of its sites, until it answers at `url`; yields its first process."""
    path = program()
    with tempfile.TemporaryDirectory(prefix="fairgate-nginx-") as name:
        folder = Path(name)
        (folder / "site.conf").write_text(site)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
        command = [path, "-p", name, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
        process = _launch(command)
        try:
            await _answers(url, process, folder / "error.log")
            yield psutil.Process(process.pid)
        finally:
            await asyncio.to_thread(_stop, process)


def _launch(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


async def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT_S), httpx.AsyncClient(trust_env=False) as client:
            while process.poll() is None:
                try:
                    if (await client.get(url)).status_code < 500:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    raise ProxyFailed(f"nginx did not start: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = log.read_text().strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it printed nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_s(process: psutil.Process) -> float:
    """The CPU that nginx has used."""
    times = [it.cpu_times() for it in (process, *process.children(recursive=True))]
    return float(sum(it.user + it.system for it in times))
