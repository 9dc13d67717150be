"""Rooms without an event, by the API: listed, configured, emptied, deleted, and visitors admitted by hand."""

from __future__ import annotations

from typing import Any

import httpx
from redis.asyncio import Redis

from app.core.model import Role, RoomId, RoomSettings, VisitorId
from app.settings import Settings
from app.store.keys import RoomKeys
from app.store.sql.waiting_room.rooms_gone import OF_VISITORS
from app.waiting_room import emptying
from tests.conftest import Servers
from tests.routes.at_gate import GATE, gate_headers, handed_over, pass_cookie
from tests.routes.conftest import Web, bearer, code, field_of, served
from tests.support.waiting import wait_until

ADDRESS = "https://shop.example/"
SHOP: dict[str, Any] = {"target_url": ADDRESS, "active_visitors_max": 1}
OPERATOR: Role = "operator"


async def a_key(web: Web, *scopes: str, events: list[str] | None = None) -> dict[str, str]:
    body = {"name": "books", "role": "operator", "scopes": [*scopes], "events": events}
    made = await web.post("/v1/keys", body, headers=web.as_("admin"))
    assert made.status_code == 201, made.text
    return bearer(made.json()["key"])


async def is_refused(web: Web, place: dict[str, str]) -> bool:
    """Whether the place token is known to belong to a deleted room; a first look may find no place."""
    answer = await web.get("/v1/rooms/shop/places/me", headers=place)
    assert answer.status_code in (401, 404), answer.text
    return answer.status_code == 401


async def rows(web: Web, room_id: str) -> list[str]:
    found = await web.get(f"/v1/audit?kind=room&id={room_id}", headers=web.as_(OPERATOR))
    return [it["action"] for it in found.json()["items"]]


async def test_staff_list_all_rooms_and_others_the_public_ones(web: Web) -> None:
    await web.event("gala")
    await web.room("shop", **SHOP, public=False, gate_mode="queue_all")
    await web.room("old")
    await web.post("/v1/rooms/old/close", headers=web.as_(OPERATOR))
    for headers in ({}, web.as_(OPERATOR)):
        public = (await web.get("/v1/rooms", headers=headers)).json()
        assert [it["room_id"] for it in public["items"]] == ["gala", "old"]
        assert "kind" not in public["items"][0]
        assert "target_url" not in public["items"][0]
    listed = await web.get("/v1/rooms?all=true&per_page=2", headers=web.as_(OPERATOR))
    found = listed.json()
    assert (found["total"], [(it["room_id"], it["kind"]) for it in found["items"]]) == (
        3,
        [("gala", "sale"), ("shop", "site")],
    )
    shop = found["items"][1]
    assert (shop["public"], shop["target_url"], shop["gate_mode"], shop["state"], shop["waiting"]) == (
        *(False, SHOP["target_url"], "queue_all", "open", 0),
    )
    assert "all=true" in listed.headers["link"]
    assert code(await web.get("/v1/rooms?all=true")) == (401, "credential_missing")
    assert code(await web.get("/v1/rooms?all=true", headers=web.as_("user"))) == (403, "role_required")
    assert field_of(await web.get("/v1/rooms?all=perhaps")) == "all"
    reader, other = await a_key(web, "rooms:read"), await a_key(web, "stats:read")
    bound = await a_key(web, "rooms:read", events=["gala"])
    assert (await web.get("/v1/rooms?all=true", headers=reader)).json()["total"] == 3
    assert code(await web.get("/v1/rooms?all=true", headers=other)) == (403, "scope_required")
    mine = (await web.get("/v1/rooms?all=true", headers=bound)).json()
    assert (mine["total"], [it["room_id"] for it in mine["items"]]) == (1, ["gala"])


