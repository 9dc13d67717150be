"""Bad input through real HTTP, on both servers: a clear 4xx with the right code, and nothing changes."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import Any

import httpx
import pytest

from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis.backlogs import backlog
from tests.chaos import bad_bodies, bad_calls
from tests.chaos.bad_requests import CONFIRM, JSON, KEY, RESERVE, BadRequest
from tests.chaos.crowd import Crowd, Sale, Visitor
from tests.chaos.site import Site
from tests.platform.outside import fairgate
from tests.support.tampering import tampered
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos

ALL = [
    *bad_bodies.BODIES,
    *bad_bodies.HEADERS,
    *bad_bodies.PAYMENTS,
    *bad_bodies.STAFF,
    *bad_bodies.ACCOUNTS,
    *bad_calls.CREDENTIALS,
    *bad_calls.ADDRESSES,
]
TABLES = (
    "events",
    "rooms",
    "ticket_types",
    "reservations",
    "payments",
    "sessions",
    "removed_visitors",
    "accounts",
    "audit",
)
COUNTS = ", ".join(f"(SELECT count(*) FROM {it}) AS {it}" for it in TABLES)
OF_POSTGRES = f"SELECT {COUNTS}, state, version, settings FROM rooms WHERE room_id = $1"


@dataclass(frozen=True)
class Stage:
    """A sale with a buyer inside, everything the bad requests refer to, and both stores for checking."""

    client: httpx.AsyncClient
    stores: Stores
    sale: Sale
    names: dict[str, str]  # the values for the braces in paths
    tokens: dict[str, str]  # the Authorization header for each `who`

    def filled(self, text: str) -> str:
        """The text with the names of this stage filled in."""
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text

    async def snapshot(self) -> dict[str, Any]:
        """Everything that a bad request must not change, in few round trips: read before and after each."""
        keys = RoomKeys(self.sale.room_id)
        row = await self.stores.postgres.fetchrow(OF_POSTGRES, self.sale.room_id)
        assert row is not None
        async with self.stores.redis.pipeline(transaction=False) as asking:
            for key in (keys.stock, keys.holds, keys.allowance):
                asking.hgetall(key)
            asking.hget(keys.meter, "last_number")
            of_redis = await asking.execute()
        redis_values = zip(("stock", "holds", "allowance", "last_number"), of_redis, strict=True)
        return {**row, **dict(redis_values), "stream": await backlog(self.stores.redis, keys)}


@pytest.fixture(scope="module", params=["pair", "lone"])
def bad_site(request: pytest.FixtureRequest) -> Site:
    """Each of the two installations: one on Hypercorn, one on Granian."""
    found: Site = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
async def stage(bad_site: Site) -> AsyncIterator[Stage]:
    sale, other = await bad_site.open_sale(), await bad_site.open_sale()
    short = await bad_site.open_sale(room={"session_ttl_s": 2})
    closed = await bad_site.open_sale()
    await bad_site.staff("POST", f"/v1/rooms/{closed.room_id}/close")
    early = f"{sale.event_id}-early"
    await bad_site.staff("POST", "/v1/rooms", {"room_id": early, "name": "Early"})
    async with bad_site.client() as client, bad_site.stores() as stores:
        me, they = [await Crowd(client, sale).buyer() for _ in range(2)]
        stranger = await Crowd(client, other).buyer()
        late = await Crowd(client, short).buyer()
        mine, theirs = await me.reserve("mine"), await they.reserve("theirs")
        assert (mine.status_code, theirs.status_code) == (201, 201), mine.text + theirs.text
        names = {
            "room": sale.room_id,
            "event": sale.event_id,
            "mine": mine.json()["reservation_id"],
            "theirs": theirs.json()["reservation_id"],
            "closed": closed.room_id,
            "early": early,
        }
        yield Stage(client, stores, sale, names, await _tokens(bad_site, me, stranger, late))


async def _tokens(site: Site, me: Visitor, stranger: Visitor, late: Visitor) -> dict[str, str]:
    head, payload, signature = me.booking_token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "somebody"}).encode()).decode().rstrip("=")
    ends_at = json.loads(base64.urlsafe_b64decode(late.booking_token.split(".")[1] + "=="))["exp"]

    async def over() -> bool:
        return bool(time() > ends_at)

    await wait_until(over, "the end of a session")
    found = {
        "booking": me.booking_token,
        "place": me.place_token,
        "forged booking": f"{head}.{forged}.{signature}",
        "unsigned": f"{none}.{payload}.",
        "altered": f"{head}.{payload}.{tampered(signature)}",
        "expired": late.booking_token,
        "other booking": stranger.booking_token,
        "other place": stranger.place_token,
        "forged place": tampered(me.place_token),
        "admin": site.staff_token,
    }
    for role in ("user", "operator"):
        made = await fairgate("token", "--role", role, "--sub", role, "--data", str(site.folder))
        found[role] = made.out.strip()
    return {who: f"Bearer {token}" for who, token in found.items()} | {
        "basic": "Basic YTpi",
        "bare": "Bearer",
    }


@pytest.mark.parametrize("bad", ALL, ids=str)
async def test_it_is_refused_by_its_code_and_changes_nothing(stage: Stage, bad: BadRequest) -> None:
    before = await stage.snapshot()
    headers = [
        (name.encode(), value.replace("{key}", bad.name).encode()) for name, value in bad.headers.items()
    ]
    if bad.who:
        headers.append((b"Authorization", stage.tokens[bad.who].encode()))
    body = stage.filled(bad.body.decode("latin-1")).encode("latin-1")
    answer = await stage.client.request(bad.method, stage.filled(bad.path), headers=headers, content=body)
    assert answer.status_code == bad.status, answer.text
    assert answer.headers["x-request-id"]
    assert "x-evil" not in answer.headers
    if bad.code:
        _is_problem(answer, bad)
    if bad.status == 405:
        assert "OPTIONS" in answer.headers["allow"]
        assert bad.method not in answer.headers["allow"].split(", ")
    assert await stage.snapshot() == before


def _is_problem(answer: httpx.Response, bad: BadRequest) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert (document["code"], document["status"]) == (bad.code, bad.status), document
    assert document["type"]
    assert document["title"]
    assert document["detail"]
    if bad.field:
        assert [it["field"] for it in document["errors"]] == [bad.field], document


async def test_the_same_key_with_another_body_is_refused(stage: Stage) -> None:
    before = await stage.snapshot()
    headers = {"Authorization": stage.tokens["booking"], "Idempotency-Key": "mine"} | JSON
    body = b'{"items": [{"ticket_type_id": "standing", "quantity": 3}]}'
    answer = await stage.client.post(stage.filled(RESERVE), headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert await stage.snapshot() == before


async def test_a_body_without_a_length_is_measured_while_it_comes(stage: Stage) -> None:
    before = await stage.snapshot()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b" " * 1024

    for path in (RESERVE, CONFIRM):  # one is served by the hot lane, one by Quart
        headers = {"Authorization": stage.tokens["booking"]} | KEY | JSON
        answer = await stage.client.post(stage.filled(path), headers=headers, content=chunks())
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert await stage.snapshot() == before


async def test_head_is_get_without_a_body_and_options_tells_what_there_is(stage: Stage) -> None:
    for path, methods in (
        ("/v1/rooms/{room}", "GET, HEAD, PATCH, DELETE, OPTIONS"),
        ("/v1/events", "GET, HEAD, POST, OPTIONS"),
    ):
        got = await stage.client.get(stage.filled(path))
        head = await stage.client.head(stage.filled(path))
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        options = await stage.client.options(stage.filled(path))
        assert (options.status_code, options.headers["allow"]) == (204, methods)
        assert "access-control-allow-origin" not in options.headers


async def test_names_may_have_emoji_and_come_back_as_they_were(stage: Stage, bad_site: Site) -> None:
    name = "Ünïcode 🎸 «Nächte» 東京"
    sale = await bad_site.open_sale(name=name)
    assert (await stage.client.get(f"/v1/events/{sale.event_id}")).json()["name"] == name
    page = await stage.client.get(f"/events/{sale.event_id}", headers={"Accept": "text/html"})
    assert name in page.text
    assert datetime.fromisoformat((await stage.client.get(f"/v1/events/{sale.event_id}")).json()["starts_at"])
