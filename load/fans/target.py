"""The target of a load run: a product of its own, an installation in a folder, or a remote host."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.accounts import accounts
from app.core.errors import CannotRun
from app.runtime import installation
from app.runtime.sockets import ServerName
from app.settings import Settings
from app.store.connections import Stores, connected
from load.fans.scenarios import SCENARIOS, TICKET_TYPES, Name, sale_of, tickets_each
from load.servers import product

TIMEOUT_S = 30.0
JUDGE_TIMEOUT_S = 60.0
TRUSTED = "127.0.0.1/32"  # our own product trusts the visitor addresses we report


class NoTarget(CannotRun):
    """There is no target; the message is one line that says what to do."""


@dataclass(frozen=True)
class Target:
    """Where the visitors go. `staff_token`: empty without one; `stores`: None if they are elsewhere."""

    url: str
    staff_token: str
    stores: Stores | None
    description: str

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that keeps no visitor's cookies: it sends a token, or none."""
        async with httpx.AsyncClient(
            base_url=self.url,
            timeout=TIMEOUT_S,
            trust_env=False,
            verify=self.url.startswith("https:"),  # only then are the authorities read
        ) as client:
            yield client


@asynccontextmanager
async def open_target(host: str, data: Path | None, token: str, server: ServerName) -> AsyncIterator[Target]:
    """Open the requested target. Raises NoTarget, and NotStarted for a product of our own."""
    if host:
        if data is None:
            yield Target(host.rstrip("/"), token, None, f"{host}, judged from outside")
            return
        async with _local(data) as local:
            name = f"{host}, also judged with the stores of {data}"
            yield Target(host.rstrip("/"), token or local.staff_token, local.stores, name)
    elif data is not None:
        async with _local(data) as local:
            yield local
    else:
        with product.data_folder() as folder:
            async with product.running(folder, server, FAIRGATE_TRUSTED_PROXIES=TRUSTED) as own:
                bearer = own.staff.headers["Authorization"].removeprefix("Bearer ")
                yield Target(own.url, bearer, own.stores, f"a product of our own ({server}) at {own.url}")


@asynccontextmanager
async def _local(data: Path) -> AsyncIterator[Target]:
    running = installation.running(data)
    if running is None:
        raise NoTarget(f"nothing runs in {data}: start `fairgate up --data {data}`, or leave out --data")
    settings = installation.resolve(Settings(data=data, store_timeout_s=JUDGE_TIMEOUT_S))
    async with connected(settings) as stores:
        token, _ = await accounts.issue_access_token(stores.postgres, "load", "admin")
        yield Target(running.url, token, stores, f"{running.url} of {data}")


@dataclass(frozen=True, slots=True)
class Sale:
    """What is on sale. `rate`: admissions per minute; `ours`: created for this run, and closed after it."""

    room_id: str
    event_id: str | None
    ticket_type_ids: list[str]
    tickets_max: int
    rate: int
    ours: bool


async def create_sale(target: Target, client: httpx.AsyncClient, name: Name, fans: int) -> Sale:
    """Create an event for this scenario, with its room open unless everybody arrives before. Raises
    NoTarget."""
    if not target.staff_token:
        raise NoTarget("name a room of that host with --room, or give a staff token in FAIRGATE_LOAD_TOKEN")
    event_id = f"load-{name}-{secrets.token_hex(3)}"
    event = sale_of(name, fans)
    room: Any = event["room"]
    await staff(target, client, "/v1/events", {**event, "event_id": event_id, "name": f"Load test: {name}"})
    for kind in TICKET_TYPES:
        ticket_type = {"ticket_type_id": kind, "name": kind.title(), "price": 4900}
        path = f"/v1/events/{event_id}/ticket-types"
        await staff(target, client, path, {**ticket_type, "quantity": tickets_each(fans)})
    if not SCENARIOS[name].together:
        await staff(target, client, f"/v1/rooms/{event_id}/open")
    document = (await client.get(f"/v1/events/{event_id}")).json()
    rate = int(room["admission_rate_per_minute"])
    return Sale(event_id, event_id, list(TICKET_TYPES), document["max_tickets_per_visitor"], rate, ours=True)


async def read_sale(client: httpx.AsyncClient, room_id: str) -> Sale:
    """Return the sale of an existing room. Raises NoTarget."""
    status = await _fetched(client, f"/v1/rooms/{room_id}")
    event_id, rate = status["event_id"], status["admission_rate_per_minute"]
    if event_id is None:
        return Sale(room_id, None, [], 0, rate, ours=False)
    event = await _fetched(client, f"/v1/events/{event_id}")
    kinds = [it["ticket_type_id"] for it in event["ticket_types"]]
    return Sale(room_id, event_id, kinds, event["max_tickets_per_visitor"], rate, ours=False)


async def staff(target: Target, client: httpx.AsyncClient, path: str, body: object = None) -> None:
    """Make one POST as staff that has to succeed. Raises NoTarget."""
    headers = {"Authorization": f"Bearer {target.staff_token}"}
    try:
        answer = await client.post(path, json=body, headers=headers)
    except httpx.HTTPError as error:
        raise NoTarget(f"{target.url} cannot be reached: {error or type(error).__name__}") from None
    if answer.is_error:
        raise NoTarget(f"POST {path} at {target.url}: {answer.status_code} {answer.text[:300]}")


async def _fetched(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    try:
        answer = await client.get(path)
    except httpx.HTTPError as error:
        raise NoTarget(f"{client.base_url} cannot be reached: {error or type(error).__name__}") from None
    if answer.is_error:
        raise NoTarget(f"GET {path} at {client.base_url}: {answer.status_code} {answer.text[:300]}")
    document: dict[str, Any] = answer.json()
    return document
