"""Gate statistics: each request counts once, across all processes, and counts survive the processes."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from app.core.model import RoomId
from app.gate.counts import GateCounts
from app.settings import Settings
from app.store.connections import connect_postgres
from tests.routes.at_gate import GATE, gate_headers, handed_over, pass_cookie
from tests.routes.conftest import Web, code, served

ADDRESS = "https://shop.example/"
RULES = [{"path_prefix": "/healthz"}, {"method": "DELETE"}]
HALL = RoomId("hall")


async def stats(web: Web) -> dict[str, Any]:
    answer = await web.get("/v1/rooms/hall/gate-stats", headers=web.as_("operator"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def change(web: Web, **settings: Any) -> None:
    path = "/v1/rooms/hall"
    assert (await web.send("PATCH", path, json=settings, headers=web.as_("operator"))).status_code == 200
    await web.app.gate_rooms._refresh(HALL)


async def test_each_request_is_counted_once_by_what_came_of_it(web: Web, settings: Settings) -> None:
    await web.room(target_url=ADDRESS, active_visitors_max=2, bypass=RULES)
    nothing = await stats(web)
    assert (nothing["requests"], nothing["first_seen_at"]) == (0, None)
    let_in = pass_cookie(await web.get(GATE, headers=gate_headers(ADDRESS)))
    for _ in range(3):
        await web.get(GATE, headers=let_in)
    place, booking = await web.inside("hall")
    await web.get(GATE, headers=booking)
    ticketed = await handed_over(web, place, ADDRESS)
    await web.get(GATE, headers=gate_headers(ticketed))
    await web.get(GATE, headers=gate_headers(ADDRESS))
    await web.get(GATE, headers={"Cookie": "fairgate_pass_hall=a.b.c"})
    await web.get(GATE, headers=place)
    foreign = {"X-Original-Method": "POST", "X-Original-URL": ADDRESS, "Origin": "https://evil.example"}
    assert code(await web.get(GATE, headers=foreign)) == (403, "foreign_origin")
    for _ in range(2):
        await web.get(GATE, headers=gate_headers(ADDRESS + "healthz"))
    await web.get("/v1/rooms/none/gate", headers=gate_headers(ADDRESS))
    found = await stats(web)
    assert found["passed"] == 4
    assert found["given"] == {"no_crowd": 1, "by_turn": 0, "by_ticket": 1, "renewed": 0}
    assert (found["queued"], found["queued_by_reason"]) == (2, {"no_pass": 1, "credential_invalid": 1})
    assert found["refused"] == {"credential_invalid": 1, "foreign_origin": 1}
    bypassed = found["bypassed"]
    assert [it["requests"] for it in bypassed["rules"]] == [2, 0]
    assert bypassed["rules"][0]["rule"]["path_prefix"] == "/healthz"
    assert found["requests"] == 4 + 2 + 2 + 2 + 2
    assert found["first_seen_at"] <= found["last_seen_at"]
    async with served(settings) as other:
        await other.get(GATE, headers=let_in)  # reported at the latest when the process ends
    assert (await stats(web))["passed"] == 5


async def test_rules_keep_their_counts_when_others_change(web: Web) -> None:
    await web.room(target_url=ADDRESS, bypass=RULES)
    for path in ("healthz", "healthz", "other"):
        await web.get(GATE, headers=gate_headers(ADDRESS + path, **{"X-Original-Method": "DELETE"}))
    assert [it["requests"] for it in (await stats(web))["bypassed"]["rules"]] == [2, 1]
    await change(web, bypass=[{"cookie": "staff"}, *RULES[1:]])
    changed = (await stats(web))["bypassed"]
    assert [it["requests"] for it in changed["rules"]] == [0, 1]
    assert changed["former_rules"] == 2
    await change(web, bypass=[], gate_mode="off")
    await web.get(GATE, headers=gate_headers(ADDRESS))
    off = (await stats(web))["bypassed"]
    assert (off["rules"], off["former_rules"], off["gate_mode"]) == ([], 3, 1)
    rows = await web.app.stores.postgres.fetch("SELECT outcome FROM gate_counts ORDER BY outcome")
    assert [it["outcome"] for it in rows] == ["bypassed former", "bypassed gate_mode"]


async def test_what_postgres_did_not_take_is_added_later(web: Web, settings: Settings) -> None:
    """Counts of a deleted room are dropped, and made-up names are not counted."""
    await web.room(target_url=ADDRESS)
    pool = await connect_postgres(settings.database_url, timeout_s=10, connections_max=2)
    counts = GateCounts(pool)
    counts.count(HALL, "passed")
    counts.count(HALL, "refused", "foreign_origin")
    counts.count(RoomId("gone"), "passed")
    await pool.execute("ALTER TABLE gate_counts RENAME TO elsewhere")
    try:
        with pytest.raises(asyncpg.UndefinedTableError):
            await counts.flush()
    finally:
        await pool.execute("ALTER TABLE elsewhere RENAME TO gate_counts")
    counts.count(HALL, "passed")
    await counts.flush()
    await counts.flush()
    found = await stats(web)
    assert (found["passed"], found["refused"]) == (2, {"foreign_origin": 1})
    assert await pool.fetchval("SELECT count(*) FROM gate_counts WHERE room_id = 'gone'") == 0
    await pool.close()
    missing = await web.get("/v1/rooms/gone/gate-stats", headers=web.as_("operator"))
    assert code(missing) == (404, "room_not_found")
