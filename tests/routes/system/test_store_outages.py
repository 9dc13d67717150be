"""Stores that fail and recover: 503 with Retry-After, never a traceback, and no promise is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from app.settings import Settings
from app.store.connections import Stores
from app.web.http import deadlines
from app.web.http.cookies import PLACE_COOKIE
from tests.routes.conftest import Web, bearer, code, ops, served
from tests.support.waiting import wait_until
from tests.support.wire import Wire, a_wire


@dataclass
class Wires:
    """The wires from the app to its stores."""

    web: Web
    redis: Wire
    postgres: Wire


def _through(url: str, wire: Wire) -> str:
    parts = urlsplit(url)
    return url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{wire.port}")


@pytest.fixture
async def wires(stores: Stores, settings: Settings) -> AsyncIterator[Wires]:
    """The app with a wire to each store."""
    redis, postgres = urlsplit(settings.redis_url), urlsplit(settings.database_url)
    async with (
        a_wire("127.0.0.1", redis.port or 0) as redis_wire,
        a_wire("127.0.0.1", postgres.port or 0) as postgres_wire,
    ):
        cut = settings.model_copy(
            update={
                "redis_url": _through(settings.redis_url, redis_wire),
                "database_url": _through(settings.database_url, postgres_wire),
            }
        )
        async with served(cut) as web:
            yield Wires(web, redis_wire, postgres_wire)


def away(response: httpx.Response) -> bool:
    """Check the full response while a store is unreachable."""
    assert code(response) == (503, "store_unavailable"), response.text
    assert int(response.headers["retry-after"]) >= 1
    assert "Traceback" not in response.text
    return True


async def test_without_redis_calls_that_need_it_say_so_and_then_recover(wires: Wires) -> None:
    web = wires.web
    await web.room()
    token = bearer((await web.join("hall"))["place_token"])
    await wires.redis.cut()
    for method, path in (
        ("POST", "places"),
        ("GET", "places/me"),
        ("POST", "places/me/booking-token"),
        ("DELETE", "places/me"),
    ):
        assert away(await web.send(method, f"/v1/rooms/hall/{path}", headers=token)), path
    assert (await web.get("/livez")).status_code == 200
    assert (await web.get("/openapi.json")).status_code == 200
    assert "fairgate_stores_up 0.0" in (await web.get("/metrics", headers=ops())).text
    await wires.redis.restore()

    async def back() -> bool:
        return (await web.get("/v1/rooms/hall/places/me", headers=token)).status_code == 200

    await wait_until(back, "the recovery")


async def test_a_page_does_not_wait_for_one_answer_of_a_store_after_the_other(
    wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = wires.web
    await web.event()
    place, _ = await web.inside("gala")
    fan = {"Accept": "text/html", "Cookie": f"{PLACE_COOKIE}gala={place['Authorization'].split()[1]}"}
    monkeypatch.setattr(deadlines, "PAGE_TIMEOUT_S", 0.5)
    wires.redis.silence(later_ones=True)
    answers = [await web.get(path, headers=fan) for path in ("/rooms/gala", "/events/gala")]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["retry-after"].isdigit()
        assert "</html>" in answer.text


async def test_without_redis_the_last_status_is_shown_as_stale(wires: Wires) -> None:
    web = wires.web
    await web.room()
    fresh = (await web.get("/v1/rooms/hall")).json()
    assert "stale" not in fresh
    await wires.redis.cut()

    async def stale() -> bool:
        answer = await web.get("/v1/rooms/hall")
        assert answer.status_code == 200
        return bool(answer.json().get("stale", False))

    await wait_until(stale, "the mark")
    assert (await web.get("/v1/rooms/hall")).json() == {**fresh, "stale": True}
    await wires.redis.restore()

    async def whole() -> bool:
        return "stale" not in (await web.get("/v1/rooms/hall")).json()

    await wait_until(whole, "the recovery")


async def test_without_redis_places_far_from_the_front_are_still_answered(wires: Wires) -> None:
    web = wires.web
    await web.room(exact_within=1_000, admission_rate_per_minute=0)
    place = await web.join("hall")
    claims = web.app.places.read(place["place_token"])
    far = bearer(web.app.places.sign(msgspec.structs.replace(claims, queue_number=5_000)))
    await wires.redis.cut()
    answer = await web.get(
        "/v1/rooms/hall/places/me", headers=far
    )  # from PostgreSQL: no status was read before
    assert (answer.status_code, answer.json()["about"]) == (200, True)
    assert answer.json()["queue_position"] == 5_000
    assert away(await web.get("/v1/rooms/hall/places/me", headers=bearer(place["place_token"])))


async def test_a_status_nobody_saw_before_cannot_be_shown(wires: Wires) -> None:
    await wires.web.room(opened=False)
    await wires.redis.cut()
    assert away(await wires.web.get("/v1/rooms/hall"))


async def test_without_postgres_nothing_is_promised(wires: Wires) -> None:
    web = wires.web
    await web.room()
    token = bearer((await web.join("hall"))["place_token"])
    await wires.postgres.cut()
    away(await web.post("/v1/rooms/hall/places/me/booking-token", headers=token))
    away(await web.post("/v1/rooms/hall/pause", headers=web.as_("operator")))
    away(await web.get("/v1/events"))
    away(await web.get("/v1/rooms"))
    event = {"event_id": "x", "name": "X", "starts_at": "2030-01-01T20:00:00Z"}
    away(await web.post("/v1/events", event, headers={**web.as_("admin"), "Idempotency-Key": "k"}))
    assert (await web.get("/v1/rooms/hall")).status_code == 200  # Redis decides, and Redis is reachable
    await wires.postgres.restore()

    async def claimed() -> bool:
        answer = await web.post("/v1/rooms/hall/places/me/booking-token", headers=token)
        return answer.status_code in (200, 201)

    await wait_until(claimed, "the claim")


async def test_readiness_names_what_is_away(wires: Wires) -> None:
    web = wires.web
    idle = await web.get("/readyz", headers=ops())
    assert idle.status_code == 503
    assert idle.json()["redis"] == idle.json()["postgres"] == "ok"
    assert "worker" in idle.json()["worker"]
    await wires.redis.cut()
    found = (await web.get("/readyz", headers=ops())).json()
    assert found["redis"] != "ok"
    assert found["postgres"] == "ok"
    await wires.postgres.cut()
    answer = await web.get("/readyz", headers=ops())
    assert answer.status_code == 503
    assert answer.json()["postgres"] != "ok"


async def test_ready_with_both_stores_and_a_worker(web: Web, worker: object) -> None:
    async def ready() -> bool:
        return (await web.get("/readyz", headers=ops())).status_code == 200

    await wait_until(ready, "readiness")
    readiness = (await web.get("/readyz", headers=ops())).json()
    assert readiness == dict.fromkeys(("redis", "postgres", "worker", "loops", "process"), "ok")
