"""From the call to the session and its end."""

from __future__ import annotations

import time

import jwt

from app.core.tokens.claims import BookingClaims
from tests.routes.conftest import Web, bearer, code
from tests.support.waiting import wait_until

CLAIM = "/v1/rooms/hall/places/me/booking-token"


async def test_claiming_again_gives_the_same_session(web: Web) -> None:
    await web.room(session_ttl_s=600)
    place = bearer((await web.join("hall"))["place_token"])
    first = await web.post(CLAIM, headers=place)
    assert first.status_code == 201
    again = await web.post(CLAIM, headers=place)
    assert again.status_code == 200
    one, two = (
        jwt.decode(it.json()["booking_token"], options={"verify_signature": False}) for it in (first, again)
    )
    assert [one[name] for name in ("jti", "sub", "exp")] == [two[name] for name in ("jti", "sub", "exp")]
    assert first.json()["expires_at"] == again.json()["expires_at"]
    mine = (await web.get("/v1/rooms/hall/places/me", headers=place)).json()
    assert mine["state"] == "active"
    assert mine["session_expires_at"] == first.json()["expires_at"]


async def test_anyone_can_check_the_token_by_the_published_keys(web: Web) -> None:
    await web.room()
    place = await web.join("hall")
    claimed = (await web.post(CLAIM, headers=bearer(place["place_token"]))).json()
    keys = jwt.PyJWKSet.from_dict((await web.get("/.well-known/jwks.json")).json())
    kid = jwt.get_unverified_header(claimed["booking_token"])["kid"]
    payload = jwt.decode(
        claimed["booking_token"], keys[kid].key, algorithms=["EdDSA"], audience="hall", issuer="fairgate"
    )
    assert payload["sub"] == place["visitor_id"]
    assert payload["nbf"] == payload["iat"] <= time.time() + 1


async def test_who_still_waits_is_told_so(web: Web) -> None:
    await web.room(active_visitors_max=1)
    await web.join("hall")
    place = await web.join("hall")
    assert place["state"] == "waiting"
    assert place["queue_position"] == 1
    answer = await web.post(CLAIM, headers=bearer(place["place_token"]))
    assert answer.status_code == 202
    assert answer.json()["state"] == "waiting"
    assert answer.json()["visitor_id"] == place["visitor_id"]


async def test_leaving_ends_the_session_and_a_second_time_changes_nothing(web: Web) -> None:
    await web.room()
    place = bearer((await web.join("hall"))["place_token"])
    await web.post(CLAIM, headers=place)
    for _ in range(2):
        answer = await web.send("DELETE", "/v1/rooms/hall/places/me", headers=place)
        assert answer.status_code == 204
        assert answer.content == b""
    assert code(await web.post(CLAIM, headers=place)) == (410, "done")
    assert (await web.get("/v1/rooms/hall/places/me", headers=place)).json()["state"] == "done"


async def test_leaving_the_line_is_told_as_left(web: Web) -> None:
    await web.room(active_visitors_max=1)
    await web.join("hall")
    waiting = bearer((await web.join("hall"))["place_token"])
    await web.send("DELETE", "/v1/rooms/hall/places/me", headers=waiting)
    assert code(await web.post(CLAIM, headers=waiting)) == (410, "left")
    back = await web.post("/v1/rooms/hall/places", headers=waiting)
    assert back.status_code == 201
    assert back.json()["queue_number"] == 3


async def test_staff_take_a_visitor_out_for_ever(web: Web) -> None:
    await web.room()
    place = await web.join("hall")
    token = bearer(place["place_token"])
    path = f"/v1/rooms/hall/visitors/{place['visitor_id']}"
    for _ in range(2):
        assert (await web.send("DELETE", path, headers=web.as_("operator"))).status_code == 204
    assert code(await web.post(CLAIM, headers=token)) == (410, "removed")
    assert code(await web.post("/v1/rooms/hall/places", headers=token)) == (403, "removed")


async def test_not_claiming_in_time_is_a_no_show(web: Web, worker: object) -> None:
    await web.room(claim_window_s=2)
    token = bearer((await web.join("hall"))["place_token"])

    async def has_ended() -> bool:
        return bool((await web.get("/v1/rooms/hall/places/me", headers=token)).json()["state"] == "no_show")

    await wait_until(has_ended, "the end of the claim window")
    assert code(await web.post(CLAIM, headers=token)) == (410, "no_show")


async def test_an_expired_token_is_told_first_of_all(web: Web) -> None:
    """Even for another room: an expired token reveals nothing."""
    await web.event(room={"gate_mode": "queue_all"})
    now = int(time.time())
    claims = {"visitor_id": "v", "jti": "j", "iat": now - 20, "exp": now - 10}
    for room_id in ("gala", "other"):
        token = web.app.keyring.signer.sign(BookingClaims(room_id=room_id, **claims))  # type: ignore[arg-type]
        assert code(await web.reserve("gala", bearer(token))) == (401, "booking_token_expired")
        gate = await web.get("/v1/rooms/gala/gate", headers=bearer(token))
        assert code(gate) == (401, "booking_token_expired")


async def test_the_line_moves_and_the_next_one_is_called(web: Web, worker: object) -> None:
    await web.room(active_visitors_max=1, admission_rate_per_minute=60_000)
    first = bearer((await web.join("hall"))["place_token"])
    second = bearer((await web.join("hall"))["place_token"])
    await web.post(CLAIM, headers=first)
    await web.send("DELETE", "/v1/rooms/hall/places/me", headers=first)

    async def called() -> bool:
        return bool((await web.get("/v1/rooms/hall/places/me", headers=second)).json()["state"] == "called")

    await wait_until(called, "the call of the next visitor")
    status = (await web.get("/v1/rooms/hall")).json()
    assert status["serving_position"] == 2
