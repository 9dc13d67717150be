"""`fairgate gate`: a real shop behind a real nginx with the gate in it; pages, streams, outages."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request, TextMessage

from app.runtime import gate_conf, gate_proxy
from app.runtime.embedded_stores import free_port
from app.runtime.gate_conf import ProxyFailed
from app.runtime.shop_health import HealthReceiver
from tests.platform.outside import FAIRGATE, environment
from tests.routes.conftest import Web
from tests.support.app_server import serve_app
from tests.support.http import plain_client
from tests.support.shop import BIG, Reports, Shop, self_signed
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow

HTML = {"Accept": "text/html"}
WRONG_ADDRESSES = (
    *(
        "",
        "shop",
        "ftp://shop",
        "http://",
        "http://a b",
        "http://a;b",
        "http://a/x",
        "http://a?b",
        "http://u@a",
    ),
    *("http://a:0", "http://a:99999", "http://a:x", "http://[::1", "http://a{}"),
)


@pytest.fixture(autouse=True)
def _nginx() -> None:
    try:
        gate_proxy.program()
    except ProxyFailed as error:
        pytest.skip(str(error))


@asynccontextmanager
async def proxied(
    origin: str, fairgate: str, *options: str, port: int = 0, tls: Path | None = None, key: str = "a key"
) -> AsyncIterator[str]:
    """Run `fairgate gate` in front of the shop; yields its address."""
    port = port or free_port()
    process = await asyncio.create_subprocess_exec(
        *(FAIRGATE, "gate", "--origin", origin, "--fairgate", fairgate, "--port", str(port), *options),
        env=environment(FAIRGATE_API_KEY=key),
        stdout=asyncio.subprocess.PIPE,
    )
    url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    verify = ssl.create_default_context(cafile=str(tls)) if tls else True
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        assert line.decode().startswith(f"{url} -> {origin}")

        async def answers() -> bool:
            with suppress(httpx.TransportError):
                async with httpx.AsyncClient(verify=verify, timeout=PATIENCE_S) as client:
                    return bool((await client.get(f"{url}/")).status_code)
            return False

        await wait_until(answers, "nginx")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def test_everything_a_shop_does_goes_through(web: Web) -> None:
    port = free_port()
    await web.room(target_url=f"http://127.0.0.1:{port}/")
    shop = Shop()
    async with serve_app(shop.quart) as origin, serve_app(web.quart) as fairgate:
        key = web.as_("operator")["Authorization"].removeprefix("Bearer ")
        async with proxied(origin, fairgate, "--room", "hall", port=port, key=key) as url:
            async with plain_client(url, timeout=PATIENCE_S) as client:
                await pages(client)
                await streams(client, shop)
                await web_socket(url, client.cookies["fairgate_pass_hall"])
                await web.send(
                    "PATCH", "/v1/rooms/hall", json={"gate_mode": "queue_all"}, headers=web.as_("operator")
                )
                await queued(client, fairgate)

                async def is_reported() -> bool:
                    answer = await web.get("/v1/rooms/hall/origin", headers=web.as_("operator"))
                    health = answer.json()["health"]
                    return health is not None and health["p95_ms"] > 0

                await wait_until(is_reported, "the shop's health in the room")


async def pages(client: httpx.AsyncClient) -> None:
    """A page, what the shop learns about the visitor, and the pass."""
    forged = {
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "for=192.0.2.7",
        "Proxy-Authorization": "Basic eDp5",
        "TE": "trailers",
    }
    answer = await client.get("/?a=%2F..%2f&b", headers=HTML | forged)
    assert answer.status_code == 200
    assert {it.partition("=")[0] for it in answer.headers.get_list("set-cookie")} == {
        *("basket", "fairgate_pass_hall")
    }
    document = answer.json()
    assert document["host"] == document["x-forwarded-host"] == urlsplit(str(client.base_url)).netloc
    assert (document["x-forwarded-for"], document["x-real-ip"]) == ("127.0.0.1", "127.0.0.1")
    assert document["x-forwarded-proto"] == "http"
    assert document.keys().isdisjoint({"forwarded", "proxy-authorization", "te", "connection", "upgrade"})


async def streams(client: httpx.AsyncClient, shop: Shop) -> None:
    """Streaming in both directions: each side receives the first part before the last is sent."""

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        assert await asyncio.wait_for(shop.uploaded.get(), PATIENCE_S) == b"first"
        yield b"last"

    assert (await client.post("/", content=body())).status_code == 200
    assert shop.uploaded.get_nowait() == b"last"
    async with client.stream("GET", "/events") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "data: first"
        shop.on.set()
        assert [it async for it in lines if it] == ["data: last"]
    size = 0
    async with client.stream("GET", "/big") as stream:
        async for chunk in stream.aiter_raw():
            size += len(chunk)
    assert size == BIG


async def web_socket(url: str, token: str) -> None:
    """A message and its echo, for a visitor with a pass."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
    ours = WSConnection(ConnectionType.CLIENT)
    cookie = [(b"cookie", f"fairgate_pass_hall={token}".encode())]
    writer.write(ours.send(Request(host=urlsplit(url).netloc, target="/ws", extra_headers=cookie)))
    received: list[Any] = []
    while not any(isinstance(it, TextMessage) for it in received):
        ours.receive_data(await asyncio.wait_for(reader.read(65_536), PATIENCE_S))
        for event in ours.events():
            received.append(event)
            if isinstance(event, AcceptConnection):
                writer.write(ours.send(TextMessage("hello")))
    assert received[-1].data == "echo hello"
    writer.close()
    await writer.wait_closed()


