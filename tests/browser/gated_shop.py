"""A shop behind a proxy of `deploy/gate/`, on another host name than Fairgate: real programs, as deployed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.runtime.embedded_stores import free_port
from tests.browser.conftest import Product, running
from tests.support.waiting import wait_until

DEPLOYED = Path(__file__).parents[2] / "deploy" / "gate"
PROGRAMS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
FAIRGATE_NAME, SHOP_NAME = "tickets.localhost", "shop.localhost"
ROOM_IN_FILES = "opening-night"
Headers = Mapping[str, str]
NONE: Headers = {}
NGINX_MAIN = """
daemon off; {user}
pid {folder}/nginx.pid; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/gate.conf;
}}
"""
LUASOCKET = Path("/usr/share/lua/5.3/socket/http.lua")  # Debian's lua-socket
APACHE_MAIN = """
ServerRoot /usr/lib/apache2
{user}
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule setenvif_module modules/mod_setenvif.so
LoadModule headers_module modules/mod_headers.so
LoadModule lua_module modules/mod_lua.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
Listen 127.0.0.1:{port}
ServerName localhost
"""


@dataclass
class Shop:
    """An external site: it records the requests it gets, and knows nothing of Fairgate."""

    port: int = 0
    requests: list[str] = field(default_factory=list)  # "GET /cart?a=1", in order

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                method, target, _ = head[0].split(" ")
                self.requests.append(f"{method} {target}")
                page = f"<!doctype html><title>Shop</title><h1>Shop {method} {target}</h1>{body.decode()}"
                answer = "" if method == "HEAD" else page
                writer.write(
                    f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(page)}\r\n"
                    f"set-cookie: basket=1; Path=/\r\n\r\n{answer}".encode()
                )
                await writer.drain()
        writer.close()


@dataclass(frozen=True)
class GatedShop:
    """The product, the shop, and one proxy between browsers and the shop."""

    product: Product
    shop: Shop
    room_id: str
    port: int  # of the proxy

    @property
    def url(self) -> str:
        """The shop's address for visitors."""
        return f"http://{SHOP_NAME}:{self.port}"

    @property
    def queue(self) -> str:
        """The queue page's address for visitors."""
        return f"http://{FAIRGATE_NAME}:{urlsplit(self.product.url).port}/rooms/{self.room_id}"

    async def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        page: bool = True,
        body: str = "",
        headers: Headers = NONE,
    ) -> httpx.Response:
        """One request as curl makes it: no cookies except those given, and no redirects followed."""
        return await ask_proxy(self.port, path, method, page=page, body=body, headers=headers)

    async def set(self, **settings: Any) -> None:
        """Change the room's settings, which the gate applies immediately."""
        await self.product.staff("PATCH", f"/v1/rooms/{self.room_id}", settings)


async def ask_proxy(
    port: int,
    path: str,
    method: str = "GET",
    *,
    page: bool = True,
    body: str = "",
    headers: Headers = NONE,
) -> httpx.Response:
    """The response of a proxy on this port."""
    accept = {"Accept": "text/html" if page else "application/json"}
    sent = {"Host": f"{SHOP_NAME}:{port}", **accept, **headers}
    async with httpx.AsyncClient(verify=False, timeout=20) as client:
        return await client.request(
            method, f"http://127.0.0.1:{port}{path}", headers=sent, content=body or None
        )


@contextmanager
def fairgate() -> Iterator[Product]:
    """A product with its public address configured."""
    port = free_port()
    ours = {"FAIRGATE_PUBLIC_URL": f"http://{FAIRGATE_NAME}:{port}", "FAIRGATE_TRUSTED_PROXIES": "127.0.0.1"}
    with running(port, **ours, FAIRGATE_RATE_LIMITS="off") as found:
        yield found


@asynccontextmanager
async def a_gated_shop(
    product: Product, proxy: str, room_id: str, **settings: Any
) -> AsyncIterator[GatedShop]:
    """A shop behind this proxy, and an open room for it in which nobody is called."""
    port = free_port()
    room = {"name": "The shop", "target_url": f"http://{SHOP_NAME}:{port}/", "admission_rate_per_minute": 0}
    await product.staff("POST", "/v1/rooms", {"room_id": room_id, **room, **settings})
    await product.staff("POST", f"/v1/rooms/{room_id}/open", {})
    async with a_shop() as shop:
        with start(proxy, port, shop.port, urlsplit(product.url).port or 0, room_id) as log:
            found = GatedShop(product, shop, room_id, port)

            async def answers() -> bool:
                with suppress(httpx.TransportError):
                    return (await found.ask("/", page=False)).status_code in (200, 401)
                return False

            await wait_until(answers, f"{proxy} on port {port}, see {log}")
            yield found


@asynccontextmanager
async def a_shop() -> AsyncIterator[Shop]:
    """A shop that runs until its proxies are gone."""
    shop = Shop()
    server = await asyncio.start_server(shop.serve, "127.0.0.1", 0)
    shop.port = server.sockets[0].getsockname()[1]
    async with server:
        yield shop


