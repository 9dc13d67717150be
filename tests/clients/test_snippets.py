"""The code that the console offers a site to copy, once copied: all of it asks the gate.
`tests/browser/test_gate.py` runs the proxies.
"""

from __future__ import annotations

import runpy
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.core.model import RoomId
from app.gate.snippets import WAYS, Site, filled
from app.runtime.embedded_stores import free_port
from tests.clients.conftest import CLIENTS, HTML, Product, program
from tests.clients.shops import _served
from tests.support.app_server import serve_app
from tests.support.waiting import wait_until

ASGI_SHOP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Shop"})
"""
WSGI_SHOP = """
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"Shop"]
"""
EXPRESS_SHOP = """
import { app } from "./gate.mjs";
app.use((request, response) => response.send("Shop"));
app.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
"""
NEXT_SHOP = """
import { createServer } from "node:http";
import { config, middleware } from "./middleware.js";
if (!new RegExp(`^${config.matcher}$`).test("/cart")) throw new Error("the pages are not matched");
createServer(async ({ method, url, headers }, response) => {
  const asked = { method, url: `http://${headers.host}${url}`, headers: new Headers(headers) };
  const found = await middleware(asked);
  response.statusCode = found.status;
  for (const [name, value] of found.headers) response.setHeader(name, value);
  response.end(found.headers.has("x-middleware-next") ? "Shop" : undefined);
}).listen(Number(process.env.PORT), "127.0.0.1", () => console.log("ready"));
"""


@asynccontextmanager
async def site(kind: str, folder: Path) -> AsyncIterator[str]:
    """Run a site in this folder that contains the copied code; yields its address."""
    port = free_port()
    url, environment = f"http://127.0.0.1:{port}", {"PORT": str(port)}
    if kind == "asgi":
        gate = runpy.run_path(str(folder / "gate.py"))["app"]
        async with aclosing(gate), serve_app(gate) as found:
            yield found
    elif kind == "wsgi":
        with _served(runpy.run_path(str(folder / "gate.py"))["app"]) as served:
            yield f"http://127.0.0.1:{served}"
    elif kind == "php":
        (folder / "index.php").write_text("Shop")
        shutil.copy(CLIENTS / "php" / "fairgate-gate.php", folder)
        prepended = f"auto_prepend_file={folder / 'gate.php'}"
        command = ("php", "-d", prepended, "-S", f"127.0.0.1:{port}", "-t", str(folder))
        async with program(*command, port=port):
            yield url
    else:
        modules = folder / "node_modules"
        (modules / "@fairgate").mkdir(parents=True)
        (modules / "@fairgate" / "gate").symlink_to(CLIENTS / "node")
        (modules / "express").symlink_to(CLIENTS / "node_modules" / "express")
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "site.js").write_text(EXPRESS_SHOP if kind == "express" else NEXT_SHOP)
        async with program("node", str(folder / "site.js"), environment=environment):
            yield url


@pytest.mark.parametrize("kind", ["asgi", "wsgi", "express", "next", "php"])
async def test_a_site_that_copied_it_asks_the_gate(
    product: Product, http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    room_id = f"copied-{kind}"
    room = {"name": "The shop", "target_url": "http://shop.localhost/", "gate_mode": "queue_all"}
    await product.staff("POST", "/v1/rooms", {"room_id": room_id, **room})
    await product.staff("POST", f"/v1/rooms/{room_id}/open")
    values = Site(room_id=RoomId(room_id), target_url=room["target_url"], public_url=product.url)
    for file, text in filled(WAYS[kind], values):
        (tmp_path / Path(file.path).name).write_text(text)
    (tmp_path / "shop.py").write_text(ASGI_SHOP if kind == "asgi" else WSGI_SHOP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    async with site(kind, tmp_path) as url:

        async def get_page() -> httpx.Response:
            return await http.get(f"{url}/", headers={"Host": "shop.localhost", **HTML})

        sent = await get_page()
        assert sent.status_code == 302, sent.text
        assert sent.headers["location"].startswith(f"{product.url}/rooms/{room_id}?return_to=")
        await product.staff("PATCH", f"/v1/rooms/{room_id}", {"gate_mode": "off"})

        async def passes() -> bool:
            found = await get_page()
            return (found.status_code, found.text) == (200, "Shop")

        await wait_until(passes, "the gate to be off")
    monkeypatch.delitem(sys.modules, "shop", raising=False)
