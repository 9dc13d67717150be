"""Rooms as managed by staff."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.settings import Settings
from tests.routes.conftest import Web, code, field_of, served


async def test_a_room_of_its_own(web: Web) -> None:
    body = {"room_id": "shop", "name": "Shop", "target_url": "https://shop.example/"}
    made = await web.post("/v1/rooms", body, headers=web.as_("operator"))
    assert made.status_code == 201
    room = made.json()
    assert (room["state"], room["event_id"], room["target_url"]) == (
        "scheduled",
        None,
        "https://shop.example/",
    )
    assert (room["admission_rate_per_minute"], room["claim_window_s"], room["session_ttl_s"]) == (
        600,
        120,
        600,
    )
    assert (await web.get("/v1/rooms/shop")).json()["available"] is None
    assert code(await web.post("/v1/rooms", body, headers=web.as_("operator"))) == (409, "already_exists")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("admission_rate_per_minute", -1),
        ("admission_rate_per_minute", 60_000_001),
        ("admission_rate_per_minute", 1.5),
        ("admission_rate_per_minute", "600"),
        ("burst", 0),
        ("active_visitors_max", 0),
        ("claim_window_s", 1),
        ("session_ttl_s", 86_401),
        ("visitors_per_ticket_max", 0.09),
        ("restore_window_s", 301),
        ("queueing_method", "random"),
        ("opens_at", "soon"),
        ("name", None),
        ("message", "x" * 2001),
        ("locale", "not a locale"),
        ("theme", {"a": 1}),
        ("theme.accent", {"accent": "red"}),
        ("theme.accent", {"accent": "#ffe08a"}),  # yellow on white is unreadable
        ("theme.paper", {"paper": "#333333"}),
        ("theme.logo", {"logo": "data:image/svg+xml;base64,PHN2Zz4="}),
        ("theme.logo", {"logo": "data:image/png;base64,PHNjcmlwdD4="}),
        ("theme.cover", {"cover": "https://elsewhere.example/cover.png"}),
        ("target_url", "javascript:alert(1)"),
        ("allowed_return_hosts", ["a b"]),
        ("colour", "red"),
    ],
)
async def test_settings_out_of_range_are_named(web: Web, setting: str, value: Any) -> None:
    await web.room(opened=False)
    body = {setting.partition(".")[0]: value}
    answer = await web.send("PATCH", "/v1/rooms/hall", json=body, headers=web.as_("operator"))
    assert field_of(answer).startswith(setting)


async def test_null_means_no_cap(web: Web) -> None:
    await web.room()
    body = {"active_visitors_max": None, "message": "Hello 👋", "admission_rate_per_minute": 0}
    changed = await web.send("PATCH", "/v1/rooms/hall", json=body, headers=web.as_("operator"))
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in body} == body
    status = (await web.get("/v1/rooms/hall")).json()
    assert (status["message"], status["admission_rate_per_minute"]) == ("Hello 👋", 0)


async def test_steps_that_make_sense_may_be_repeated(web: Web) -> None:
    await web.room(opened=False)

    async def step(action: str) -> tuple[int, str]:
        answer = await web.post(f"/v1/rooms/hall/{action}", headers=web.as_("operator"))
        return answer.status_code, answer.json().get("state", answer.json().get("code"))

    assert await step("resume") == (409, "conflict")
    for _ in range(2):
        assert await step("open") == (200, "open")
    for _ in range(2):
        assert await step("pause") == (200, "paused")
    for _ in range(2):
        assert await step("resume") == (200, "open")
    for _ in range(2):
        assert await step("close") == (200, "closed")
    assert await step("resume") == (409, "conflict")
    assert await step("open") == (200, "open")
    assert (await web.post("/v1/rooms/nowhere/open", headers=web.as_("operator"))).status_code == 404


async def test_a_lottery_shows_its_commitment_and_later_its_seed(web: Web) -> None:
    await web.room(opened=False, queueing_method="lottery", prequeue_at="2020-01-01T00:00:00Z")
    before = (await web.get("/v1/rooms/hall")).json()["draw"]
    assert before["seed"] is None
    locked = await web.send(
        "PATCH", "/v1/rooms/hall", json={"queueing_method": "fifo"}, headers=web.as_("operator")
    )
    assert code(locked) == (409, "queueing_method_locked")
    await web.post("/v1/rooms/hall/open", headers=web.as_("operator"))
    after = (await web.get("/v1/rooms/hall")).json()["draw"]
    assert after["commitment"] == before["commitment"]
    assert len(bytes.fromhex(after["seed"])) == 32


async def test_counters_of_a_room(web: Web) -> None:
    await web.room()
    await web.join("hall")
    stats = (await web.get("/v1/rooms/hall/stats", headers=web.as_("operator"))).json()
    assert (stats["joined"], stats["admitted"]) == (1, 1)


async def test_only_public_rooms_are_listed(web: Web) -> None:
    await web.room("hall")
    await web.room("hidden", public=False)
    assert [it["room_id"] for it in (await web.get("/v1/rooms")).json()["items"]] == ["hall"]
    assert (await web.get("/v1/rooms/hidden")).status_code == 200


async def test_roles_are_steps(web: Web) -> None:
    await web.event()
    event = {"event_id": "x", "name": "X", "starts_at": "2030-01-01T20:00:00Z"}
    assert code(await web.post("/v1/events", event, headers=web.as_("operator"))) == (403, "role_required")
    assert code(await web.post("/v1/rooms/gala/pause", headers=web.as_("user"))) == (403, "role_required")
    assert (await web.post("/v1/rooms/gala/pause", headers=web.as_("admin"))).status_code == 200


async def test_an_account_is_throttled_and_others_are_not(settings: Settings) -> None:
    strict = settings.model_copy(update={"rate_limits": True, "staff_rate_per_minute": 3})
    async with served(strict) as web:
        answers = [await web.get("/v1/rooms/no/stats", headers=web.as_("admin", "ann")) for _ in range(5)]
        assert [it.status_code for it in answers[:3]] == [404] * 3
        assert code(answers[-1]) == (429, "rate_limited")
        assert answers[-1].headers["ratelimit-policy"] == '"staff";q=3;w=60'
        assert int(answers[-1].headers["retry-after"]) >= 1
        other = await web.get("/v1/rooms/no/stats", headers=web.as_("admin", "bob"))
        assert code(other) == (404, "room_not_found")


async def test_rooms_are_created_once_a_key(web: Web) -> None:
    headers = {**web.as_("operator"), "Idempotency-Key": "r"}
    body = {"room_id": "shop", "name": "Shop"}
    answers = await asyncio.gather(*(web.post("/v1/rooms", body, headers=headers) for _ in range(4)))
    assert {it.status_code for it in answers} == {201}
    bob = {**web.as_("operator", "bob"), "Idempotency-Key": "r"}
    assert code(await web.post("/v1/rooms", body, headers=bob)) == (409, "already_exists")


async def test_nobody_is_removed_from_a_room_that_was_deleted(web: Web) -> None:
    await web.event("gala")
    await web.join("gala")  # so that this process knows the room
    path = f"/v1/rooms/gala/visitors/{'v' * 22}"
    assert (await web.send("DELETE", "/v1/events/gala", headers=web.as_("admin"))).status_code == 204
    assert code(await web.send("DELETE", path, headers=web.as_("operator"))) == (404, "room_not_found")
