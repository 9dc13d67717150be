"""Names that do not exist cost a look-up or two in every call and page, and give a 404."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode

from app.store.absent import ABSENT_MAX, AbsentIds
from app.web.api.registry import CALLS
from app.web.http.routes import Endpoint, param_names
from tests.contract.test_every_call import headers_for
from tests.contract.world import VALID_CALLS
from tests.routes.conftest import Web, code, served
from tests.support.waiting import wait_until

NAMES = 5  # made-up ids tried on each route, of which more than half must be cheap
REDIS_MAX = 4  # commands for each id, including those inside scripts, such as a throttle's
STATEMENTS_MAX = 10  # in Postgres; most are for a creation, which happens once and in a transaction
OTHERWISE = {  # the responses that are not 404, and why
    "show_claim": 302,  # leads to the form, whatever the link is
    "secure_integration_config": 401,  # its api_key is checked first
    "queue_num": 400,  # the request id does not belong to this room
    "generate_token": 400,  # the same
    "claim_reservation": 401,  # not one of our links
    "GET /reservations/<reservation_id>/claim": 200,  # the form
    "POST /reservations/<reservation_id>/claim": 401,  # not one of our links
    "GET /reservations/<reservation_id>/open": 401,  # not one of our links
    "GET /admin/rooms/<room_id>/door/worker.js": 200,  # a file, the same for all
    "POST /rooms/<room_id>/join": 307,  # first checks whether the browser keeps cookies
    "POST /rooms/<room_id>/carry": 307,  # the same
    "POST /rooms/<room_id>/member": 307,  # the same
    "GET /admin/rooms/<room_id>/theme/preview.css": 200,  # built from the form's input alone
}
# What a call needs in order to get as far as looking up the name.
QUERIES = {"log_inclusion": "?leaf=0&size=1", "log_consistency": "?first=1&second=2"}
BODIES: dict[str, Any] = {
    "join": {},
    "want": {"quantity": 1},
    "reserve": {"items": [{"ticket_type_id": "floor", "quantity": 1}]},
    "confirm": {"payment": {"method": "card", "token": "tok_ok"}},
    "change_event": {"name": "Other"},
    "create_ticket_type": {"ticket_type_id": "gold", "name": "Gold", "price": 1, "quantity": 1},
    "change_ticket_type": {"name": "Other"},
    "create_seats": {"sections": [{"name": "A", "price": 1, "rows": 1, "seats_per_row": 1}]},
    "create_codes": {"name": "Fans", "percent": 5},
    "add_guest": {"name": "Ada", "ticket_type_id": "floor"},
    "switch_codes": {"active": True},
    "switch_code": {"active": True},
    "transfer_ticket": {"ticket_id": "t" * 32, "email": "bob@example.org"},
    "block_seats": {"seat_ids": ["stalls-a-1"]},
    "set_seat_kind": {"seat_ids": ["stalls-a-1"], "kind": ""},
    "save_seat_plan": {"sections": []},
    "release_seats": {"seat_ids": ["stalls-a-1"]},
    "change_room": {"name": "Other"},
    "set_knownuser": {"customer_id": "shop"},
    "invite_members": {"emails": ["member@example.org"]},
    "set_member_login": {"algorithm": "HS256"},
    "push_knownuser": {"url": "https://shop.example/"},
}


class Counted(NamedTuple):
    """How many commands and statements have been run so far."""

    redis: int
    postgres: int


class Meter:
    """Counts the app's queries to both stores."""

    def __init__(self, web: Web) -> None:
        self._redis: Any = web.app.stores.redis
        self._postgres = web.app.stores.postgres
        self._statements = 0

    async def open(self) -> None:
        """Start counting the statements of every connection."""
        every = [await self._postgres.acquire() for _ in range(self._postgres.get_max_size())]
        for connection in every:
            connection.add_query_logger(self._count)
            await self._postgres.release(connection)
        await self._postgres.execute("SELECT 1")
        assert self._statements

    async def _count(self, _: object) -> None:
        self._statements += 1

    async def now(self) -> Counted:
        """The current counts."""
        stats: dict[str, dict[str, int]] = await self._redis.info("commandstats")
        calls = (it["calls"] for name, it in stats.items() if name != "cmdstat_info")
        return Counted(sum(calls), self._statements)

    async def modest(self, name: str, ask: Callable[[], Awaitable[None]]) -> None:
        """Ask for made-up names until most are cheap; the others may coincide with the app's own loops."""
        redis: list[int] = []
        postgres: list[int] = []
        for _ in range(NAMES):
            before = await self.now()
            await ask()
            after = await self.now()
            redis.append(after.redis - before.redis)
            postgres.append(after.postgres - before.postgres)
            cheap = sum(it <= REDIS_MAX for it in redis), sum(it <= STATEMENTS_MAX for it in postgres)
            if min(cheap) > NAMES // 2:
                return
        raise AssertionError(f"{name}: {redis} commands and {postgres} statements for made-up names")


_count = itertools.count()


def made_up(path: str) -> str:
    """The path with ids that nothing has, different ones each time."""
    i = next(_count)
    return re.sub(r"\{(\w+)\}|<(\w+)>", lambda it: _id(it[1] or it[2], i), path)