async def test_settings_are_one_document_that_can_be_sent_back(web: Web) -> None:
    rules = [{"path_prefix": "/healthz"}, {"cidr": "192.0.2.0/24", "method": "GET"}]
    await web.room("shop", **SHOP, bypass=rules, opens_at="2030-01-01T10:00:00+02:00", opened=False)
    path, operator = "/v1/rooms/shop/settings", web.as_(OPERATOR)
    settings = (await web.get(path, headers=operator)).json()
    assert set(settings) == set(RoomSettings.__struct_fields__)
    assert settings["opens_at"] == "2030-01-01T08:00:00Z"
    before = len(await rows(web, "shop"))
    for method, address in (("PUT", path), ("PATCH", "/v1/rooms/shop")):
        assert (await web.send(method, address, json=settings, headers=operator)).status_code == 200
    assert (await web.get(path, headers=operator)).json() == settings
    assert len(await rows(web, "shop")) == before, "it changed nothing"
    assert (await web.post("/v1/rooms", {"room_id": "twin", **settings}, headers=operator)).status_code == 201
    assert (await web.get("/v1/rooms/twin/settings", headers=operator)).json() == settings
    replaced = (await web.send("PUT", path, json={"name": "Shop"}, headers=operator)).json()
    assert (replaced["name"], replaced["bypass"], replaced["target_url"], replaced["opens_at"]) == (
        *("Shop", [], "", None),
    )
    assert (await rows(web, "shop"))[0] == "change"
    big: dict[str, Any] = {
        "name": "Shop",
        "bypass": [{"path_prefix": "/" + "a" * 199, "value": "v" * 200, "header": "h"}] * 50,
    }
    big["theme"] = {"cover": "data:image/png;base64," + "A" * 36_000}
    answer = await web.send("PUT", path, json=big, headers=operator)
    assert answer.status_code in (200, 422), "larger than most bodies, but read"
    assert (
        field_of(await web.send("PUT", path, json={"name": "S", "state": "open"}, headers=operator))
        == "state"
    )
    assert field_of(await web.send("PUT", path, json={"message": "S"}, headers=operator)) == "name"
    missing = await web.send("PUT", "/v1/rooms/none/settings", json={"name": "S"}, headers=operator)
    assert code(missing) == (404, "room_not_found")


async def test_a_room_with_visitors_is_deleted_by_force_alone(web: Web, settings: Settings) -> None:
    """And nothing that was valid in it remains valid, even in a room created again under its name."""
    operator, gate = web.as_(OPERATOR), "/v1/rooms/shop/gate"
    await web.room("shop", **SHOP)
    async with served(settings) as other:
        let_in = pass_cookie(await web.get(gate, headers=gate_headers(ADDRESS)))
        waiting = bearer((await web.join("shop"))["place_token"])
        for process in (web, other):
            assert (await process.get(gate, headers=let_in)).status_code == 204
        refused = await web.send("DELETE", "/v1/rooms/shop", headers=operator)
        assert code(refused) == (409, "conflict")
        assert "1 wait" in refused.json()["detail"]
        assert (await web.get("/v1/rooms/shop/places/me", headers=waiting)).json()["state"] == "waiting"
        assert field_of(await web.send("DELETE", "/v1/rooms/shop?force=ja", headers=operator)) == "force"
        deleted = await web.send("DELETE", "/v1/rooms/shop?force=true", headers=operator)
        assert (deleted.status_code, deleted.content) == (204, b"")
        again = await web.send("DELETE", "/v1/rooms/shop?force=true", headers=operator)
        assert code(again) == (404, "room_not_found")
        assert (await rows(web, "shop"))[0] == "delete"
        assert not await web.app.stores.redis.keys("{shop}:*")
        assert await web.app.stores.redis.zscore("fairgate:busy", "shop") is None
        assert await web.app.stores.postgres.fetchval("SELECT count(*) FROM rooms_gone") == 0
        assert code(await web.get("/v1/rooms/shop")) == (404, "room_not_found")
        await web.room("shop", **SHOP, gate_mode="queue_all")
        for process in (web, other):
            await wait_until(lambda process=process: is_refused(process, waiting), "it to be known")
            assert code(await process.get(gate, headers=let_in)) == (401, "credential_invalid")
        assert (await web.join("shop"))["queue_number"] == 1


async def test_a_room_that_an_event_sells_through_is_not_deleted(web: Web) -> None:
    await web.event("gala")
    answer = await web.send("DELETE", "/v1/rooms/gala?force=true", headers=web.as_(OPERATOR))
    assert code(answer) == (409, "conflict")
    assert "gala" in answer.json()["detail"]
    assert (await web.get("/v1/rooms/gala")).status_code == 200


