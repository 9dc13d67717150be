"""The pages of the console, one by one: what they show, what their forms do, and what those leave alone."""

from __future__ import annotations

import asyncio
import csv
import html
import io
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.settings import Settings
from app.store.connections import Stores
from app.web.console.system.health import size
from tests.routes.conftest import Web, bearer, served
from tests.routes.orders.test_orders import a_purchase
from tests.routes.system.test_store_outages import Wires, wires
from tests.support.waiting import wait_until
from worker.context import WorkerContext

__all__ = ["wires"]

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
async def web(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """The app, with webhooks into private networks allowed."""
    async with served(settings.model_copy(update={"webhooks_private": True})) as found:
        yield found


async def fetch(web: Web, path: str, staff: dict[str, str], status: int = 200) -> str:
    """The text of a page, as people read it."""
    answer = await web.get(path, headers=staff)
    assert answer.status_code == status, answer.text
    return html.unescape(answer.text)


async def submit(web: Web, path: str, staff: dict[str, str], **form: str) -> httpx.Response:
    return await web.post(path, data=form, headers=staff)


async def nonce(web: Web, path: str, staff: dict[str, str]) -> str:
    """The nonce in the page's form."""
    found = re.search(r'name="form" value="(\w+)"', await fetch(web, path, staff))
    assert found is not None
    return found[1]


async def actions(web: Web, kind: str) -> list[str]:
    """The logged actions on things of a kind, newest first."""
    answer = await web.get(f"/v1/audit?kind={kind}", headers=web.as_("operator"))
    return [it["action"] for it in answer.json()["items"]]


async def test_orders_are_found_shown_downloaded_and_paid_back(web: Web, worker: WorkerContext) -> None:
    await web.event(floor=9)
    order, _ = await a_purchase(web, email="ann@example.org")
    other, _ = await a_purchase(web)
    boss, olga = await web.staff("admin", "boss"), await web.staff("operator", "olga")
    both = await fetch(web, "/admin/orders", olga)
    assert order in both
    assert other in both
    for query in ("q=ann%40example.org", f"q={order}&status=confirmed&event=gala&from=2020-01-01T00:00"):
        page = await fetch(web, f"/admin/orders?{query}", olga)
        assert order in page
        assert other not in page
    file = await web.get("/admin/orders.csv?q=ann%40example.org", headers=olga)
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    [row] = csv.DictReader(io.StringIO(file.text))
    assert (row["reservation_id"], row["created_at"][-1]) == (order, "Z")  # marked as UTC
    for query in ("from=yesterday", "status=lost", "page=0", "page=x", "event=A%20B", "q=%00"):
        assert (await web.get(f"/admin/orders?{query}", headers=olga)).status_code == 422, query
    page = await fetch(web, f"/admin/orders/{order}", olga)
    for word in ("ann@example.org", "Confirmed: paid", "by card", "€100.00"):
        assert word in page
    assert "Cancel and refund" not in page
    assert (await submit(web, f"/admin/orders/{order}/cancel", olga)).status_code == 403
    assert "Cancel and refund" in await fetch(web, f"/admin/orders/{order}", boss)
    for _ in range(2):
        done = await submit(web, f"/admin/orders/{order}/cancel", boss)
        assert (done.status_code, done.headers["location"]) == (303, f"/admin/orders/{order}")
    page = await fetch(web, f"/admin/orders/{order}", boss)
    assert "Staff: cancel" in page
    assert "refunded" in page
    assert await actions(web, "reservation") == ["cancel"]
    await web.app.stores.postgres.execute("UPDATE reservations SET status = 'paying'")
    assert (await submit(web, f"/admin/orders/{other}/cancel", boss)).status_code == 409
    await fetch(web, "/admin/orders/nothing", boss, 404)


async def test_a_webhook_is_made_once_shown_once_replayed_and_deleted(web: Web) -> None:
    boss = await web.staff("admin", "boss")
    form = await nonce(web, "/admin/webhooks", boss)
    fields = {"form": form, "url": URL, "description": "<Books>", "type.reservation.confirmed": "1"}
    answers = await asyncio.gather(
        *(web.post("/admin/webhooks/create", data=fields, headers=boss) for _ in "12")
    )
    assert sorted(it.status_code for it in answers) == [200, 409]
    made = next(it for it in answers if it.status_code == 200)
    secret = re.search(r'value="(whsec_[^"]+)"', made.text)
    assert secret is not None
    assert secret[1] not in await fetch(web, "/admin/webhooks", boss)
    (webhook,) = (await web.get("/v1/webhooks", headers=web.as_("admin"))).json()["items"]
    assert (webhook["types"], webhook["description"]) == (["reservation.confirmed"], "<Books>")
    path = f"/admin/webhooks/{webhook['webhook_id']}"
    assert "No requests in the last week" in await fetch(web, path, boss)
    await web.app.stores.postgres.execute(
        "WITH told AS (INSERT INTO outbox (type, subjects, data, queued) "
        "              VALUES ('room.opened', ARRAY['gala'], '{}', true) RETURNING number) "
        "INSERT INTO deliveries (webhook_id, number, ordinal, thread, attempts, given_up_at) "
        "SELECT $1, number, 1, 'gala', 9, now() FROM told",
        webhook["webhook_id"],
    )
    page = await fetch(web, path, boss)
    assert "failed" in page
    fields = dict(re.findall(r'name="(number|ordinal)" value="(\d+)"', page))
    one = await submit(web, f"{path}/replay", boss, **fields)
    assert (one.status_code, one.headers["location"]) == (303, path)
    assert await web.app.stores.postgres.fetchval("SELECT attempts FROM deliveries") == 0
    missing = await submit(web, f"{path}/replay", boss, number="999999", ordinal="1")
    assert missing.status_code == 409
    assert "not kept any more" in missing.text
    assert (await submit(web, f"{path}/replay", boss, number="x", ordinal="1")).status_code == 422
    assert (await submit(web, f"{path}/replay", boss)).status_code == 303
    assert (await submit(web, f"{path}/delete", boss)).headers["location"] == "/admin/webhooks"
    await fetch(web, path, boss, 404)
    assert await actions(web, "webhook") == ["delete", "replay", "replay", "create"]


async def test_a_webhook_to_no_address_is_refused(web: Web) -> None:
    boss = await web.staff("admin", "boss")
    for url in ("nonsense", "http://nowhere.invalid/", ""):
        form = await nonce(web, "/admin/webhooks", boss)
        wrong = await submit(web, "/admin/webhooks/create", boss, form=form, url=url)
        assert wrong.status_code == 422, url
        assert 'role="alert"' in wrong.text
    assert (
        await submit(web, "/admin/webhooks/create", boss, url=URL)
    ).status_code == 409  # not a form of ours


async def test_a_key_is_shown_once_and_revoked(web: Web) -> None:
    await web.room()
    boss = await web.staff("admin", "boss")
    form = await nonce(web, "/admin/keys", boss)
    fields = {"form": form, "name": "Screens", "role": "operator", "days": "7"}
    made = await submit(web, "/admin/keys/create", boss, **fields)
    key = re.search(r'value="(fgk_[^"]+)"', made.text)
    assert key is not None
    again = await submit(web, "/admin/keys/create", boss, **fields)
    assert again.status_code == 409
    assert "fgk_" not in again.text
    assert (await web.get("/v1/rooms/hall/stats", headers=bearer(key[1]))).status_code == 200
    page = await fetch(web, "/admin/keys", boss)
    assert key[1] not in page
    assert "never" not in page.partition("Screens")[2].partition("</tr>")[0]
    path = re.search(r'action="(/admin/keys/key_\w+/revoke)"', page)
    assert path is not None
    for _ in range(2):
        assert (await submit(web, path[1], boss)).status_code == 303
    assert "revoked" in await fetch(web, "/admin/keys", boss)
    assert (await web.get("/v1/rooms/hall/stats", headers=bearer(key[1]))).status_code == 401
    assert await actions(web, "api_key") == ["revoke", "create"]
    for wrong in ({"name": ""}, {"role": "user"}, {"days": "8"}):
        form = await nonce(web, "/admin/keys", boss)
        refused = await submit(web, "/admin/keys/create", boss, **{**fields, **wrong, "form": form})
        assert refused.status_code == 422, wrong


async def test_roles_are_changed_but_not_ones_own_or_the_last_admins(web: Web) -> None:
    for name in ("boss", "olga"):
        await web.app.stores.postgres.execute(
            "INSERT INTO accounts (account_id, email, name, role, password_hash) "
            "VALUES ($1, $1 || '@example.org', initcap($1), $2, '')",
            name,
            "admin" if name == "boss" else "operator",
        )
    boss, olga = await web.staff("admin", "boss"), await web.staff("operator", "olga")
    page = await fetch(web, "/admin/users", boss)
    assert "olga@example.org" in page
    assert "this is you" in page
    assert "boss@example.org" not in await fetch(web, "/admin/users?q=OLGA&role=operator", boss)
    assert "No accounts match" in await fetch(web, "/admin/users?q=nobody", boss)
    assert (await submit(web, "/admin/users/boss/role", boss, role="operator")).status_code == 409
    assert (await submit(web, "/admin/users/olga/role", boss, role="king")).status_code == 422
    assert (await submit(web, "/admin/users/none/role", boss, role="user")).status_code == 404
    answer = await submit(web, "/admin/users/olga/role", boss, role="admin")
    assert (answer.status_code, "an admin?" in answer.text) == (200, True)  # one press makes nobody an admin
    done = await submit(web, "/admin/users/olga/role", boss, role="user")
    assert (done.status_code, done.headers["location"]) == (303, "/admin/users?q=olga")
    assert "olga@example.org" in await fetch(web, "/admin/users?q=olga", boss)
    assert (await web.get("/admin/orders", headers=olga)).status_code == 401  # no longer signed in
    machine = await web.staff("admin", "machine")  # `fairgate token`: no account
    last = await submit(web, "/admin/users/boss/role", machine, role="user")
    assert last.status_code == 409
    assert "last admin" in last.text
    assert await actions(web, "account") == ["change role"]


async def test_the_audit_log_is_read_and_filtered(web: Web) -> None:
    await web.event(opened=False)
    olga = await web.staff("operator", "olga")
    await submit(web, "/admin/rooms/gala/settings", olga, message="<b>Soon</b>")
    page = await fetch(web, "/admin/audit?kind=room&id=gala&who=olga", olga)
    assert "<ins><b>Soon</b></ins>" in page  # this test unescapes the page
    assert "<b>" not in (await web.get("/admin/audit?who=olga", headers=olga)).text
    assert "Create event" not in page
    assert "Create event" in await fetch(web, "/admin/audit?who=a-admin", olga)
    assert "No change matches" in await fetch(web, "/admin/audit?to=2020-01-01T00:00", olga)
    assert (await web.get("/admin/audit?from=soon", headers=olga)).status_code == 422


async def test_health_shows_what_is_there_and_what_is_away(wires: Wires, worker: WorkerContext) -> None:
    web = wires.web
    olga = await web.staff("operator")

    async def complete() -> str | None:
        page = await fetch(web, "/admin/health", olga)
        return page if "None seen in the last minute" not in page else None

    page = await wait_until(complete, "the heartbeats")
    assert "PostgreSQL 1" in page
    assert "Away" not in page
    assert page.count(">running<") == 2
    wires.redis.silence(later_ones=True)
    dumb = await fetch(web, "/admin/health", olga)
    assert "Not reachable: no answer within 1 s" in dumb
    assert "PostgreSQL 1" in dumb
    assert [size(it) for it in (0, 999, 1500, 123_456_789)] == ["0 B", "999 B", "1.5 KB", "123 MB"]


async def test_operators_are_not_offered_what_only_admins_may(web: Web) -> None:
    start = await fetch(web, "/admin", await web.staff("operator"))
    for path in ("/admin/users", "/admin/keys", "/admin/webhooks"):
        assert f'href="{path}"' not in start
        refused = await fetch(web, path, await web.staff("operator"), 403)
        assert "role admin" in refused
