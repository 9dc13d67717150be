"""One sale with some of everything in it, and for every call of the contract one that succeeds there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from schemathesis.schemas import BaseSchema as OpenApiSchema

from app.web.http.routes import Endpoint, param_names

FAN = {"email": "fan@example.org", "password": "correct horse"}
NEW_FAN = {"email": "new@example.org", "name": "New", "password": "correct horse"}
CHANGING = {"email": "changing@example.org", "password": "another horse"}
RESETTING = {"email": "resetting@example.org", "password": "a third horse"}
RESET = "t" * 43  # the token of a link
OFFERED = "offered-to-mia-by-a-link-of-a-mail"
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
EVENTS = ("matinee", "doomed", "called-off")
EXPIRES = 2_000_000_000  # of the link
ASYNC = {"Prefer": "respond-async"}
HTML = {"Accept": "text/html"}


@dataclass(frozen=True)
class Known:
    """A call that succeeds in the world, with the status it must get."""

    status: int
    who: str = ""  # whose credential; "": that of the kind the call asks for
    ids: dict[str, str] = field(default_factory=dict)  # if it is about another thing than most calls
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)


# The first entry of each also determines whose credential and which ids the generated calls use, so that no
# call spoils another's world: the sale `gala` is only read and reserved; other rooms and events are changed.
STRIPE_MESSAGE = {"id": "evt_1", "type": "charge.updated", "data": {"object": {}}}
KNOWN: dict[str, list[Known]] = {
    "join": [Known(201), Known(200, "place")],
    "challenge": [Known(200, ids={"room_id": "to-resume"})],
    "show_identity": [Known(202, ids={"room_id": "to-close"}, body={"email": "ann@example.org"})],
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
    "cancel_event": [Known(200, ids={"event_id": "called-off"}, body={"notice": "Ill."})],
    "move_event": [Known(200, ids={"event_id": "matinee"}, body={"starts_at": "2036-01-01T20:00:00Z"})],
    "create_ticket_type": [Known(201, ids={"event_id": "matinee"}, body=BOX)],
    "change_ticket_type": [Known(200, ids={"event_id": "matinee"}, body={"quantity": 20})],
    "read_seats": [Known(200), Known(304, headers={"If-None-Match": "*"})],
    "block_seats": [Known(200, body={"seat_ids": ["stalls-j-20"]})],
    "set_seat_kind": [Known(204, body={"seat_ids": ["stalls-j-18"], "kind": "accessible"})],
    "save_seat_plan": [Known(204, body={"sections": [{"ticket_type_id": "stalls", "x": 0, "y": 20}]})],
    "release_seats": [Known(200, body={"seat_ids": ["stalls-j-19"]})],
    "create_codes": [
        Known(201, body={"name": "Fans", "code": "TWENTY", "percent": 20}),
        Known(202, ids={"event_id": "matinee"}, body={"name": "Many", "count": 1001, "percent": 5}),
    ],
    "add_guest": [Known(201, body={"name": "Ada", "ticket_type_id": "floor", "email": "ada@example.org"})],
    "withdraw_guest": [Known(204, ids={"reservation_id": "guest"})],
    "switch_codes": [Known(200, body={"active": True})],
    "switch_code": [Known(204, body={"active": True})],
    "create_seats": [Known(201, ids={"event_id": "matinee"}, body=BALCONY)],
    "reserve": [Known(201, body=FLOOR), Known(201, body=STALLS), Known(202, body=FLOOR, headers=ASYNC)],
    "confirm": [Known(200, ids={"reservation_id": "to_confirm"}, body=PAYMENT)],
    "set_buyer": [Known(200, body={"email": "fan@example.org", "locale": "en"})],
    "set_buyer_form": [Known(200, ids={"event_id": "matinee"}, body={"name": "optional"})],
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
    "refund_order": [
        Known(201, ids={"reservation_id": "paid"}, body={"amount": 1}, headers={"Idempotency-Key": "r"})
    ],
    "transfer_ticket": [Known(201, ids={"reservation_id": "paid"}, body={"email": "bob@example.org"})],
    "accept_ticket": [Known(200, body={"token": OFFERED})],
    "withdraw_transfer": [Known(204, ids={"reservation_id": "paid"})],
    "list_transfers": [Known(200, ids={"reservation_id": "paid"})],
    "cancel_order": [Known(200, ids={"reservation_id": "to_refund"})],
    "check_in": [Known(200, body={"device": "Gate A", "scans": [{"scan_id": "s", "code": "none"}]})],
    "undo_check_in": [Known(204, body={"scan_id": "undone"})],
    "end_session": [Known(204, ids={"room_id": "spare", "sid": "to_end"})],
    "renew_session": [Known(200, ids={"room_id": "spare", "sid": "to_renew"})],
    "report_origin": [Known(200, ids={"room_id": "spare"}, body={"p95_ms": 120, "error_rate": 0.0})],
    "set_knownuser": [Known(200, ids={"room_id": "spare"}, body={"customer_id": "spare-shop"})],
    "delete_knownuser": [Known(204, ids={"room_id": "to-resume"})],
    "invite_members": [Known(200, ids={"room_id": "spare"}, body={"emails": ["member@example.org"]})],
    "withdraw_invite": [Known(204)],
    "set_member_login": [Known(200, ids={"room_id": "spare"}, body={"algorithm": "HS256"})],
    "delete_member_login": [Known(204, ids={"room_id": "to-resume"})],
    "push_knownuser": [Known(200)],
    "secure_integration_config": [Known(200, "shop")],
    "log_inclusion": [Known(200, query={"leaf": 0, "size": 1})],
    "log_consistency": [Known(200, query={"first": 1, "second": 1})],
    "remove_visitor": [Known(204, ids={"room_id": "spare"})],
}
# The counters of AWS's Virtual Waiting Room: tests/clients/test_other_connectors.py covers their 202.
KNOWN |= {it: [Known(200)] for it in ("assign_queue_num", "queue_num", "generate_token")}
KNOWN |= {
    it: [Known(200, ids={"room_id": "to-reset"})]
    for it in ("increment_serving_counter", "reset_initial_state")
}
NOT_SEEN: dict[str, set[int]] = {  # successes that take more than one call: see the tests about them
    "read_reservation": {202},  # undecided, only briefly: tests/routes/test_reserving.py
    "reservation_stream": {204},  # after the very last event: tests/routes/test_streams.py
    **{"queue_num": {202}, "generate_token": {202}},
    "site_gate": {302},  # for the room it finds: tests/routes/test_sites.py
    "transfer_ticket": {200},  # already offered there: tests/routes/test_ticket_links.py
    "confirm": {202},  # a slow gateway: tests/routes/test_reserving.py
}


@dataclass(frozen=True)
class World:
    """Ids of things that exist, and the headers that carry credentials, by owner."""

    url: str
    contract: OpenApiSchema
    ids: dict[str, str]
    credentials: dict[str, dict[str, str]]
    code: str  # sent to the address of `place`
    shop: str  # accepts what is sent to it
    link: dict[str, Any]  # the query of the link with which `user` takes over the reservation

    def known(self, call: Endpoint) -> list[Known]:
        """The calls that succeed, with everything filled in; at least one."""
        found = KNOWN.get(call.name) or [Known(min(status for status in call.answers if status < 300))]
        return [self._filled(call, it) for it in found]

    def _filled(self, call: Endpoint, it: Known) -> Known:
        kinds = {"owner": "booking", "account": "user"}
        who = it.who or (kinds.get(call.auth.name, call.auth.name) if call.auth else "nobody")
        ids = {name: self.ids[it.ids.get(name, name)] for name in param_names(call.path)}
        body = it.body
        if call.name == "hear_gateway":
            body = {**body, "data": {"payment_id": self.ids["payment_id"]}}
        if call.name == "transfer_ticket":
            body = {**body, "ticket_id": self.ids["ticket_id"]}
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
