"""A shop that reports its health sets the pace of its room: from outside, with workers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.waiting_room import autopilot as rule
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, code, field_of, ops, working
from tests.support.waiting import wait_until

ORIGIN = "/v1/rooms/hall/origin"
ON = {"floor": 60, "ceiling": 6_000}
CALM: dict[str, Any] = {"p95_ms": 120.5, "error_rate": 0}


async def a_shop_key(web: Web, *scopes: str) -> dict[str, str]:
    made = await web.post(
        "/v1/keys", {"name": "The shop", "role": "operator", "scopes": scopes}, headers=web.as_("admin")
    )
    return bearer(made.json()["key"])


async def test_two_workers_follow_a_shop_that_reports_with_its_key(
    web: Web, stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule, "STEP_MS", 300)
    await web.room(admission_rate_per_minute=600, autopilot=ON)
    key = await a_shop_key(web, "origin:write")

    async def lowered() -> bool:
        answer = await web.post(ORIGIN, {"p95_ms": 4_000, "error_rate": 0.2, "in_flight": 90}, headers=key)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["admission_rate_per_minute"] < 300)

    async with working(stores, settings), working(stores, settings):
        await wait_until(lowered, "the rate to fall by half", timeout_s=30)
    read = (await web.get(ORIGIN, headers=web.as_("operator"))).json()
    assert read["health"]["p95_ms"] == 4_000
    assert read["autopilot"] == {
        **read["autopilot"],
        **ON,
        "p95_ms": 800,
        "error_rate": 0.01,
        "paused": False,
    }
    assert read["last_change"]["direction"] == "down"
    assert read["last_change"]["why"] == "p95 4,000 ms of 800, errors 20.00% of 1.00%: over the target"
    log = (await web.get("/v1/audit?kind=room&id=hall&who=autopilot", headers=web.as_("admin"))).json()
    found = [
        (it["before"]["admission_rate_per_minute"], it["after"]["admission_rate_per_minute"])
        for it in reversed(log["items"])
    ]
    assert found[0][0] == 600
    assert [before for before, _ in found[1:]] == [after for _, after in found[:-1]], "one after the other"
    assert log["items"][0]["role"] == "autopilot"
    shown = (await web.get("/v1/rooms/hall")).json()
    assert shown["admission_rate_per_minute"] == found[-1][1]


async def test_a_key_of_the_shop_may_report_and_nothing_else(web: Web) -> None:
    await web.room()
    key = await a_shop_key(web, "origin:write")
    assert (await web.post(ORIGIN, CALM, headers=key)).status_code == 200
    assert code(await web.get(ORIGIN, headers=key)) == (403, "scope_required")
    other = await a_shop_key(web, "rooms:read", "sessions:write")
    assert code(await web.post(ORIGIN, CALM, headers=other)) == (403, "scope_required")
    assert (await web.get(ORIGIN, headers=other)).json()["health"]["p95_ms"] == 120.5
    assert code(await web.post(ORIGIN, CALM)) == (401, "credential_missing")
    assert code(await web.post("/v1/rooms/nowhere/origin", CALM, headers=key)) == (404, "room_not_found")


async def test_a_room_without_an_autopilot_keeps_what_it_is_told_and_its_rate(web: Web) -> None:
    await web.room(admission_rate_per_minute=600)
    empty = (await web.get(ORIGIN, headers=web.as_("operator"))).json()
    assert (empty["health"], empty["servers"], empty["last_decision"]) == (None, [], None)
    await web.join("hall")  # no metrics if nobody was there lately
    assert "fairgate_origin_p95_seconds{" not in (await web.get("/metrics", headers=ops())).text
    document = (await web.post(ORIGIN, CALM, headers=web.as_("operator"))).json()
    served = (await web.get("/metrics", headers=ops())).text
    assert 'fairgate_origin_p95_seconds{room_id="hall"} 0.1205' in served
    assert 'fairgate_origin_error_ratio{room_id="hall"} 0.0' in served
    assert (document["autopilot"], document["counted"], document["admission_rate_per_minute"]) == (
        None,
        True,
        600,
    )


async def test_a_report_that_cannot_be_true_is_refused_by_name(web: Web) -> None:
    await web.room()
    reports: tuple[dict[str, Any], ...] = (
        *({"p95_ms": it} for it in (-1, 1e300, "fast", None)),
        *({"error_rate": it} for it in (-0.1, 1.5)),
        *({"in_flight": it} for it in (-1, 10**12, 1.5)),
        *({"server": it} for it in ("x" * 65, "a b", "a\u0000")),
        *({"at": it} for it in ("yesterday", "2999-01-01T00:00:00Z", "2026-01-01T00:00:00")),
        {"p99_ms": 3},
    )
    for changed in reports:
        answer = await web.post(ORIGIN, CALM | changed, headers=web.as_("operator"))
        assert code(answer) == (422, "validation_failed"), changed
        assert field_of(answer) == next(iter(changed)), changed
    headers = {**web.as_("operator"), "Content-Type": "application/json"}
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        sent = f'{{"p95_ms": {number}, "error_rate": 0}}'
        answer = await web.send("POST", ORIGIN, content=sent, headers=headers)
        assert answer.status_code in (400, 422), answer.text
    assert (await web.get(ORIGIN, headers=web.as_("operator"))).json()["servers"] == []


async def test_reports_that_come_twice_late_or_from_two_servers(web: Web) -> None:
    await web.room()

    async def report(**fields: Any) -> dict[str, Any]:
        answer = await web.post(ORIGIN, CALM | fields, headers=web.as_("operator"))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    now = datetime.now(UTC)
    at, earlier, long_ago = ((now - timedelta(seconds=it)).isoformat() for it in (1, 3, 600))
    assert (await report(server="a", at=at, p95_ms=700, in_flight=5))["counted"]
    assert not (await report(server="a", at=at, p95_ms=700))["counted"]
    assert not (await report(server="a", at=earlier, p95_ms=9_000))["counted"]
    assert not (await report(server="b", at=long_ago, p95_ms=9_000))["counted"]
    assert not (await report(server="b", at="1970-01-02T00:00:00Z"))["counted"]
    both = await report(server="b", error_rate=0.5, in_flight=7)
    assert [it["server"] for it in both["servers"]] == ["a", "b"]
    health = both["health"]
    assert (health["p95_ms"], health["error_rate"], health["in_flight"]) == (700, 0.5, 12)
    await asyncio.gather(*(report(server=f"web-{n}") for n in range(30)))
    assert len((await web.get(ORIGIN, headers=web.as_("operator"))).json()["servers"]) == 20


async def test_a_setting_that_makes_no_sense_is_refused_by_name(web: Web) -> None:
    await web.room()
    queries = {"p95_ms": "a", "error_rate": "b"}
    wrong: tuple[tuple[str, Any], ...] = (
        ("autopilot", "on"),
        ("autopilot.ceiling", {"floor": 10}),
        ("autopilot.ceiling", {"floor": 10, "ceiling": 9}),
        ("autopilot.floor", {"floor": 0, "ceiling": 9}),
        *(
            (f"autopilot.{name}", {**ON, name: 0})
            for name in ("p95_ms", "error_rate", "in_flight", "settle_s")
        ),
        ("autopilot.error_rate", {**ON, "error_rate": 2}),
        ("autopilot.mode", {**ON, "mode": "fast"}),
        ("autopilot.prometheus.p95_ms", {**ON, "prometheus": {"url": "http://p"}}),
        *(
            ("autopilot.prometheus.url", {**ON, "prometheus": {"url": url, **queries}})
            for url in ("file:///etc/passwd", "http://a:b@p/", "http://p/?q", "p", "")
        ),
        *(
            (
                "autopilot.prometheus.error_rate",
                {**ON, "prometheus": {"url": "http://p", **queries, "error_rate": it}},
            )
            for it in ("a\nb", " ", "")
        ),
    )
    for field, value in wrong:
        answer = await web.send(
            "PATCH", "/v1/rooms/hall", json={"autopilot": value}, headers=web.as_("operator")
        )
        assert (code(answer), field_of(answer)) == ((422, "validation_failed"), field), value


async def test_the_setting_is_read_as_it_was_written_and_switched_off_by_null(web: Web) -> None:
    await web.room(autopilot=ON)
    source = {"url": "https://prometheus.example", "p95_ms": "a", "error_rate": "b"}
    for wanted in ({**ON, "in_flight": 200, "settle_s": 30, "prometheus": source}, None):
        headers = web.as_("operator")
        answer = await web.send("PATCH", "/v1/rooms/hall", json={"autopilot": wanted}, headers=headers)
        assert answer.status_code == 200, answer.text
        found = (await web.get("/v1/rooms/hall/settings", headers=headers)).json()["autopilot"]
        assert found == answer.json()["autopilot"]
        assert found is None if wanted is None else found["settle_s"] == 30
