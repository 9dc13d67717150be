"""One sale with something of everything in it, and of every call of the contract one that succeeds there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from schemathesis.schemas import BaseSchema as OpenApiSchema

from app.core.claims import session_id
from app.core.model import RoomId
from app.core.password_resets import digest
from app.core.place_tokens import new_visitor_id
from app.gate import sessions
from app.gate.sessions import Entering
from app.web.http.routes import Endpoint, param_names
from tests.routes.conftest import Web, bearer, ops
from tests.support.waiting import wait_until

FAN = {"email": "fan@example.org", "password": "correct horse"}
NEW_FAN = {"email": "new@example.org", "name": "New", "password": "correct horse"}
CHANGING = {"email": "changing@example.org", "password": "another horse"}
RESETTING = {"email": "resetting@example.org", "password": "a third horse"}
RESET = "t" * 43  # the token of a link
NEW_EVENT = {"event_id": "new", "name": "New", "starts_at": "2030-01-01T20:00:00Z"}
BOX = {"ticket_type_id": "box", "name": "Box", "price": 9000, "quantity": 2}
BALCONY = {"sections": [{"name": "Balcony", "price": 7000, "rows": 2, "seats_per_row": 5}]}
FLOOR = {"items": [{"ticket_type_id": "floor", "quantity": 1}]}
STALLS_SECTION = {"sections": [{"name": "Stalls", "price": 7000, "rows": 10, "seats_per_row": 20}]}
STALLS = {"best_available": {"ticket_type_id": "stalls", "quantity": 2}}
PAYMENT = {"payment": {"method": "card", "token": "tok_ok"}}
WEBHOOK = {"url": "http://127.0.0.1:9/", "types": ["room.sold_out"]}  # nobody listens; it does not happen
KEY = {"name": "The books", "role": "operator"}
ROOMS = ("hall", "spare", "to-open", "to-pause", "to-resume", "to-close", "to-delete", "to-reset")
EVENTS = ("matinee", "doomed")
EXPIRES = 2_000_000_000  # of the link
ASYNC = {"Prefer": "respond-async"}
HTML = {"Accept": "text/html"}


@dataclass(frozen=True)
class Known:
    """A call that succeeds in the world, with the status it has to get."""

    status: int
    who: str = ""  # whose credential; "": that of the kind the call asks for
    ids: dict[str, str] = field(default_factory=dict)  # where it is about another thing than most calls
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)


# The first one of each also says whose credential and which ids the generated calls carry, so that no call
# spoils another's world: the sale `gala` is read and reserved; other rooms and events are changed.
STRIPE_MESSAGE = {"id": "evt_1", "type": "charge.updated", "data": {"object": {}}}
KNOWN: dict[str, list[Known]] = {
    "join": [Known(201), Known(200, "place")],
    "claim": [Known(201, "called"), Known(200, "called"), Known(202, "waiting", {"room_id": "hall"})],
    "want": [Known(200, "wanting", {"room_id": "matinee"}, {"quantity": 1})],
    "leave": [Known(204, "leaving")],
    "change_password": [
        Known(204, who="changing", body={"password": CHANGING["password"], "new_password": "battery staple"})
    ],
    "read_email": [Known(200)],
    "confirm_email": [Known(204, body={"code": ""})],
    "forget_email": [Known(204, "waiting", {"room_id": "hall"})],
    "preview_gate": [Known(200, ids={"room_id": "hall"}, body={"url": "https://shop.example/cart"})],
    "gate": [Known(204, "booking"), Known(302, ids={"room_id": "hall"}, headers=HTML)],
    "site_gate": [Known(204, headers={"X-Original-URL": "https://nowhere.example/"})],
    "set_sites": [Known(200, body={"sites": [{"host": "shop.example", "room_id": "hall"}]})],
    "create_event": [Known(201, body=NEW_EVENT)],
    "change_event": [Known(200, ids={"event_id": "matinee"}, body={"venue": "Harbour Hall"})],
    "delete_event": [Known(204, ids={"event_id": "doomed"})],
    "create_ticket_type": [Known(201, ids={"event_id": "matinee"}, body=BOX)],
    "change_ticket_type": [Known(200, ids={"event_id": "matinee"}, body={"quantity": 20})],
    "read_seats": [Known(200), Known(304, headers={"If-None-Match": "*"})],
    "create_seats": [Known(201, ids={"event_id": "matinee"}, body=BALCONY)],
    "reserve": [Known(201, body=FLOOR), Known(201, body=STALLS), Known(202, body=FLOOR, headers=ASYNC)],
    "confirm": [Known(200, ids={"reservation_id": "to_confirm"}, body=PAYMENT)],
    "confirm_paid": [Known(200, ids={"reservation_id": "to_pay"}, body={"reference": "till 7"})],
    "show_claim": [Known(302)],
    "cancel": [Known(200, ids={"reservation_id": "to_cancel"})],
    "register": [Known(201, body=NEW_FAN)],
    "ask_for_reset": [Known(204, body={"email": "fan@example.org"})],
    "reset_password": [Known(204, body={"token": RESET, "new_password": "battery staple"})],
    "log_in": [Known(200, body=FAN)],
    "prometheus": [Known(200, "ops")],
    "log_out": [Known(204, "going")],
    "change_account": [Known(200, body={"name": "Ann"})],
    "create_room": [Known(201, body={"room_id": "new-room", "name": "New"})],
    "change_room": [Known(200, ids={"room_id": "spare"}, body={"admission_rate_per_minute": 60})],
    "list_rooms": [Known(200), Known(200, "operator", query={"all": "true"})],
    "replace_settings": [Known(200, ids={"room_id": "spare"}, body={"name": "Spare"})],
    "delete_room": [Known(204, ids={"room_id": "to-delete"})],
    "reset_room": [Known(200, ids={"room_id": "to-reset"})],
    "advance_room": [Known(200, ids={"room_id": "to-reset"}, body={"count": 1})],
    "open_room": [Known(200, ids={"room_id": "to-open"})],
    "pause_room": [Known(200, ids={"room_id": "to-pause"})],
    "resume_room": [Known(200, ids={"room_id": "to-resume"})],
    "close_room": [Known(200, ids={"room_id": "to-close"})],
    "hear_stripe": [Known(204, "gateway", body=STRIPE_MESSAGE)],
    "hear_gateway": [Known(204, "gateway", body={"type": "payment.succeeded", "data": {}})],
    "create_webhook": [Known(201, body=WEBHOOK)],
    "delete_webhook": [Known(204)],
    "acknowledge_alert": [Known(200)],
    "create_key": [Known(201, body=KEY)],
    "revoke_key": [Known(204)],
    "cancel_order": [Known(200, ids={"reservation_id": "to_refund"})],
    "end_session": [Known(204, ids={"room_id": "spare", "sid": "to_end"})],
    "renew_session": [Known(200, ids={"room_id": "spare", "sid": "to_renew"})],
    "report_origin": [Known(200, ids={"room_id": "spare"}, body={"p95_ms": 120, "error_rate": 0.0})],
    "set_knownuser": [Known(200, ids={"room_id": "spare"}, body={"customer_id": "spare-shop"})],
    "delete_knownuser": [Known(204, ids={"room_id": "to-resume"})],
    "push_knownuser": [Known(200)],
    "secure_integration_config": [Known(200, "shop")],
    "remove_visitor": [Known(204, ids={"room_id": "spare"})],
}
# The counters of AWS's Virtual Waiting Room: tests/clients/test_other_connectors.py has their 202.
KNOWN |= {it: [Known(200)] for it in ("assign_queue_num", "queue_num", "generate_token")}
KNOWN |= {
    it: [Known(200, ids={"room_id": "to-reset"})]
    for it in ("increment_serving_counter", "reset_initial_state")
}
NOT_SEEN: dict[str, set[int]] = {  # successes that take more than a call: see the tests that are about them
    "read_reservation": {202},  # undecided, which is soon over: tests/routes/test_reserving.py
    "reservation_stream": {204},  # after the last event there will be: tests/routes/test_streams.py
    **{"queue_num": {202}, "generate_token": {202}},
    "site_gate": {302},  # of the room it finds: tests/routes/test_sites.py
    "confirm": {202},  # a gateway that takes its time: tests/routes/test_reserving.py
}


@dataclass(frozen=True)
class World:
    """Ids of things that are there, and the headers that carry credentials, by whose they are."""

    url: str
    contract: OpenApiSchema
    ids: dict[str, str]
    credentials: dict[str, dict[str, str]]
    code: str  # that was sent to the address of `place`
    shop: str  # takes what is sent to it
    link: dict[str, Any]  # the query of the link by which `user` takes the reservation over

    def known(self, call: Endpoint) -> list[Known]:
        """The calls that succeed, with everything filled in: at least one."""
        found = KNOWN.get(call.name) or [Known(min(status for status in call.answers if status < 300))]
        return [self._filled(call, it) for it in found]

    def _filled(self, call: Endpoint, it: Known) -> Known:
        kinds = {"owner": "booking", "account": "user"}
        who = it.who or (kinds.get(call.auth.name, call.auth.name) if call.auth else "nobody")
        ids = {name: self.ids[it.ids.get(name, name)] for name in param_names(call.path)}
        body = it.body
        if call.name == "hear_gateway":
            body = {**body, "data": {"payment_id": self.ids["payment_id"]}}
        if call.name == "push_knownuser":
            body = {"url": self.shop}
        if call.name == "confirm_email":
            body = {"code": self.code}
        query = self.link if call.name == "claim_reservation" else it.query
        if "/vwr/" in call.path:
            body, query = self._counted(call, ids["room_id"])
        return replace(it, who=who, ids=ids, body=body, query=query)

    def _counted(self, call: Endpoint, event_id: str) -> tuple[Any, dict[str, Any]]:
        """Body and query of a call of AWS's Virtual Waiting Room."""
        said = {"event_id": event_id, "request_id": self.ids["request_id"], "increment_by": 1}
        body, query = [
            {it.name: said[it.name] for it in msgspec.structs.fields(kind)}
            for kind in (call.body, call.query)
        ]
        return body or None, query


