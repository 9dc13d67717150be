"""The rows of the gate in front of a shop: queried alone, beside the shared document, and by nginx."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from app.core.clock import to_ms
from app.core.model import RoomId
from app.core.tokens.claims import PassClaims, session_id
from app.core.tokens.tokens import BookingSigner
from app.runtime.embedded_stores import free_port
from app.store.sql.accounts import signing_keys
from app.store.sql.waiting_room import rooms
from load.measure import crowd
from load.measure.figures import Figure, Row, Trial, missing, row_of
from load.measure.trials import Run, measure
from load.measure.wrk import Requests, WrkOptions
from load.rows.nginx import with_nginx
from load.servers import proxy
from load.servers.product import Product
from load.servers.proxy import ProxyFailed

DEPLOYED = Path(__file__).parents[2] / "deploy" / "gate" / "nginx" / "gate.conf"
ROOM_IN_FILE, NAME = "opening-night", "shop.example"
SHOP = """server {{ listen 127.0.0.1:{port};
    location / {{ add_header X-Request-Id $http_x_request_id; return 200 'Shop'; }} }}
"""  # by the id wrk matches responses when it sends on a schedule
PACED_PER_S = 1_000
SESSIONS = "SELECT visitor_id, queue_number, expires_at FROM sessions WHERE room_id = $1"


async def gates(run: Run) -> Row:
    """A proxy asks whether visitors with a pass may continue, as it does for each request of the shop behind
    it.

    Measured in turn with the shared document: both are answered from memory, so the ratio does not depend on
    the time of day.
    """
    async with run.product() as product:
        requests = _gate_requests(await _passes(run, product, "gates"))
        await measure(product, replace(requests, again=False), crowd.unhurried(run.options), 204)  # warm-up
        trials, shares = [], []
        for _ in range(run.size.trials):
            status, _ = await measure(product, crowd.statuses(RoomId("gates")), run.options, 200)
            trial, _ = await measure(product, requests, run.options, 204)
            trials.append(trial)
            shares.append(trial.per_s / status.per_s if status.per_s else 0.0)
    row = row_of("gate", trials, note="`of status`: each trial against one of the status document before it")
    row.figures.append(Figure.of("of status", shares, at_least=0.6))
    return row


async def behind_nginx(run: Run) -> Row:
    """A shop at 1,000 connections behind nginx that asks the gate, and behind the same nginx without it."""
    options = replace(run.options, connections=run.size.proxy_connections)
    try:
        async with run.product() as product:
            cookies = await _passes(run, product, "shop")
            async with _before_a_shop(product, "shop") as (gated, plain):
                return await _against(run, product, options, cookies, gated, plain)
    except ProxyFailed as error:
        return missing("nginx-gate", str(error))


Proxy = tuple[str, psutil.Process]


async def _against(
    run: Run, product: Product, options: WrkOptions, cookies: Sequence[str], gated: Proxy, plain: Proxy
) -> Row:
    trials, alone, later_ms = [], [], []
    await _through(product, cookies, replace(options, seconds=max(5, options.seconds)), gated)  # warm-up
    for _ in range(run.size.trials):
        trials.append(await _through(product, cookies, options, gated))
        alone.append(await _through(product, cookies, options, plain))
        paced = replace(run.options, rate=PACED_PER_S)
        with_gate, without = [(await _through(product, cookies, paced, it)).p50_ms for it in (gated, plain)]
        later_ms.append(with_gate - without)
    row = row_of("nginx-gate", trials, note=f"{options.connections:,} connections; every answer has a pass")
    costs = [_cost_us(one) - _cost_us(other) for one, other in zip(trials, alone, strict=True)]
    row.figures.append(Figure.of("without the gate, a second", [it.per_s for it in alone]))
    row.figures.append(Figure.of("CPU us more for each request", costs))
    row.figures.append(Figure.of(f"p50 ms more at {PACED_PER_S:,} a second", later_ms, at_most=1.0))
    return row


async def _through(product: Product, cookies: Sequence[str], options: WrkOptions, proxied: Proxy) -> Trial:
    url, nginx = proxied
    headers = {"Host": NAME, "Cookie": "{1}", "Accept": "text/html"}
    requests = Requests("GET", "/cart?a=1", headers, lines=[(it,) for it in cookies], again=True)
    before = proxy.cpu_s(nginx)
    trial, _ = await measure(product, requests, options, 200, url=url)
    return with_nginx(trial, proxy.cpu_s(nginx) - before)


def _cost_us(trial: Trial) -> float:
    """CPU of nginx and the web process per response."""
    return trial.cpu_us.get("nginx", 0.0) + trial.cpu_us.get("web", 0.0)


@asynccontextmanager
async def _before_a_shop(product: Product, room_id: str) -> AsyncIterator[tuple[Proxy, Proxy]]:
    """Two nginx in front of one shop: as deployed, and without a gate."""
    async with AsyncExitStack() as stack:
        shop = free_port()
        url = f"http://127.0.0.1:{shop}/"
        await stack.enter_async_context(proxy.nginx(SHOP.format(port=shop), url))
        proxies: list[Proxy] = []
        for text in (DEPLOYED.read_text(), without_gate(DEPLOYED.read_text())):
            port = free_port()
            changes = {
                "listen 80;": f"listen 127.0.0.1:{port};",
                "127.0.0.1:8080": urlsplit(product.url).netloc,
                "127.0.0.1:3000": f"127.0.0.1:{shop}",
                ROOM_IN_FILE: room_id,
            }
            url = f"http://127.0.0.1:{port}/"
            process = await stack.enter_async_context(
                proxy.nginx(proxy.with_changes(text, changes, DEPLOYED), url)
            )
            proxies.append((url, process))
        yield proxies[0], proxies[1]


def without_gate(deployed: str) -> str:
    """The same configuration without the gate."""
    return re.sub(
        r"^\s*(auth_request|error_page|add_header Set-Cookie)\b.*\n", "", deployed, flags=re.MULTILINE
    )


def _gate_requests(cookies: Sequence[str]) -> Requests:
    """The requests that nginx sends to the gate."""
    headers = {
        "X-Original-URL": f"https://{NAME}/cart?a=1",
        "X-Original-Method": "GET",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "https",
        "Accept": "text/html",
        "Cookie": "{1}",
    }
    path = "/v1/rooms/gates/gate?deny=401"
    return Requests("GET", path, headers, lines=[(it,) for it in cookies], again=True)


async def _passes(run: Run, product: Product, name: str) -> list[str]:
    """Create visitors who are inside; return the cookies of their passes as the gate makes them."""
    sale = await crowd.open_sale(product, name)
    await crowd.inside(product, sale, run.size.payers, run.options)
    postgres = product.stores.postgres
    row = await rooms.select_room(postgres, sale.room_id)
    assert row is not None
    signer, now_s = BookingSigner(await signing_keys.load_keys(postgres)), int(time.time())
    cookies = []
    for visitor_id, number, expires_at in await postgres.fetch(SESSIONS, sale.room_id):
        ends_s = (to_ms(expires_at) or 0) // 1000
        sid = session_id(visitor_id, number)
        generation = row.room.generation
        claims = PassClaims(sale.room_id, visitor_id, sid, now_s, ends_s, now_s, generation=generation)
        cookies.append(f"fairgate_pass_{sale.room_id}={signer.sign_pass(claims)}")
    return cookies