@contextmanager
def start(
    proxy: str, port: int, shop: int, fairgate: int, room_id: str, changes: dict[str, str] | None = None
) -> Iterator[Path]:
    """Run the proxy in its own folder; its output goes into this file, and is shown when it ends.

    `changes`: replacements that the deployed file itself describes.
    """
    folder = Path(tempfile.mkdtemp(prefix="fairgate-gate-"))
    folder.chmod(0o755)
    command = _PROXIES[proxy](folder, port, shop, fairgate, room_id)
    file = Path(command[-1]) if proxy != "nginx" else folder / "gate.conf"
    file.write_text(_changed(file.read_text(), changes or {}))
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)})
    try:
        yield folder / "log"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        sys.stderr.write((folder / "log").read_text()[-4000:])
        shutil.rmtree(folder, ignore_errors=True)


def available(proxy: str) -> bool:
    """Whether the program is installed; `make test` installs it where it can."""
    needs = proxy != "apache2" or LUASOCKET.exists()
    return needs and shutil.which(proxy, path=PROGRAMS) is not None


def _changed(text: str, changes: dict[str, str]) -> str:
    """The deployed file with only our ports and names replaced."""
    for old, new in changes.items():
        assert old in text, f"the file of deploy/gate/ does not contain `{old}`"
        text = text.replace(old, new)
    return text


def _nginx(folder: Path, port: int, shop: int, fairgate: int, room_id: str) -> list[str]:
    changes = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8080": f"127.0.0.1:{fairgate}",
        "127.0.0.1:3000": f"127.0.0.1:{shop}",
        "shop.example": SHOP_NAME,
        ROOM_IN_FILES: room_id,
    }
    (folder / "gate.conf").write_text(_changed((DEPLOYED / "nginx" / "gate.conf").read_text(), changes))
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX_MAIN.format(folder=folder, user=user))
    program = shutil.which("nginx", path=PROGRAMS) or "nginx"
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def _haproxy(folder: Path, port: int, shop: int, fairgate: int, room_id: str) -> list[str]:
    shutil.copy(DEPLOYED / "haproxy" / "gate.lua", folder / "gate.lua")
    changes = {
        "/etc/haproxy/gate.lua": f"{folder}/gate.lua",
        "bind :80": f"bind 127.0.0.1:{port}",
        "127.0.0.1:8080": f"127.0.0.1:{fairgate}",
        "127.0.0.1:3000": f"127.0.0.1:{shop}",
        ROOM_IN_FILES: room_id,
    }
    text = _changed((DEPLOYED / "haproxy" / "haproxy.cfg").read_text(), changes)
    (folder / "haproxy.cfg").write_text(text)
    return [shutil.which("haproxy", path=PROGRAMS) or "haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


def _caddy(folder: Path, port: int, shop: int, fairgate: int, room_id: str) -> list[str]:
    changes = {
        "http://shop.example {": f"http://{SHOP_NAME}:{port} {{\n\tbind 127.0.0.1",
        "127.0.0.1:8080": f"127.0.0.1:{fairgate}",
        "127.0.0.1:3000": f"127.0.0.1:{shop}",
        ROOM_IN_FILES: room_id,
    }
    ours = "{\n\tadmin off\n}\n"
    text = ours + _changed((DEPLOYED / "caddy" / "Caddyfile").read_text(), changes)
    (folder / "Caddyfile").write_text(text)
    return [shutil.which("caddy", path=PROGRAMS) or "caddy", "run", "--config", str(folder / "Caddyfile")]


def _apache2(folder: Path, port: int, shop: int, fairgate: int, room_id: str) -> list[str]:
    shutil.copy(DEPLOYED / "apache" / "gate.lua", folder / "gate.lua")
    changes = {
        "<VirtualHost *:80>": f"<VirtualHost 127.0.0.1:{port}>",
        "/etc/apache2/gate.lua": f"{folder}/gate.lua",
        "127.0.0.1:8080": f"127.0.0.1:{fairgate}",
        "127.0.0.1:3000": f"127.0.0.1:{shop}",
        "shop.example": SHOP_NAME,
        ROOM_IN_FILES: room_id,
    }
    ours = APACHE_MAIN.format(folder=folder, port=port, user="User www-data" if os.getuid() == 0 else "")
    text = ours + _changed((DEPLOYED / "apache" / "gate.conf").read_text(), changes)
    (folder / "gate.conf").write_text(text)
    return [
        shutil.which("apache2", path=PROGRAMS) or "apache2",
        "-DFOREGROUND",
        "-f",
        str(folder / "gate.conf"),
    ]


_PROXIES: dict[str, Callable[[Path, int, int, int, str], list[str]]] = {
    "nginx": _nginx,
    "haproxy": _haproxy,
    "caddy": _caddy,
    "apache2": _apache2,
}