async def a_world(web: Web, url: str, contract: OpenApiSchema, shop: str) -> World:
    """Make it. Needs a running worker: one visitor is inside, one is called."""
    patient = {"claim_window_s": 3600, "session_ttl_s": 3600, "session_ends_on_confirm": False}
    await web.event(
        "gala", floor=1000, max_tickets_per_visitor=100, hold_ttl_s=3600, hold_extend_s=60, room=patient
    )
    await _made(web, "/v1/events/gala/seats", STALLS_SECTION)
    for event_id in EVENTS:
        await web.event(event_id)
    for room_id in ROOMS:
        await web.room(room_id)
    for room_id in ("hall", "matinee"):
        await web.post(f"/v1/rooms/{room_id}/pause", headers=web.as_("operator"))
    webhook = await _made(web, "/v1/webhooks", WEBHOOK)
    key = await _made(web, "/v1/keys", KEY)
    await _made(web, "/v1/users", {**FAN, "name": "Fan"})
    user, going = [bearer((await web.post("/v1/login", FAN)).json()["access_token"]) for _ in "ab"]
    await _made(web, "/v1/users", CHANGING | {"name": "Changing"})
    changing = bearer((await web.post("/v1/login", CHANGING)).json()["access_token"])
    await _made(web, "/v1/users", RESETTING | {"name": "Resetting"})
    await web.app.stores.postgres.execute(
        "INSERT INTO password_resets SELECT $1, account_id, now() + interval '1 hour' FROM accounts "
        "WHERE email = $2",
        *(digest(RESET), RESETTING["email"]),
    )
    place, booking = await web.inside("gala")
    held = [(await web.reserve("gala", booking, key=f"held-{i}")).json() for i in range(6)]
    to_read, to_confirm, to_pay, to_cancel, to_refund, paid = [it["reservation_id"] for it in held]
    await _made(web, f"/v1/reservations/{paid}/confirm", PAYMENT, {**booking, "Idempotency-Key": "paid"}, 200)
    payment_id = await web.app.stores.postgres.fetchval("SELECT payment_id FROM payments")
    waiting, wanting, leaving, called = [
        bearer((await web.join(room_id))["place_token"]) for room_id in ("hall", "matinee", "gala", "gala")
    ]
    inside = [
        await sessions.enter(web.app.gate, RoomId("spare"), Entering(new_visitor_id(), "", True))
        for _ in "ab"
    ]
    to_end, to_renew = [session_id(it.visitor_id, it.queue_number or 0) for it in inside if it is not None]

    for room_id in ("to-resume", "gala"):
        path = f"/v1/rooms/{room_id}/knownuser"
        body = {
            "customer_id": "shop",
            "public_config": True,
            "secret_key": f"{room_id:x<16}",
        }
        spoken = await web.send("PUT", path, json=body, headers=web.as_("operator"))
        assert spoken.status_code == 200, spoken.text

    again = await web.post("/v1/rooms/gala/places", {"email": FAN["email"]}, headers=place)
    assert again.status_code == 200
    signature = web.app.claims.sign(to_read, FAN["email"], EXPIRES)

    async def is_called() -> bool:
        mine = await web.get("/v1/rooms/gala/places/me", headers=called)
        return bool(mine.json()["state"] == "called")

    await wait_until(is_called, "the call")
    return World(
        url,
        contract,
        ids={
            **{"room_id": "gala", "event_id": "gala", "ticket_type_id": "floor"},
            **{it: it for it in (*ROOMS, *EVENTS)},
            **{"reservation_id": to_read, "to_confirm": to_confirm, "to_cancel": to_cancel},
            **{"to_pay": to_pay, "to_refund": to_refund, "key_id": key["key_id"]},
            **{"visitor_id": held[0]["visitor_id"], "payment_id": payment_id},
            **{"webhook_id": webhook["webhook_id"], "sid": to_end, "to_end": to_end, "to_renew": to_renew},
            **{"customer_id": "shop", "alert_id": await _an_alert(web)},
            "request_id": web.app.places.request_id(RoomId("gala"), held[0]["visitor_id"], 1),
        },
        credentials={
            **{"admin": web.as_("admin"), "operator": web.as_("operator")},
            **{"user": user, "going": going, "changing": changing},
            **{"place": place, "booking": booking},
            **{"called": called, "leaving": leaving, "waiting": waiting, "wanting": wanting},
            **{"shop": {"api-key": spoken.json()["api_key"]}},
            **{"ops": ops(), "nobody": {}, "gateway": {}, "forged": bearer("a.b.c")},
        },
        code=await web.app.stores.postgres.fetchval("SELECT confirm_code FROM mailboxes"),
        shop=shop,
        link={"expires": EXPIRES, "signature": signature},
    )


async def _an_alert(web: Web) -> str:
    """One that stays: a key that is old."""
    postgres = web.app.stores.postgres
    await postgres.execute("UPDATE signing_keys SET created_at = now() - interval '400 days'")
    made = await postgres.fetchval(
        "INSERT INTO alerts (rule, subject, severity, text, since) "
        "VALUES ('key_old', 'booking', 'ticket', 'The key is old.', now()) RETURNING alert_id"
    )
    return str(made)


async def _made(
    web: Web, path: str, body: Any, headers: dict[str, str] | None = None, status: int = 201
) -> dict[str, Any]:
    answer = await web.post(path, body, headers=headers or web.as_("admin"))
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    return document