async def queued(client: httpx.AsyncClient, fairgate: str) -> None:
    """With a crowd: visitors inside continue, pages lead to the queue, other requests learn its address."""
    async with plain_client(str(client.base_url), timeout=PATIENCE_S) as stranger:

        async def location() -> str:
            stranger.cookies.clear()
            return str((await stranger.get("/a?b=1", headers=HTML)).headers.get("location", ""))

        queue = f"{fairgate}/rooms/hall"
        found = await wait_until(location, "the queue")
        assert found.startswith(f"{queue}?return_to=http%3A%2F%2F127.0.0.1")
        assert (await client.get("/", headers=HTML)).status_code == 200
        stranger.cookies.clear()
        posted = await stranger.post("/", content=b"x")
        assert posted.status_code == 401
        assert posted.json()["queue_url"].partition("?")[0] == queue


async def test_the_shops_health_is_reported_and_outages_have_a_page() -> None:
    reports, shop = Reports(), Shop()
    async with serve_app(reports.quart) as fairgate:
        async with serve_app(shop.quart) as origin:
            running = proxied(origin, fairgate, "--room", "hall")
            url = await running.__aenter__()

            async with plain_client(url, timeout=PATIENCE_S) as client:

                async def is_well() -> bool:
                    await client.get("/")  # each may be too fast for nginx, which counts milliseconds
                    return any(it["p95_ms"] > 0 and it["error_rate"] == 0 for it in reports.received)

                await wait_until(is_well, "a report of a shop that is well")
            await killed_and_back(url)
        async with plain_client(url, timeout=PATIENCE_S) as client:
            down = await client.get("/", headers=HTML)
            assert (down.status_code, down.headers["retry-after"]) == (502, "5")
            assert "One moment" in down.text

            async def is_ill() -> bool:
                await client.get("/")
                return bool(reports.received[-1]["error_rate"])

            await wait_until(is_ill, "a report of a shop that fails")
            assert reports.received[-1]["in_flight"] is not None
            assert reports.received[-1]["server"]
    async with plain_client(url, timeout=PATIENCE_S) as client:
        away = await client.get("/", headers=HTML)
        assert (away.status_code, away.headers["retry-after"]) == (503, "5")
        assert "One moment" in away.text
        assert (await client.get("/.fairgate/gate")).status_code == 404  # only for nginx
    await running.__aexit__(None, None, None)


async def killed_and_back(url: str) -> None:
    """nginx is killed and its workers stay behind, holding the port: it comes back."""
    ours = psutil.Process().children(recursive=True)
    [first] = [it for it in ours if "nginx: master" in " ".join(it.cmdline())]
    workers = first.children()
    first.kill()

    async def are_others() -> bool:
        with suppress(httpx.TransportError):
            async with plain_client(timeout=PATIENCE_S) as client:
                return (await client.get(url)).is_success and not any(it.is_running() for it in workers)
        return False

    await wait_until(are_others, "another nginx")


async def test_with_fairgate_down_and_tls_of_ones_own_everybody_passes_if_told_so(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    page = tmp_path / "page.html"
    page.write_text("<p>Back at noon</p>")
    nobody = f"http://127.0.0.1:{free_port()}"
    options = (
        "--fail",
        "open",
        "--tls-cert",
        str(certificate),
        "--page",
        str(page),
        "--trust",
        "127.0.0.0/8",
    )
    async with serve_app(Shop().quart) as origin:
        running = proxied(origin, nobody, *options, "--origin-host", "shop.internal", tls=certificate)
        url = await running.__aenter__()
        async with httpx.AsyncClient(
            base_url=url,
            timeout=PATIENCE_S,
            http2=True,
            verify=ssl.create_default_context(cafile=certificate),
        ) as client:
            behind = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
            answer = await client.get("/", headers=behind)
            assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
            document = answer.json()
            assert (document["host"], document["x-forwarded-for"]) == ("shop.internal", "203.0.113.9")
            assert document["x-forwarded-proto"] == "https"
    async with httpx.AsyncClient(
        base_url=url, timeout=PATIENCE_S, verify=ssl.create_default_context(cafile=certificate)
    ) as client:
        assert "Back at noon" in (await client.get("/", headers=HTML)).text
    await running.__aexit__(None, None, None)


def test_what_the_log_says_of_the_shop() -> None:
    measuring = HealthReceiver()
    for status, begun in (
        ("200", "0.010"),
        ("502, 200", "0.001, 0.020"),
        ("504", "-"),
        ("502 : 500", "- : 0.1"),
    ):
        line = f"<190>Nov 29 03:00:00 gate: {status}|{begun}|60.000"
        measuring.datagram_received(line.encode(), None)
    measuring.datagram_received(b"<190>Nov 29 03:00:00 gate: -|-|0.000", None)  # refused by the gate
    health = measuring.health(now=0.0, in_flight=7, server="a")
    assert (health.p95_ms, health.error_rate, health.in_flight, health.server) == (60_000, 0.5, 7, "a")
    assert measuring.health(now=float("inf"), in_flight=None, server="").p95_ms == 0


@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_addresses_that_cannot_be_are_refused(address: str) -> None:
    with pytest.raises(ProxyFailed, match="--origin takes"):
        gate_conf.address_of(address, "--origin")
