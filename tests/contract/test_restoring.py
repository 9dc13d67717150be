"""While a room is being restored, every call responds as the contract states: mostly 503 `restoring`."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from app.core.model import RoomId
from app.store.connections import Stores
from app.store.sql.locks import try_lock
from app.web.api.registry import CALLS
from app.web.http.routes import Endpoint
from tests.contract.test_every_call import filled, headers_for
from tests.routes.conftest import Web, code

QUEUE_CALLS = {"status", "join", "place", "want", "claim", "leave"}


async def test_a_room_that_is_restored_is_told_as_the_contract_says(
    web: Web, stores: Stores, worker: object
) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    known = {"place": place, "booking": booking, "owner": place}

    async def send(call: Endpoint) -> tuple[str, httpx.Response]:
        headers = known.get(call.auth.name, {}) if call.auth else {}
        headers = headers or (await headers_for(web, call) if call.auth else {})
        path = filled(call.path).replace("/hall", "/gala")
        body: dict[str, Any] = {"quantity": 2} if call.name == "want" else {}
        if call.name == "reserve":
            body = {"items": [{"ticket_type_id": "floor", "quantity": 1}]}
            headers = {**headers, "Idempotency-Key": "k"}
        sent = {"json": body} if call.method in ("POST", "PATCH", "PUT") else {}
        return call.name, await web.send(call.method, path, headers=headers, **sent)

    redis: Any = stores.redis
    async with stores.postgres.acquire() as connection, connection.transaction():
        assert await try_lock(connection, "fairgate restore", RoomId("gala"))  # nobody else restores it
        await redis.flushall()
        in_room = [
            it for it in CALLS if it.path.startswith(("/v1/rooms/{room_id}", "/v1/events/{event_id}/"))
        ]
        in_room = [it for it in in_room if it.method != "DELETE" or it.name == "leave"]
        # Each response is checked against the contract as it arrives: see `Web.send`.
        found = await asyncio.gather(
            *(send(it) for it in in_room if it.name != "room_stream"), return_exceptions=True
        )
        assert not [str(it) for it in found if isinstance(it, BaseException)]
        answers = dict(it for it in found if not isinstance(it, BaseException))
        stream = await web.get("/v1/rooms/gala/events")
    restoring = {name for name, it in answers.items() if it.status_code == 503 and code(it)[1] == "restoring"}
    assert code(stream) == (503, "restoring")
    assert QUEUE_CALLS <= restoring
    for name in restoring:
        assert int(answers[name].headers["retry-after"]) >= 1, name
