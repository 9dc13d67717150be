"""Reservations over HTTP: hold, payment, end."""

from __future__ import annotations

import asyncio

import pytest

from tests.routes.conftest import Web, bearer, code, field_of
from tests.support.waiting import wait_until

PAY = {"payment": {"method": "card", "token": "tok_ok"}}
pytestmark = pytest.mark.usefixtures("worker")


async def test_from_the_hold_to_the_tickets(web: Web) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    held = await web.reserve("gala", booking, 2)
    assert held.status_code == 201
    document = held.json()
    path = f"/v1/reservations/{document['reservation_id']}"
    assert held.headers["location"] == path
    assert (document["status"], document["amount"], document["tickets"]) == ("held", 10_000, [])
    assert document["items"] == [{"ticket_type_id": "floor", "quantity": 2, "price": 5000}]
    assert (await web.get(path, headers=place)).json() == document
    paid = await web.post(f"{path}/confirm", PAY, headers={**place, "Idempotency-Key": "pay"})
    assert paid.status_code == 200
    assert paid.json()["status"] == "confirmed"
    assert len(paid.json()["tickets"]) == 2
    again = await web.post(f"{path}/confirm", PAY, headers={**place, "Idempotency-Key": "pay"})
    assert again.headers["idempotent-replay"] == "true"
    assert again.json() == paid.json()


async def test_the_same_key_is_the_same_reservation(web: Web) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    answers = await asyncio.gather(*(web.reserve("gala", booking, 1, "once") for _ in range(5)))
    assert {it.status_code for it in answers} == {201}
    assert len({it.json()["reservation_id"] for it in answers}) == 1
    assert sum("idempotent-replay" not in it.headers for it in answers) == 1
    reused = await web.reserve("gala", booking, 2, "once")
    assert code(reused) == (409, "idempotency_key_reused")


async def test_a_key_is_needed_and_has_to_be_sane(web: Web) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    for key in ("", None):
        headers = booking if key is None else {**booking, "Idempotency-Key": key}
        items = [{"ticket_type_id": "floor", "quantity": 1}]
        answer = await web.post("/v1/events/gala/reservations", {"items": items}, headers=headers)
        assert code(answer) == (400, "idempotency_key_required")
    assert code(await web.reserve("gala", booking, key="x" * 129)) == (400, "bad_header")


@pytest.mark.parametrize(
    ("quantity", "field"), [(0, "items[0].quantity"), (-1, "items[0].quantity"), (10**9, "items[0].quantity")]
)
async def test_quantities_out_of_range_are_named(web: Web, quantity: int, field: str) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    assert field_of(await web.reserve("gala", booking, quantity)) == field


async def test_more_than_a_visitor_may_have(web: Web) -> None:
    await web.event(floor=100)
    _, booking = await web.inside("gala")
    assert code(await web.reserve("gala", booking, 11)) == (422, "limit_exceeded")
    assert (await web.reserve("gala", booking, 10, "fine")).status_code == 201


async def test_bodies_that_name_what_is_ours_to_say_are_refused(web: Web) -> None:
    await web.event()
    _, booking = await web.inside("gala")
    headers = {**booking, "Idempotency-Key": "k"}

    async def refused(body: object) -> str:
        return field_of(await web.post("/v1/events/gala/reservations", body, headers=headers))

    line = {"ticket_type_id": "floor", "quantity": 1}
    assert await refused({"items": [line], "amount": 1}) == "amount"
    assert await refused({"items": [{**line, "price": 1}]}) == "items[0].price"
    assert await refused({"items": []}) == "items"
    assert await refused({}) == "items"
    assert await refused([]) == "body"
    assert await refused({"items": [line, line]}) == "items[1].ticket_type_id"
    assert await refused({"items": [{**line, "ticket_type_id": "stage"}]}) == "items[0].ticket_type_id"


async def test_what_is_not_there_is_sold_out_and_nothing_is_held(web: Web) -> None:
    await web.event(floor=3)
    _, booking = await web.inside("gala")
    assert code(await web.reserve("gala", booking, 4)) == (409, "sold_out")
    availability = (await web.get("/v1/events/gala/availability")).json()["ticket_types"][0]
    assert (availability["free"], availability["held"]) == (3, 0)


async def test_unknown_events_and_other_rooms(web: Web) -> None:
    await web.event()
    await web.room("other")
    _, booking = await web.inside("gala")
    _, foreign = await web.inside("other")
    assert code(await web.reserve("nowhere", booking)) == (404, "event_not_found")
    assert code(await web.reserve("gala", foreign)) == (403, "wrong_room")
    assert code(await web.post("/v1/events/gala/reservations", {})) == (401, "credential_missing")


