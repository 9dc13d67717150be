"""The cockpit of a sale: what it shows, what its controls do, and their predicted effect."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
import pytest

from app.core.model import RoomId
from app.core.waiting_room.history import EVERY_MS
from app.monitoring import history
from app.monitoring.history import Latency
from app.store.keys import RoomKeys
from app.web.console.room import cockpit
from tests.routes.conftest import Web, working
from tests.support.waiting import PATIENCE_S

RATE = "admission_rate_per_minute"
HERE = "/admin/rooms/hall"
HALL = RoomId("hall")


async def a_line(web: Web, people: int = 3, **settings: Any) -> None:
    """A room with this many waiting."""
    await web.room("hall", **{RATE: 60, **settings})
    for _ in range(people):
        await web.join("hall")


async def room(web: Web) -> dict[str, Any]:
    """The latest settings in the audit log."""
    found: dict[str, Any] = (await web.get("/v1/rooms/hall")).json()
    return found


async def newest(web: Web) -> dict[str, Any]:
    """The latest change."""
    log = await web.get("/v1/audit?kind=room&id=hall&per_page=1", headers=web.as_("operator"))
    [row] = log.json()["items"]
    return dict(row)


async def test_the_effect_of_other_numbers_is_shown_before_they_are_applied(web: Web) -> None:
    await a_line(web, 61, **{RATE: 0})
    await web.send("PATCH", "/v1/rooms/hall", json={RATE: 60}, headers=web.as_("operator"))
    staff = await web.staff("operator")
    effect = (await web.get(f"{HERE}/effect?{RATE}=10&active_visitors_max=", headers=staff)).json()
    assert effect == {"now": "about 1 min", "then": "6 min to 10 min", "field": "", "problem": ""}
    page = (await web.get(f"{HERE}?{RATE}=10", headers=staff)).text
    assert "End of the queue: <b>about 1 min</b> → <b>6 min to 10 min</b>" in page
    assert 'value="10"' in page
    never = (await web.get(f"{HERE}/effect?{RATE}=0", headers=staff)).json()
    assert never["then"] == "never: the rate is 0"
    wrong = (await web.get(f"{HERE}/effect?{RATE}=-5", headers=staff)).json()
    assert (wrong["field"], wrong["problem"]) == (RATE, "Rate must be at least 0")
    page = (await web.get(f"{HERE}?{RATE}=x", headers=staff)).text
    assert 'id="admission_rate_per_minute-wrong"' in page
    assert "Rate must be a whole number" in page
    assert (await room(web))[RATE] == 60  # a preview changes nothing


async def test_the_last_change_is_undone_and_only_as_it_was_seen(web: Web) -> None:
    await a_line(web)
    staff = await web.staff("operator", "ann")
    await web.post(f"{HERE}/settings", data={RATE: "5", "active_visitors_max": ""}, headers=staff)
    page = (await web.get(HERE, headers=staff)).text
    assert "cap 1,000 → none, rate 60 → 5" in page
    shown_id = re.findall(r'name="audit_id" value="(\d+)"', page)[0]
    await web.post(f"{HERE}/settings", data={"message": "Soon"}, headers=staff)
    late = await web.post(f"{HERE}/undo", data={"audit_id": shown_id}, headers=staff)
    assert late.status_code == 409
    assert "changed in the meantime" in late.text
    for _ in range(2):  # the message; after that, only an undo of the undo
        audit_id = (await newest(web))["audit_id"]
        answer = await web.post(f"{HERE}/undo", data={"audit_id": audit_id}, headers=staff)
        assert answer.status_code == 303, answer.text
    assert (await room(web))["message"] == "Soon"
    assert (await newest(web))["who"] == "ann"


async def test_a_pause_is_undone_and_a_closing_is_not(web: Web) -> None:
    await a_line(web)
    staff = await web.staff("operator")
    for step, status, state in (("pause", 303, "open"), ("close", 409, "closed")):
        await web.post(f"{HERE}/state", data={"step": step}, headers=staff)
        audit_id = (await newest(web))["audit_id"]
        answer = await web.post(f"{HERE}/undo", data={"audit_id": audit_id}, headers=staff)
        assert answer.status_code == status
        assert (await room(web))["state"] == state
    for wrong in ("", "x", "9" * 30):
        refused = await web.post(f"{HERE}/undo", data={"audit_id": wrong}, headers=staff)
        assert refused.status_code == 409


async def test_a_visitor_is_found_by_what_they_can_read_out_and_removed(web: Web) -> None:
    await a_line(web)
    ann = await web.join("hall", json={"email": "Ann@example.org"})
    staff = await web.staff("operator")
    for word in (f"%23{ann['queue_number']}", ann["queue_number"], "ann%40example.org", ann["visitor_id"]):
        page = (await web.get(f"{HERE}?find={word}", headers=staff)).text
        assert page.count(f"<code>{ann['visitor_id']}</code>") == 1, word
        assert "waiting</span>" in page
    for nobody in ("999", "nobody%40example.org", "who", "%00", "%F0%9F%98%80", "@" * 300):
        page = (await web.get(f"{HERE}?find={nobody}", headers=staff)).text
        assert "Nobody found" in page, nobody
    path = f"{HERE}/visitors/{ann['visitor_id']}/remove"
    assert (await web.post(path, data={}, headers=staff)).status_code == 303
    page = (await web.get(f"{HERE}?find={ann['visitor_id']}", headers=staff)).text
    assert "removed</span>" in page
    assert path not in page
    log = await web.get("/v1/audit?kind=visitor", headers=web.as_("operator"))
    assert [it["action"] for it in log.json()["items"]] == ["remove"]


async def test_who_has_their_turn_or_reserved_is_found_too(web: Web, worker: object) -> None:
    await web.event("gala", room={RATE: 600})
    _, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking)).json()
    staff = await web.staff("operator")
    for word in ("1", held["visitor_id"], held["reservation_id"]):
        page = (await web.get(f"/admin/rooms/gala?find={word}", headers=staff)).text
        assert f"<code>{held['visitor_id']}</code>" in page, word
        assert "active</span>" in page


async def test_a_moment_is_kept_once_however_many_workers_there_are(web: Web) -> None:
    await a_line(web, 5, **{RATE: 0})
    await web.room("quiet", opened=False)
    await asyncio.gather(*(history.take_sample(web.app.queues, Latency()) for _ in range(4)))
    found = await history.recent(web.app.stores, HALL)
    assert [(it.waiting, it.joined, it.rate_per_minute, it.cap) for it in found] in (
        [(5, 5, 0, 1000)],
        [(5, 5, 0, 1000)] * 2,  # a new second began in between
    )
    assert len({it.at_ms for it in found}) == len(found)
    assert all(it.at_ms % EVERY_MS == 0 for it in found)
    redis: Any = web.app.stores.redis
    assert 0 < await redis.ttl(RoomKeys(HALL).samples) <= 900
    assert not await redis.exists(RoomKeys(RoomId("quiet")).samples)
    answer = (await web.get("/v1/rooms/hall/history?range=5m", headers=web.as_("operator"))).json()
    assert (answer["step_s"], [it["waiting"] for it in answer["points"]]) == (1, [5] * len(found))
    for wanted in ("1h", "sale"):
        answer = (await web.get(f"/v1/rooms/hall/history?range={wanted}", headers=web.as_("operator"))).json()
        assert answer["points"] == []  # no step has ended
    wrong = await web.get("/v1/rooms/hall/history?range=1y", headers=web.as_("operator"))
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "range")


async def test_the_stream_begins_with_everything_and_ends_when_its_viewer_is_signed_out(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cockpit, "SIGNED_IN_EVERY_S", 0.0)
    await a_line(web)
    await history.take_sample(web.app.queues, Latency())
    staff = await web.staff("operator")
    feeds = web.app.feeds
    async with working(web.app.stores, web.settings):
        documents = feeds.watch(HALL)
        whole = msgspec.json.decode(await anext(documents))
        assert (whole["state"], whole["waiting"] + whole["called"]) == ("open", 3)
        assert len(whole["points"]) in (1, 2)  # the worker may have taken the next one
        assert [it["what"] for it in whole["changes"]] == ["opened", "created"]
        await web.post(f"{HERE}/state", data={"step": "pause"}, headers=staff)
        async with asyncio.timeout(PATIENCE_S):
            async for document in documents:
                event = msgspec.json.decode(document)
                if event["state"] == "paused" and event["workers"] == 1 and event["changes"][0]["undoable"]:
                    break
        await documents.aclose()  # type: ignore[attr-defined]
    assert feeds._rooms == {}  # nobody watches, so nothing is read any more
    client = web.http
    async with asyncio.timeout(PATIENCE_S):
        request = asyncio.create_task(client.get(f"{HERE}/events", headers=staff))
        await asyncio.sleep(0)
        await web.post("/admin/sign-out", data={}, headers=staff)
        answer = await request
    assert answer.status_code in (200, 401)  # the stream has ended