async def test_what_was_interrupted_is_finished(web: Web) -> None:
    """Postgres has the change but Redis does not: the same call completes it, or a worker does."""
    operator, redis, postgres = web.as_(OPERATOR), web.app.stores.redis, web.app.stores.postgres

    async def half_deleted(room_id: str) -> None:
        await web.room(room_id)
        await web.join(room_id)
        async with postgres.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO rooms_gone SELECT room_id, generation FROM rooms WHERE room_id = $1", room_id
            )
            await connection.execute("DELETE FROM rooms WHERE room_id = $1", room_id)
        assert await redis.keys(f"{{{room_id}}}:*")

    await half_deleted("one")
    assert (await web.send("DELETE", "/v1/rooms/one?force=true", headers=operator)).status_code == 204
    await half_deleted("two")
    await web.post("/v1/rooms", {"room_id": "two", "name": "Two"}, headers=operator)
    assert await emptying.remove_gone(web.app.stores) == 1
    assert await emptying.remove_gone(web.app.stores) == 0
    assert not await redis.keys("{one}:*")
    assert (await web.get("/v1/rooms/two")).json()["state"] == "scheduled"
    assert await redis.sismember("fairgate:rooms", "two")


async def test_while_redis_takes_no_writes_calls_say_so_and_can_be_sent_again(
    web: Web, servers: Servers
) -> None:
    """Redis is a replica of an unreachable server. What Postgres has by then is completed afterwards."""
    operator, postgres = web.as_(OPERATOR), web.app.stores.postgres
    calls = (
        ("POST", "/v1/rooms/one/advance", {"count": 1}),
        ("POST", "/v1/rooms/two/reset", None),
        ("DELETE", "/v1/rooms/three?force=true", None),
    )
    for room_id in ("one", "two", "three"):
        await web.room(room_id)
        await web.post(f"/v1/rooms/{room_id}/pause", headers=operator)
        await web.join(room_id)
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.execute_command("REPLICAOF", "127.0.0.1", 1)
        try:
            for method, path, body in calls:
                response = await web.send(method, path, json=body, headers=operator)
                assert code(response) == (503, "store_unavailable"), path
                assert int(response.headers["retry-after"]) >= 1
        finally:
            await redis.execute_command("REPLICAOF", "NO", "ONE")
    assert await rows(web, "one") == ["pause", "open", "create"], "nobody was called, and nothing claims so"
    assert (await web.get("/v1/rooms/one")).json()["called"] == 0
    for method, path, body in calls:
        answer = await web.send(method, path, json=body, headers=operator)
        assert answer.status_code in (200, 204), answer.text
    assert (await web.get("/v1/rooms/one")).json()["called"] == 1
    assert (await web.get("/v1/rooms/two")).json()["waiting"] == 0
    assert code(await web.get("/v1/rooms/three")) == (404, "room_not_found")
    assert not await web.app.stores.redis.keys("{three}:*")
    assert await postgres.fetchval("SELECT count(*) FROM rooms_gone") == 0


async def test_a_reset_room_begins_anew_with_its_settings(web: Web, settings: Settings) -> None:
    operator, gate = web.as_(OPERATOR), "/v1/rooms/shop/gate"
    await web.room("shop", **SHOP, message="Hello")
    async with served(settings) as other:
        let_in = pass_cookie(await web.get(gate, headers=gate_headers(ADDRESS)))
        account = other.as_("user", "bea")
        mine = await other.join("shop", headers=account)
        waiting = bearer((await web.join("shop"))["place_token"])
        removed = VisitorId("r" * 22)
        await web.send("DELETE", f"/v1/rooms/shop/visitors/{removed}", headers=operator)
        for process in (web, other):
            assert (await process.get(gate, headers=let_in)).status_code == 204
        before = await web.app.queues.loaded_rooms.read(RoomId("shop"))
        answer = await web.post("/v1/rooms/shop/reset", headers=operator)
        assert answer.status_code == 200, answer.text
        assert (answer.json()["message"], answer.json()["state"]) == ("Hello", "open")
        now = (await web.get("/v1/rooms/shop")).json()
        assert (now["waiting"], now["called"], now["active"], now["serving_position"]) == (0, 0, 0, 0)
        after = await web.app.queues.loaded_rooms.read(RoomId("shop"))
        assert after.generation != before.generation
        assert after.seed != before.seed
        assert await web.app.stores.postgres.fetchval("SELECT count(*) FROM rooms_gone") == 0
        for table in {*OF_VISITORS} - {"gate_counts"}:  # the gate is already counting again
            assert await web.app.stores.postgres.fetchval(f"SELECT count(*) FROM {table}") == 0, table
        for process in (web, other):
            await wait_until(lambda process=process: is_refused(process, waiting), "it to be known")
        newcomer = await other.get(gate, headers=gate_headers(ADDRESS))
        assert newcomer.status_code == 204, "nobody is inside, and nobody is expected"
        for process in (web, other):
            assert code(await process.get(gate, headers=let_in)) == (401, "credential_invalid")
            assert (await process.get(gate, headers=pass_cookie(newcomer))).status_code == 204
        again = await other.join("shop", headers=account)
        assert (again["visitor_id"], again["queue_number"]) == (mine["visitor_id"], 2)
        assert (await rows(web, "shop"))[0] == "reset"