def _id(name: str, i: int) -> str:
    if name in ("room_id", "event_id", "ticket_type_id"):
        return f"made-up-{i}"
    if name in ("mail_id", "sign_in_id"):
        return f"00000000-0000-4000-8000-{i:012d}"
    fixed = {"digest": "0" * 12, "theme_file": "logo", "set_aside_id": str(10_000 + i)}
    return fixed.get(name, f"{i:04d}" + "m" * 18 + ("-1" if name == "sid" else ""))


def _of_a_counter_queue(call: Endpoint, path: str) -> tuple[Any, str]:
    """The body and address of a call to the AWS-compatible API: the room's id again, and the request's."""
    named = {"event_id": path.split("/")[3]}
    if call.name in ("queue_num", "generate_token"):
        named["request_id"] = "0" * 36
    if call.name == "increment_serving_counter":
        return {**named, "increment_by": 1}, path
    return (named, path) if call.method == "POST" else (None, f"{path}?{urlencode(named)}")


async def test_every_call_for_what_is_not_there(web: Web) -> None:
    await web.event()
    await web.room()
    meter = Meter(web)
    await meter.open()
    for call in CALLS:
        if not param_names(call.path):
            continue
        headers = await headers_for(web, call)
        of_a_room = call.auth is not None and call.auth.name in ("place", "booking")
        expected = {403, 404} if of_a_room else {OTHERWISE.get(call.name, 404)}

        async def ask(
            call: Endpoint = call, headers: dict[str, str] = headers, expected: set[int] = expected
        ) -> None:
            key = {"Idempotency-Key": f"k-{next(_count)}"} if "Idempotency-Key" in call.headers else {}
            path = made_up(call.path) + QUERIES.get(call.name, "")
            body = BODIES.get(
                call.name, next((it.body for it in VALID_CALLS.get(call.name, []) if it.body), None)
            )
            if "/vwr/" in path:  # names the room once more
                body, path = _of_a_counter_queue(call, path)
            answer = await web.send(call.method, path, json=body, headers={**headers, **key})
            assert answer.status_code in expected, (call.name, answer.status_code, answer.text)

        await meter.modest(call.name, ask)


async def test_every_page_for_what_is_not_there(web: Web) -> None:
    staff = await web.staff()
    meter = Meter(web)
    await meter.open()
    for rule in web.quart.url_map.iter_rules():
        path = rule.rule
        if "<" not in path or path.startswith("/v1/") or path.endswith("/"):
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            expected = {303, 404, 422, OTHERWISE.get(f"{method} {path}", 404)}

            async def ask(method: str = method, path: str = path, expected: set[int] = expected) -> None:
                answer = await web.send(method, made_up(path), headers=staff, data={})
                assert answer.status_code in expected, (method, path, answer.status_code)

            await meter.modest(f"{method} {path}", ask)


async def test_a_made_up_name_is_remembered_for_a_moment(web: Web) -> None:
    meter = Meter(web)
    await meter.open()
    for path in ("/v1/rooms/nowhere", "/v1/events/nothing", "/rooms/nowhere", "/v1/rooms/nowhere/gate"):
        await web.get(path)
    before = await meter.now()
    for path in ("/v1/rooms/nowhere", "/v1/rooms/nowhere/events", "/v1/events/nothing", "/rooms/nowhere"):
        assert (await web.get(path)).status_code == 404
    assert (await web.post("/v1/rooms/nowhere/places")).status_code == 404
    assert (await meter.now()).postgres - before.postgres <= 2  # the app's own loops


async def test_a_room_made_just_after_it_was_asked_for_is_there(web: Web) -> None:
    paths = {"/v1/rooms/{}": "room_not_found", "/v1/events/{}": "event_not_found"}
    for path, missing in paths.items():
        assert code(await web.get(path.format("gala"))) == (404, missing)
    assert (await web.get("/rooms/gala")).status_code == 404
    async with served(web.settings) as other:  # another process, which is not notified
        for path in paths:
            assert (await other.get(path.format("gala"))).status_code == 404
        await web.event("gala")
        for path in (*paths, "/rooms/{}", "/events/{}", "/v1/events/{}/availability"):
            assert (await web.get(path.format("gala"))).status_code == 200, path
        for path in paths:

            async def found(path: str = path) -> bool:
                return (await other.get(path.format("gala"))).status_code == 200

            await wait_until(found, f"the other process seeing {path}")
    assert (await web.get("/v1/rooms/hall")).status_code == 404
    await web.room("hall")
    assert (await web.get("/v1/rooms/hall")).status_code == 200


def test_the_memory_of_made_up_names_is_bounded() -> None:
    absent = AbsentIds()
    for i in range(ABSENT_MAX + 10):
        absent.note("room", f"made-up-{i}", absent.begin())
    assert absent.has("room", f"made-up-{ABSENT_MAX}")
    assert not absent.has("room", "made-up-0")
    assert len(absent._until) == ABSENT_MAX


def test_what_is_created_while_it_is_looked_up_is_not_taken_for_absent() -> None:
    absent = AbsentIds()
    begun = absent.begin()
    absent.forget("room", "hall")
    absent.note("room", "hall", begun)
    assert not absent.has("room", "hall")
