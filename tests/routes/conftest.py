"""The real app on real stores, called over HTTP in this process; the worker's jobs run on demand."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr
from quart import Quart
from standardwebhooks import Webhook

from app.core.account import Account
from app.core.model import Role, RoomId
from app.main import create_app
from app.runtime.installation import STATEMENTS_KEPT
from app.settings import Settings
from app.store.connections import RedisClient, Stores
from app.web.http.routes import App
from tests.conftest import Servers
from tests.contract import response_check
from tests.support.builders import whole
from tests.support.shared_stores import shared_stores
from tests.support.waiting import PATIENCE_S, wait_until
from worker.context import WorkerContext
from worker.lifespan import LOOPS

OPS_TOKEN = "of operators, 32 characters ....."
GATEWAY_SECRET = "whsec_" + "c2VjcmV0" * 4


@dataclass
class Web:
    """A served app and a client for it."""

    quart: Quart
    http: httpx.AsyncClient
    settings: Settings

    @property
    def app(self) -> App:
        """What the app holds while it serves."""
        found: App = self.quart.extensions["fairgate"]
        return found

    def as_(self, role: Role, subject: str = "") -> dict[str, str]:
        """The header of an account."""
        account = Account(subject=subject or f"a-{role}", role=role)
        token, _ = self.app.keyring.signer.sign_access(account, int(time.time()))
        return bearer(token)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request. Cookies are only sent if a test names them."""
        self.http.cookies.clear()
        response = await self.http.request(method, path, **options)
        self.http.cookies.clear()
        response_check.check(method, path, response)
        return response

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return await self.send("GET", path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """POST."""
        return await self.send("POST", path, json=json, **options)

    async def staff(self, role: Role = "admin", subject: str = "") -> dict[str, str]:
        """Sign in to the console; returns what the browser sends with every form from then on."""
        token = self.as_(role, subject)["Authorization"].removeprefix("Bearer ")
        ours = {"Origin": "http://fairgate.test"}
        answer = await self.post("/admin/sign-in", data={"token": token}, headers=ours)
        assert answer.status_code == 303, answer.text
        return {"Cookie": answer.headers["set-cookie"].partition(";")[0], **ours}

    async def room(self, room_id: str = "hall", *, opened: bool = True, **settings: Any) -> str:
        """Create a room without an event."""
        body = {"room_id": room_id, "name": "The Hall", **settings}
        assert (await self.post("/v1/rooms", body, headers=self.as_("operator"))).status_code == 201
        if opened:
            opening = await self.post(f"/v1/rooms/{room_id}/open", headers=self.as_("operator"))
            assert opening.status_code == 200, opening.text
            await whole(self.app.stores, RoomId(room_id))
        return room_id

    async def event(
        self, event_id: str = "gala", *, opened: bool = True, floor: int = 10, **fields: Any
    ) -> str:
        """Create an event with one ticket type, `floor`, and its room with the same id."""
        body = {"event_id": event_id, "name": "Gala", "starts_at": "2030-01-01T20:00:00Z", **fields}
        made = await self.post("/v1/events", body, headers=self.as_("admin"))
        assert made.status_code == 201, made.text
        floor_type = {"ticket_type_id": "floor", "name": "Floor", "price": 5000, "quantity": floor}
        path = f"/v1/events/{event_id}/ticket-types"
        assert (await self.post(path, floor_type, headers=self.as_("admin"))).status_code == 201
        if opened:
            await self.post(f"/v1/rooms/{event_id}/open", headers=self.as_("operator"))
            await whole(self.app.stores, RoomId(event_id))
        return event_id

    async def join(self, room_id: str, **options: Any) -> dict[str, Any]:
        """The place of a new visitor."""
        response = await self.post(f"/v1/rooms/{room_id}/places", **options)
        assert response.status_code in (200, 201), response.text
        place: dict[str, Any] = response.json()
        return place

    async def inside(self, room_id: str, **options: Any) -> tuple[dict[str, str], dict[str, str]]:
        """A visitor with a session: the headers of their place token and of their booking token."""
        place = bearer((await self.join(room_id, **options))["place_token"])

        async def claimed() -> httpx.Response | None:
            response = await self.post(f"/v1/rooms/{room_id}/places/me/booking-token", headers=place)
            return response if response.status_code in (200, 201) else None

        response = await wait_until(claimed, "the claim")
        assert response is not None
        return place, bearer(response.json()["booking_token"])

    async def reserve(
        self, event_id: str, booking: dict[str, str], quantity: int = 1, key: str = "k", **headers: str
    ) -> httpx.Response:
        """Ask for tickets."""
        items = [{"ticket_type_id": "floor", "quantity": quantity}]
        return await self.post(
            f"/v1/events/{event_id}/reservations",
            {"items": items},
            headers={**booking, "Idempotency-Key": key, **headers},
        )


def stripe_signature(body: str, age_s: int = 0, secret: str = GATEWAY_SECRET) -> str:
    """The headers that Stripe sends with this body: an outdated signature and that of the secret."""
    at = int(time.time()) - age_s
    return f"t={at},v1=00,v1={hmac.new(secret.encode(), f'{at}.{body}'.encode(), hashlib.sha256).hexdigest()}"


def gateway_headers(body: str, message_id: str = "msg_1", age_s: int = 0) -> dict[str, str]:
    """The headers that the payment gateway, whichever it is, sends with this body."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    return {
        "content-type": "application/json",
        "Stripe-Signature": stripe_signature(body, age_s),
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(GATEWAY_SECRET).sign(message_id, at, body),
    }


def ops() -> dict[str, str]:
    """The Authorization header of an operator, who may see the metrics and why we are not ready."""
    return bearer(OPS_TOKEN)


def bearer(token: str) -> dict[str, str]:
    """The Authorization header."""
    return {"Authorization": f"Bearer {token}"}


def code(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, after checking its form."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem = response.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert problem["status"] == response.status_code
    return response.status_code, problem["code"]


def field_of(response: httpx.Response) -> str:
    """The field named by a 422."""
    assert code(response) == (422, "validation_failed")
    named: str = response.json()["errors"][0]["field"]
    return named


HASTY = PasswordHasher(time_cost=1, memory_cost=256)  # see tests/accounts/test_passwords.py
_idle: list[tuple[Settings, Quart]] = []  # compiling the routes of an app takes longer than most tests


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[Web]:
    """An app with these settings: an idle one is reused as it was built, and what it holds is opened anew."""
    at = next((at for at, (known, _) in enumerate(_idle) if known == settings), None)
    quart = create_app(settings, shared_stores) if at is None else _idle.pop(at)[1]
    async with quart.test_app():
        asgi: Any = quart
        transport = httpx.ASGITransport(app=asgi)
        async with httpx.AsyncClient(transport=transport, base_url="http://fairgate.test") as http:
            found = Web(quart, http, settings)
            found.app.passwords._hasher = HASTY
            yield found
    _idle.append((settings, quart))


@cache  # reading them takes 10 ms
def settings_of(servers: Servers) -> Settings:
    """Settings of a served app; throttles are off unless a test is about them."""
    return Settings(
        redis_url=servers.redis_url,
        database_url=servers.database_url,
        secret=SecretStr("only for tests, 32 characters ..."),
        payment_webhook_secret=SecretStr(GATEWAY_SECRET),
        ops_token=SecretStr(OPS_TOKEN),
        rate_limits=False,
        simulate_payments=True,
        public_url="",
        postgres_statements=STATEMENTS_KEPT,
        store_timeout_s=20,  # tests share their two cores with others
    )


@pytest.fixture
def settings(servers: Servers, redis: RedisClient, database_url: str) -> Settings:
    """The settings, for emptied stores: nothing that a previous test had throttled remains."""
    return settings_of(servers)


@pytest.fixture
async def web(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """The app without a worker: nothing happens unless requested."""
    async with served(settings) as found:
        yield found


@asynccontextmanager
async def working(stores: Stores, settings: Settings) -> AsyncIterator[WorkerContext]:
    """Run all of the worker's loops."""
    ctx = WorkerContext(settings, stores, "worker-of-a-test", asyncio.Event())
    tasks = [asyncio.ensure_future(loop(ctx)) for loop in LOOPS]
    try:
        yield ctx
    finally:  # also if the test failed: else they would go on during the next ones
        ctx.stopping.set()
        await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S)


@pytest.fixture
async def worker(stores: Stores, settings: Settings) -> AsyncIterator[WorkerContext]:
    """A worker for the duration of a test."""
    async with working(stores, settings) as found:
        yield found