async def test_the_booking_cookie_is_as_good_as_the_header(web: Web) -> None:
    await web.event("concert", room={"room_id": "concert-gate"}, opened=False)
    await web.post("/v1/rooms/concert-gate/open", headers=web.as_("operator"))
    _, booking = await web.inside("concert-gate")
    token = booking["Authorization"].removeprefix("Bearer ")
    cookie = {"Cookie": f"fairgate_booking_concert-gate={token}"}
    assert (await web.reserve("concert", cookie)).status_code == 201
    forged = {**cookie, "Authorization": "Bearer nonsense"}
    assert code(await web.reserve("concert", forged)) == (401, "credential_invalid")


async def test_not_waiting_for_the_outcome(web: Web) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    accepted = await web.reserve("gala", booking, 1, "k", Prefer="respond-async")
    assert accepted.status_code == 202
    assert accepted.headers["preference-applied"] == "respond-async"
    path = accepted.headers["location"]

    async def decided() -> bool:
        return (await web.get(path, headers=place)).status_code == 200

    await wait_until(decided, "the decision")
    assert (await web.get(path, headers=place)).json()["status"] == "held"


async def test_nobody_else_sees_it_and_staff_may_read_it(web: Web) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    stranger, other_booking = await web.inside("gala")
    path = f"/v1/reservations/{(await web.reserve('gala', booking)).json()['reservation_id']}"
    for headers in (stranger, other_booking, web.as_("user")):
        for method, at in (("GET", path), ("POST", f"{path}/cancel")):
            assert code(await web.send(method, at, headers=headers)) == (404, "reservation_not_found")
        answer = await web.post(f"{path}/confirm", PAY, headers={**headers, "Idempotency-Key": "k"})
        assert code(answer) == (404, "reservation_not_found")
        assert code(await web.get(f"{path}/events", headers=headers)) == (404, "reservation_not_found")
    assert code(await web.get(path)) == (401, "credential_missing")
    for headers in (place, booking, web.as_("operator"), web.as_("admin")):
        assert (await web.get(path, headers=headers)).status_code == 200
    assert code(await web.post(f"{path}/cancel", headers=web.as_("admin"))) == (404, "reservation_not_found")
    token = place["Authorization"].removeprefix("Bearer ")
    cookie = {"Cookie": f"fairgate_place_other=junk; fairgate_place_gala={token}"}
    assert (await web.get(path, headers=cookie)).status_code == 200


async def test_an_account_keeps_its_reservation(web: Web) -> None:
    await web.event()
    ann = web.as_("user", "ann")
    await web.join("gala", headers=ann)
    claimed = await web.post("/v1/rooms/gala/places/me/booking-token", headers=ann)
    held = await web.reserve("gala", bearer(claimed.json()["booking_token"]))
    path = f"/v1/reservations/{held.json()['reservation_id']}"
    assert (await web.get(path, headers=web.as_("user", "ann"))).status_code == 200
    assert code(await web.get(path, headers=web.as_("user", "bob"))) == (404, "reservation_not_found")


async def test_cancelling_gives_the_tickets_back_once(web: Web) -> None:
    await web.event(floor=3)
    place, booking = await web.inside("gala")
    path = f"/v1/reservations/{(await web.reserve('gala', booking, 3)).json()['reservation_id']}"
    for _ in range(2):
        ended = await web.post(f"{path}/cancel", headers=place)
        assert ended.status_code == 200
        assert ended.json()["status"] == "cancelled"

    async def free() -> bool:
        room = (await web.get("/v1/rooms/gala")).json()
        return bool(room["available"] == 3)

    await wait_until(free, "the tickets to be free again")
    late = await web.post(f"{path}/confirm", PAY, headers={**place, "Idempotency-Key": "k"})
    assert late.status_code in (409, 410)


async def test_payments_are_told_apart(web: Web) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    path = f"/v1/reservations/{(await web.reserve('gala', booking)).json()['reservation_id']}"

    async def pay(token: str, key: str) -> tuple[int, str]:
        body = {"payment": {"method": "card", "token": token}}
        return code(await web.post(f"{path}/confirm", body, headers={**place, "Idempotency-Key": key}))

    assert await pay("tok_declined", "one") == (402, "payment_declined")
    assert await pay("tok_nonsense", "two") == (422, "validation_failed")
    extra = {"payment": {"method": "card", "token": "tok_ok", "amount": 1}}
    refused = await web.post(f"{path}/confirm", extra, headers={**place, "Idempotency-Key": "three"})
    assert field_of(refused) == "payment.amount"
    keyless = await web.post(f"{path}/confirm", PAY, headers=place)
    assert code(keyless) == (400, "idempotency_key_required")


async def test_after_the_session_only_the_place_token_opens_the_door(web: Web) -> None:
    await web.event()
    place, booking = await web.inside("gala")
    held = await web.reserve("gala", booking)
    await web.send("DELETE", "/v1/rooms/gala/places/me", headers=place)
    assert code(await web.reserve("gala", booking, key="late")) == (403, "session_ended")
    path = f"/v1/reservations/{held.json()['reservation_id']}"
    paid = await web.post(f"{path}/confirm", PAY, headers={**place, "Idempotency-Key": "pay"})
    assert paid.json()["status"] == "confirmed"
