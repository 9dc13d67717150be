"""Webhook configuration by staff, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, code, field_of, served

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
async def web(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """The app, with webhooks into private networks allowed."""
    async with served(settings.model_copy(update={"webhooks_private": True})) as found:
        yield found


async def test_the_secret_is_told_once(web: Web) -> None:
    staff = web.as_("admin")
    body = {"url": URL, "types": ["reservation.confirmed"], "description": "The books"}
    made = await web.post("/v1/webhooks", body, headers=staff)
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    webhook = made.json()
    assert webhook["secret"].startswith("whsec_")
    listed = await web.get("/v1/webhooks", headers=staff)
    assert webhook["secret"] not in listed.text
    assert listed.json()["total"] == 1
    (item,) = listed.json()["items"]
    assert {name: item[name] for name in body} == body
    assert (item["pending"], item["given_up"]) == (0, 0)
    assert item["disabled_at"] is item["last_failure"] is None
    for status in (204, 404):
        deleted = await web.send("DELETE", f"/v1/webhooks/{webhook['webhook_id']}", headers=staff)
        assert deleted.status_code == status
    assert code(deleted) == (404, "not_found")
    assert (await web.get("/v1/webhooks", headers=staff)).json()["items"] == []
    log = await web.get("/v1/audit?kind=webhook", headers=staff)
    assert [it["action"] for it in log.json()["items"]] == ["delete", "create"]
    assert webhook["secret"] not in log.text


async def test_the_same_creation_makes_one(web: Web) -> None:
    staff = {**web.as_("admin"), "Idempotency-Key": "once"}
    first = await web.post("/v1/webhooks", {"url": URL}, headers=staff)
    again = await web.post("/v1/webhooks", {"url": URL}, headers=staff)
    assert again.json() == first.json()
    assert again.headers["idempotent-replay"] == "true"
    assert (await web.get("/v1/webhooks?per_page=1", headers=staff)).json()["total"] == 1


async def test_what_is_wrong_is_named(web: Web) -> None:
    wrong: list[tuple[dict[str, object], str]] = [
        ({}, "url"),
        ({"url": "example.com"}, "url"),
        ({"url": "http://nowhere.invalid/"}, "url"),
        ({"url": URL, "types": ["reservation.lost"]}, "types[0]"),
        ({"url": URL, "secret": "whsec_mine"}, "secret"),
    ]
    for body, field in wrong:
        assert field_of(await web.post("/v1/webhooks", body, headers=web.as_("admin"))) == field
    assert (await web.get("/v1/webhooks", headers=web.as_("admin"))).json()["total"] == 0


async def test_they_are_the_admins(web: Web) -> None:
    assert code(await web.get("/v1/webhooks", headers=web.as_("operator"))) == (403, "role_required")


async def test_private_networks_are_refused_unless_a_setting_allows_them(
    stores: Stores, settings: Settings
) -> None:
    async with served(settings) as web:
        refused = await web.post("/v1/webhooks", {"url": URL}, headers=web.as_("admin"))
        assert field_of(refused) == "url"
        assert "FAIRGATE_WEBHOOKS_PRIVATE" in refused.json()["detail"]
