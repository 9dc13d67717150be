"""A hold can be extended once, if the event offers it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from app.reservations import holds
from app.store.connections import Stores
from tests.routes.conftest import Web, code
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("worker")
PAY = {"payment": {"method": "card", "token": "tok_ok"}}


async def a_hold(web: Web, **event: Any) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The path of a hold, the headers of its owner, its document."""
    await web.event(**event)
    place, booking = await web.inside("gala")
    answer = await web.reserve("gala", booking, 2)
    assert answer.status_code == 201
    return f"/v1/reservations/{answer.json()['reservation_id']}", place, answer.json()


def seconds_between(before: dict[str, Any], after: dict[str, Any]) -> float:
    """How much later the second one ends."""
    ends = [datetime.fromisoformat(it["expires_at"]) for it in (before, after)]
    return (ends[1] - ends[0]).total_seconds()


async def test_a_hold_is_extended_once(web: Web) -> None:
    path, place, held = await a_hold(web, hold_extend_s=120)
    assert held["extendable"] is True
    assert (await web.get(path, headers=place)).json() == held
    answers = await asyncio.gather(*(web.post(f"{path}/extend", headers=place) for _ in range(5)))
    assert {it.status_code for it in answers} == {200}
    assert len({it.text for it in answers}) == 1
    extended = answers[0].json()
    assert seconds_between(held, extended) == 120
    assert extended["extendable"] is False
    assert (await web.get(path, headers=place)).json() == extended
    paid = await web.post(f"{path}/confirm", PAY, headers={**place, "Idempotency-Key": "pay"})
    assert paid.status_code == 200
    assert code(await web.post(f"{path}/extend", headers=place)) == (409, "conflict")


async def test_an_extended_hold_lives_as_long_as_its_row_says(web: Web, stores: Stores) -> None:
    path, place, held = await a_hold(web, hold_ttl_s=300, hold_extend_s=60)
    await web.post(f"{path}/extend", headers=place)

    async def go_by(seconds: int) -> None:
        await stores.postgres.execute(
            "UPDATE reservations SET expires_at = expires_at - make_interval(secs => $1)", seconds
        )
        await holds.expire_due(stores)

    async def status() -> str:
        return str((await web.get(path, headers=place)).json()["status"])

    async def ended() -> bool:
        return await status() == "expired"

    await go_by(301)
    assert await status() == "held"
    await go_by(61)
    # the worker may be processing it, in which case go_by left it alone
    await wait_until(ended, "the end of the hold")
    assert code(await web.post(f"{path}/extend", headers=place)) == (410, "hold_expired")
    assert (await web.reserve("gala", place)).status_code == 401
    assert held["status"] == "held"


async def test_what_cannot_be_extended(web: Web) -> None:
    path, place, held = await a_hold(web)
    assert held["extendable"] is False
    assert code(await web.post(f"{path}/extend", headers=place)) == (409, "conflict")
    stranger, _ = await web.inside("gala")
    assert code(await web.post(f"{path}/extend", headers=stranger)) == (404, "reservation_not_found")
    assert code(await web.post(f"{path}/extend")) == (401, "credential_missing")
    changed = await web.send("PATCH", "/v1/events/gala", json={"hold_extend_s": 30}, headers=web.as_("admin"))
    assert changed.json()["hold_extend_s"] == 30
    assert (await web.get(path, headers=place)).json()["extendable"] is True
    await web.post(f"{path}/cancel", headers=place)
    assert code(await web.post(f"{path}/extend", headers=place)) == (409, "conflict")


async def test_a_hold_that_has_run_out_is_not_extended(web: Web, stores: Stores) -> None:
    path, place, _ = await a_hold(web, hold_extend_s=60)
    await stores.postgres.execute("UPDATE reservations SET expires_at = now()")
    assert code(await web.post(f"{path}/extend", headers=place)) == (410, "hold_expired")


@pytest.mark.parametrize("seconds", [-1, 86_401, "60"])
async def test_how_long_is_bounded(web: Web, seconds: object) -> None:
    body = {"event_id": "gala", "name": "Gala", "starts_at": "2030-01-01T20:00:00Z", "hold_extend_s": seconds}
    assert code(await web.post("/v1/events", body, headers=web.as_("admin"))) == (422, "validation_failed")


async def test_the_page_has_a_button_that_needs_no_script(web: Web) -> None:
    path, place, held = await a_hold(web, hold_extend_s=120)
    page = path.removeprefix("/v1")
    assert f'action="{page}/extend"' in (await web.get(page, headers=place)).text
    sent = await web.post(f"{page}/extend", headers={**place, "Origin": "http://fairgate.test"})
    assert (sent.status_code, sent.headers["location"]) == (303, page)
    assert seconds_between(held, (await web.get(path, headers=place)).json()) == 120
    assert "/extend" not in (await web.get(page, headers=place)).text
