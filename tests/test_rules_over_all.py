"""Rules that hold for every call and every refusal, checked one by one."""

from __future__ import annotations

import pytest

from app.core.errors import Refusal, Retryable, all_refusals
from app.web.api.registry import CALLS
from app.web.http.routes import Endpoint, NoBody, param_names

# Calls anyone may make; everything else requires a credential.
PUBLIC = {
    ("GET", "/v1/rooms"),
    ("GET", "/v1/rooms/{room_id}"),
    ("GET", "/v1/rooms/{room_id}/events"),
    *(("GET", f"/v1/rooms/{{room_id}}/log/{it}") for it in ("head", "heads", "entries", "checkpoint")),
    *(("GET", f"/v1/rooms/{{room_id}}/log/{it}") for it in ("inclusion", "consistency")),
    ("POST", "/v1/rooms/{room_id}/places"),  # throttled by address, in join.lua
    ("POST", "/v1/rooms/{room_id}/identity"),  # throttled by mailbox and by address
    ("GET", "/v1/rooms/{room_id}/challenge"),  # contains only public information
    ("GET", "/v1/rooms/{room_id}/gate"),  # asks for a booking token in its own words
    ("GET", "/v1/gate"),  # the same, for the room it finds
    ("GET", "/v1/events"),
    ("GET", "/v1/events/{event_id}"),
    ("GET", "/v1/events/{event_id}/availability"),
    ("GET", "/v1/events/{event_id}/buyer-form"),
    ("GET", "/v1/events/{event_id}/seats"),
    ("GET", "/v1/reservations/{reservation_id}/claim"),  # leads to a form, whatever the link is
    ("POST", "/v1/users"),  # throttled by address
    ("POST", "/v1/login"),  # throttled by account and by address
    ("POST", "/v1/users/password-reset"),  # throttled by mailbox and by address
    ("POST", "/v1/users/password-reset/confirm"),  # the link's token is the proof
    ("POST", "/v1/transfers/accept"),  # likewise
    ("GET", "/status/integrationconfig/{customer_id}"),  # if the room makes it public
    ("GET", "/status/integrationconfig/secure/{customer_id}"),  # asks for its api_key in its own words
    *(("POST", f"/v1/rooms/{{room_id}}/vwr/public/{it}") for it in ("assign_queue_num", "generate_token")),
    *(
        ("GET", f"/v1/rooms/{{room_id}}/vwr/public/{it}")
        for it in ("queue_num", "serving_num", "waiting_num", "public_key")
    ),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),  # 404 without the operators' token
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/openapi.json"),
}
HOT = {  # the calls of a crowd
    *("status", "room_stream", "join", "place", "want", "leave", "claim", "gate", "site_gate"),
    *("read_event", "availability", "read_seats", "reserve"),
    *("read_reservation", "reservation_stream", "confirm", "extend", "cancel"),
}

MAY_SAY_MORE = {
    "hear_gateway",
    "hear_stripe",
}  # from gateways, which add fields as they like

every_call = pytest.mark.parametrize("call", CALLS, ids=lambda it: it.name)
every_refusal = pytest.mark.parametrize("refusal", all_refusals(), ids=lambda it: f"{it.status} {it.code}")


@every_call
def test_every_call_asks_for_a_credential_or_is_named_as_public(call: Endpoint) -> None:
    assert (call.auth is None) == ((call.method, call.path) in PUBLIC)


@every_call
def test_calls_that_change_something_for_staff_name_a_role(call: Endpoint) -> None:
    if call.tag.startswith("Staff"):
        assert call.auth is not None
        assert call.auth.name in ("operator", "admin")


@every_call
def test_every_body_refuses_unknown_fields(call: Endpoint) -> None:
    assert call.body.__struct_config__.forbid_unknown_fields == (call.name not in MAY_SAY_MORE)
    assert call.query.__struct_config__.forbid_unknown_fields


@every_call
def test_every_parameter_is_of_a_known_kind(call: Endpoint) -> None:
    assert set(param_names(call.path)) <= {
        "room_id",
        "event_id",
        "ticket_type_id",
        "reservation_id",
        "visitor_id",
        "webhook_id",
        "alert_id",
        "key_id",
        "sid",
        "invite_id",
        "customer_id",
        "set_id",
        "ticket_id",
        "code",
    }


def test_calls_have_names_of_their_own() -> None:
    assert len({it.name for it in CALLS}) == len(CALLS)
    assert len({(it.method, it.path) for it in CALLS}) == len(CALLS)


def test_the_hot_lane_is_what_it_should_be() -> None:
    assert {it.name for it in CALLS if it.hot} == HOT


def test_creating_calls_of_staff_honour_idempotency_keys() -> None:
    creating = {it.name for it in CALLS if it.tag.startswith("Staff") and 201 in it.answers}
    staff_make = {"create_event", "create_ticket_type", "create_seats", "create_room", "create_webhook"}
    staff_make |= {"create_key", "create_codes", "refund_order", "add_guest"}
    assert creating == staff_make
    assert all("Idempotency-Key" in it.headers for it in CALLS if it.name in creating)


def test_reading_calls_take_no_body() -> None:
    assert all(it.body is NoBody for it in CALLS if it.method in ("GET", "DELETE"))


@every_refusal
def test_every_refusal_says_what_it_means(refusal: type[Refusal]) -> None:
    assert refusal.title().endswith(".")
    assert refusal.code == refusal.code.lower()
    assert 400 <= refusal.status < 600


@every_refusal
def test_those_who_may_come_back_are_told_when(refusal: type[Refusal]) -> None:
    assert issubclass(refusal, Retryable) == (refusal.status in (429, 503))


def test_a_code_means_one_thing() -> None:
    by_code: dict[str, set[int]] = {}
    for refusal in all_refusals():
        by_code.setdefault(refusal.code, set()).add(refusal.status)
    twice = {code for code, statuses in by_code.items() if len(statuses) > 1}
    assert twice == {"removed"}  # 403 for joining again, 410 for claiming: the contract has both
    assert len(all_refusals()) == len({(it.status, it.code) for it in all_refusals()})