async def test_a_room_whose_tickets_were_reserved_is_not_reset(web: Web) -> None:
    await web.event("gala")
    assert (await web.post("/v1/rooms/gala/reset", headers=web.as_(OPERATOR))).status_code == 200
    assert (await web.get("/v1/events/gala/availability")).json()["ticket_types"][0]["free"] == 10
    await web.app.stores.postgres.execute(
        "INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency, "
        "fingerprint, expires_at) VALUES ('r', 'gala', 'v', 'expired', '[]', 0, 'EUR', '', now())"
    )
    assert code(await web.post("/v1/rooms/gala/reset", headers=web.as_(OPERATOR))) == (409, "conflict")
    assert code(await web.post("/v1/rooms/none/reset", headers=web.as_(OPERATOR))) == (404, "room_not_found")


async def test_an_account_that_left_before_the_reset_passes_afterwards(web: Web) -> None:
    """Its visitor_id is the same, and its new number is lower than the one that had ended."""
    await web.room("hall", **SHOP, gate_mode="queue_all")
    bea = web.as_("user", "bea")
    for number in (3, 1):
        for _ in range(number - 1):
            other = bearer((await web.join("hall"))["place_token"])
            await web.send("DELETE", "/v1/rooms/hall/places/me", headers=other)
        await web.inside("hall", headers=bea)
        mine = await web.join("hall", headers=bea)
        assert mine["queue_number"] == number
        ticketed = await handed_over(web, bearer(mine["place_token"]), ADDRESS)
        let_in = pass_cookie(await web.get(GATE, headers=gate_headers(ticketed)))
        assert (await web.get(GATE, headers=let_in)).status_code == 204
        await web.send("DELETE", "/v1/rooms/hall/places/me", headers=bea)
        await web.post("/v1/rooms/hall/reset", headers=web.as_(OPERATOR))
        await web.app.gate_rooms._refresh(RoomId("hall"))  # as each gate does within a second


async def test_visitors_are_let_in_by_hand_once_for_a_key(web: Web) -> None:
    await web.room("shop", **{**SHOP, "active_visitors_max": 3}, gate_mode="queue_all")
    operator, path = web.as_(OPERATOR), "/v1/rooms/shop/advance"
    await web.post("/v1/rooms/shop/pause", headers=operator)
    for _ in range(5):
        await web.join("shop")

    async def advance(count: Any, key: str = "", **headers: str) -> httpx.Response:
        keyed = {"Idempotency-Key": key} if key else {}
        return await web.post(path, {"count": count}, headers={**operator, **keyed, **headers})

    first, again = await advance(2, "a"), await advance(2, "a")
    assert first.json() == again.json()
    assert (first.json()["advanced"], first.json()["limited_by"], first.json()["waiting"]) == (2, None, 3)
    assert again.headers["idempotent-replay"] == "true"
    assert code(await advance(3, "a")) == (409, "idempotency_key_reused")
    # The process died before it stored the response: Redis knows the call by its key.
    await web.app.stores.postgres.execute("DELETE FROM idempotent_replies")
    assert (await advance(2, "a")).json()["called"] == 2
    capped = (await advance(2, "b")).json()
    assert (capped["advanced"], capped["limited_by"], capped["called"]) == (1, "cap", 3)
    assert await web.app.stores.redis.hlen(RoomKeys(RoomId("shop")).advances) == 2
    for wrong in (0, -1, 2_001, "2", 1.5, None):
        assert field_of(await advance(wrong)) == "count"
    assert code(await web.post("/v1/rooms/none/advance", {"count": 1}, headers=operator)) == (
        *(404, "room_not_found"),
    )
    await web.post("/v1/rooms/shop/close", headers=operator)
    assert code(await advance(1)) == (409, "conflict")
    log = (await web.get("/v1/audit?kind=room&id=shop", headers=operator)).json()["items"]
    done = [it["after"] for it in log if it["action"] == "advance"]
    assert done[-1] == {"count": 2, "called": 2}
    assert done[0] == {"count": 2, "called": 1}
