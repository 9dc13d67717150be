"""Figures of a room and of the whole installation."""

from __future__ import annotations

from typing import Any

from app.core.model import RoomId
from app.monitoring import counts
from app.settings import Settings
from app.store.sql.waiting_room.rooms import record_progress
from app.waiting_room.queue import status
from tests.routes.conftest import Web, code, served
from tests.support.waiting import wait_until


async def figures(web: Web, path: str = "/v1/stats") -> dict[str, Any]:
    """What staff see."""
    answer = await web.get(path, headers=web.as_("operator"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def sold(web: Web) -> None:
    """One paid, one held, one refused."""
    await web.event(floor=3)
    first, booking = await web.inside("gala")
    held = await web.reserve("gala", booking, 2)
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    path = f"/v1/reservations/{held.json()['reservation_id']}/confirm"
    assert (await web.post(path, body, headers={**first, "Idempotency-Key": "p"})).status_code == 200
    _, booking = await web.inside("gala")
    assert (await web.reserve("gala", booking)).status_code == 201
    assert code(await web.reserve("gala", booking, 5, "more")) == (409, "sold_out")


def grown(now: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """How much each count has grown, without those that have not."""
    by = {name: count - before.get(name, 0) for name, count in now.items()}
    return {name: count for name, count in by.items() if count}


async def test_the_whole_installation(web: Web, worker: object) -> None:
    before = await counts.installation(web.app.stores.redis)  # this process may have counted in earlier tests
    await sold(web)
    await web.room("hall", active_visitors_max=1)
    for _ in range(3):
        await web.join("hall")

    async def counted() -> dict[str, Any] | None:
        """Wait until the second's totals have reached Redis."""
        found = await figures(web)
        return found if grown(found["requests"]["reservations_refused"], before.reservations) else None

    found = await wait_until(counted, "the totals")
    assert found["reservations"] == {
        "made": 2,
        "made_last_minute": 2,
        "held": 1,
        "paying": 0,
        "confirmed": 1,
        "cancelled": 0,
        "expired": 0,
    }
    lines, rooms = found["lines"], {it["room_id"]: it for it in found["rooms"]}
    assert rooms.keys() == {"gala", "hall"}
    assert (rooms["hall"]["waiting"], rooms["hall"]["called"], rooms["hall"]["state"]) == (2, 1, "open")
    assert (rooms["gala"]["claimed"], rooms["gala"]["done"], rooms["gala"]["active"]) == (2, 1, 1)
    for name, value in lines.items():
        assert value == sum(it[name] for it in rooms.values()), name
    assert (lines["joined"], lines["stream_backlog"]) == (5, 0)
    assert grown(found["requests"]["reservations_refused"], before.reservations) == {"sold_out": 1}
    assert grown(found["requests"]["refused"], before.refusals) == {"sold_out": 1}
    assert found["requests"]["answered"] > 10
    assert found["requests"]["since"] <= found["updated_at"]
    assert found["workers"] == 1
    assert found["this_process"]["answered"] >= found["requests"]["answered"]
    assert found["this_process"]["uptime_s"] >= 0


async def test_what_processes_counted_is_added_up_and_outlives_them(web: Web, settings: Settings) -> None:
    counted = 0

    async def more() -> dict[str, Any] | None:
        found = (await figures(web))["requests"]
        return found if found["refused"].get("room_not_found", 0) > counted else None

    since = []
    for _ in range(2):
        async with served(settings) as other:
            await other.get("/v1/rooms/nowhere")
        found = await wait_until(more, "the count of a process that has ended")
        counted = found["refused"]["room_not_found"]
        since.append(found["since"])
    assert since[0] == since[1]


async def test_an_empty_installation_has_figures_too(web: Web) -> None:
    found = await figures(web)
    assert found["rooms"] == []
    assert set(found["lines"].values()) == {0}
    assert set(found["reservations"].values()) == {0}
    assert found["workers"] == 0


async def test_one_room(web: Web, worker: object) -> None:
    await sold(web)
    found = await figures(web, "/v1/rooms/gala/stats")
    assert (found["joined"], found["admitted"], found["claimed"], found["no_shows"]) == (2, 2, 2, 0)
    assert (found["left"], found["expired"], found["done"]) == (0, 0, 1)
    assert (found["reservations"]["confirmed"], found["reservations"]["held"]) == (1, 1)
    assert found["opened_at"] is not None

    async def waits() -> dict[str, int] | None:
        shown: dict[str, int] | None = (await figures(web, "/v1/rooms/gala/stats"))["wait_s"]
        return shown

    assert (await wait_until(waits, "the percentiles")).keys() == {"p50", "p90", "p99"}


async def test_a_room_without_an_event_has_no_reservations(web: Web) -> None:
    await web.room("hall")
    await web.join("hall")
    hall = RoomId("hall")
    _, now = await status(web.app.queues, hall)
    await record_progress(web.app.stores.postgres, hall, now)
    found = await figures(web, "/v1/rooms/hall/stats")
    assert (found["event_id"], found["reservations"]) == (None, None)
    assert found["wait_s"] == {"p50": 0, "p90": 0, "p99": 0}
    assert code(await web.get("/v1/rooms/nowhere/stats", headers=web.as_("operator"))) == (
        404,
        "room_not_found",
    )
