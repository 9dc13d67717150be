"""API keys: access tokens of machines, shown once, stored as a digest, invalid once they are revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from app.accounts.api_keys import PREFIX
from tests.routes.conftest import Web, bearer, code, field_of

BOOKS = {"name": "The books", "role": "operator"}
NEVER = "k" * 22


async def a_key(web: Web, **fields: Any) -> dict[str, Any]:
    made = await web.post("/v1/keys", {**BOOKS, **fields}, headers=web.as_("admin", "boss"))
    assert made.status_code == 201, made.text
    assert made.headers["cache-control"] == "no-store"
    found: dict[str, Any] = made.json()
    return found


async def listed(web: Web) -> list[dict[str, Any]]:
    answer = await web.get("/v1/keys", headers=web.as_("admin"))
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_a_key_does_what_its_role_may_until_it_is_revoked(web: Web) -> None:
    await web.event()
    made = await a_key(web)
    key = bearer(made["key"])
    assert made["key"].startswith(PREFIX)
    assert (await web.get("/v1/rooms/gala/stats", headers=key)).status_code == 200
    assert (await web.post("/v1/rooms/gala/pause", headers=key)).status_code == 200
    (entry,) = (await web.get("/v1/audit?kind=room&id=gala&per_page=1", headers=key)).json()["items"]
    assert (entry["action"], entry["who"], entry["role"]) == ("pause", made["key_id"], "operator")
    assert code(await web.get("/v1/keys", headers=key)) == (403, "role_required")
    assert (
        await web.get("/v1/keys", headers=bearer((await a_key(web, role="admin"))["key"]))
    ).status_code == 200
    for _ in range(2):
        deleted = await web.send("DELETE", f"/v1/keys/{made['key_id']}", headers=web.as_("admin", "boss"))
        assert deleted.status_code == 204
    assert code(await web.get("/v1/rooms/gala/stats", headers=key)) == (401, "credential_invalid")
    log = (await web.get("/v1/audit?kind=api_key", headers=web.as_("operator"))).text
    assert log.count('"action":"revoke"') == 1
    assert made["key"] not in log
    none = await web.send("DELETE", f"/v1/keys/{NEVER}", headers=web.as_("admin"))
    assert code(none) == (404, "not_found")


async def test_staff_see_what_is_hidden_from_others_by_a_key_too(web: Web) -> None:
    await web.event("secret", published=False)
    key = bearer((await a_key(web))["key"])
    assert (await web.get("/v1/events")).json()["total"] == 0
    assert (await web.get("/v1/events", headers=key)).json()["total"] == 1


async def test_a_key_has_no_place_in_a_line_and_reserves_nothing(web: Web) -> None:
    await web.event()
    key = bearer((await a_key(web))["key"])
    for path in ("/v1/rooms/gala/places", "/v1/rooms/gala/places/me/booking-token"):
        assert code(await web.post(path, headers=key)) == (401, "credential_invalid"), path
    assert code(await web.reserve("gala", key)) == (401, "credential_invalid")


async def test_nothing_in_the_database_is_the_key(web: Web) -> None:
    headers = {**web.as_("admin"), "Idempotency-Key": "once"}
    first = await web.post("/v1/keys", BOOKS, headers=headers)
    again = await web.post("/v1/keys", BOOKS, headers=headers)
    assert first.json() == again.json()
    assert again.headers["idempotent-replay"] == "true"
    assert again.headers["cache-control"] == "no-store"
    assert len(await listed(web)) == 1
    key = first.json()["key"]
    assert (await web.get("/v1/rooms", headers=bearer(key))).status_code == 200
    tables = await web.app.stores.postgres.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    for (table,) in tables:
        rows = await web.app.stores.postgres.fetch(f"SELECT * FROM {table}")
        for row in rows:
            for value in row.values():
                text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                assert key not in text, table
    assert key not in (await web.get("/v1/keys", headers=web.as_("admin"))).text


async def test_its_last_use_is_noted_once_a_minute(web: Web) -> None:
    await web.room()
    key = bearer((await a_key(web))["key"])
    assert (await listed(web))[0]["last_used_at"] is None
    times = []
    for _ in range(2):
        await web.get("/v1/rooms/hall/stats", headers=key)
        times.append((await listed(web))[0]["last_used_at"])
    assert times[0] == times[1] is not None
    await web.app.stores.postgres.execute(
        "UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'"
    )
    await web.get("/v1/rooms/hall/stats", headers=key)
    assert (await listed(web))[0]["last_used_at"] > times[0]


async def test_it_ends_when_its_time_is_over(web: Web) -> None:
    await web.room()
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    key = bearer((await a_key(web, expires_at=soon))["key"])
    assert (await web.get("/v1/rooms/hall/stats", headers=key)).status_code == 200
    await web.app.stores.postgres.execute("UPDATE api_keys SET expires_at = now()")
    assert code(await web.get("/v1/rooms/hall/stats", headers=key)) == (401, "credential_invalid")
    assert (await listed(web))[0]["live"] is False


async def test_what_is_wrong_is_named(web: Web) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"role": "operator"}, "name"),
        ({"name": "x"}, "role"),
        ({"name": "x", "role": "user"}, "role"),
        ({**BOOKS, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ]
    for body, field in wrong:
        assert field_of(await web.post("/v1/keys", body, headers=web.as_("admin"))) == field
    assert await listed(web) == []
    for forged in (f"{PREFIX}x", PREFIX + "x" * 5000):
        assert code(await web.get("/v1/keys", headers=bearer(forged))) == (401, "credential_invalid")
