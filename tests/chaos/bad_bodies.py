"""Bodies and headers as sent by somebody new to the API, and by an attacker."""

from __future__ import annotations

import json

from tests.chaos.bad_requests import (
    CONFIRM,
    EVENT,
    ITEM,
    JSON,
    KEY,
    PAYMENT,
    PLACES,
    RESERVE,
    TICKETS,
    BadRequest,
    an_item,
    reserving,
    staff,
    with_headers,
)

TYPE = "items[0].ticket_type_id"
FORM = "application/x-www-form-urlencoded"

BODIES = [
    reserving("half a body", b'{"items": [', 400, "malformed_json"),
    reserving("no body", b"", 400, "malformed_json"),
    reserving("words", b"two tickets please", 400, "malformed_json"),
    reserving(
        "not a number", b'{"items": [{"ticket_type_id": "standing", "quantity": NaN}]}', 400, "malformed_json"
    ),
    reserving("two documents", b"{}{}", 400, "malformed_json"),
    reserving("invalid UTF-8", b'{"items": "\xff\xfe"}', 400, "malformed_json"),
    reserving(
        "half a surrogate",
        b'{"items": [{"ticket_type_id": "\\ud800", "quantity": 1}]}',
        400,
        "malformed_json",
    ),
    reserving("endlessly nested", b'{"items": ' + b"[" * 60_000, 400, "malformed_json"),
    reserving("a list", []),
    reserving("null", None),
    reserving("a string", "items"),
    reserving("an empty object", {}, field="items"),
    reserving("no items", {"items": []}, field="items"),
    reserving("items of another type", {"items": {"standing": 1}}, field="items"),
    reserving("too many lines", {"items": [ITEM] * 101}, field="items"),
    reserving("an unknown field", {"items": [ITEM], "coupon": "free"}, field="coupon"),
    reserving("a price", {"items": [ITEM | {"price": 1}]}, field="items[0].price"),
    reserving("an amount", {"items": [ITEM], "amount": 1}, field="amount"),
    reserving("the same type twice", {"items": [ITEM, ITEM]}, field="items[1].ticket_type_id"),
    reserving(
        "tickets and an unknown seat", {"items": [ITEM], "seat_ids": ["stalls-a-1"]}, field="seat_ids[0]"
    ),
    reserving("no seats", {"seat_ids": []}, field="seat_ids"),
    reserving("an unknown seat", {"seat_ids": ["stalls-a-1"]}, field="seat_ids[0]"),
    reserving("an invalid seat", {"seat_ids": ["a-1+b-2,standing:1@*"]}, field="seat_ids[0]"),
    reserving("a seat with a long number", {"seat_ids": ["stalls-a-" + "9" * 30]}, field="seat_ids[0]"),
    reserving("a seat of nothing", {"seat_ids": [None]}, field="seat_ids[0]"),
    reserving(
        "the best of a type without seats", {"best_available": ITEM}, field="best_available.ticket_type_id"
    ),
    reserving("the best of a list", {"best_available": [ITEM]}, field="best_available"),
    reserving("70 KB", {"items": [ITEM], "more": "x" * 70_000}, 413, "body_too_large"),
    reserving("more than the limit", {"items": [ITEM | {"quantity": 11}]}, 422, "limit_exceeded"),
    an_item("quantity 0", ITEM | {"quantity": 0}, "items[0].quantity"),
    an_item("quantity -1", ITEM | {"quantity": -1}, "items[0].quantity"),
    an_item("quantity 10^9", ITEM | {"quantity": 10**9}, "items[0].quantity"),
    an_item("quantity 10^40", ITEM | {"quantity": 10**40}, "items[0].quantity"),
    an_item("quantity as text", ITEM | {"quantity": "1"}, "items[0].quantity"),
    an_item("half a ticket", ITEM | {"quantity": 0.5}, "items[0].quantity"),
    an_item("quantity true", ITEM | {"quantity": True}, "items[0].quantity"),
    an_item("quantity null", ITEM | {"quantity": None}, "items[0].quantity"),
    an_item("no quantity", {"ticket_type_id": "standing"}, "items[0].quantity"),
    an_item("an unknown type", ITEM | {"ticket_type_id": "throne"}, TYPE),
    an_item("an invalid type", ITEM | {"ticket_type_id": "x" * 41}, TYPE),
    an_item("a type with NUL", ITEM | {"ticket_type_id": "stand\0ing"}, TYPE),
    an_item("a type with emoji", ITEM | {"ticket_type_id": "🎟"}, TYPE),
    an_item("a type with a colon", ITEM | {"ticket_type_id": "standing:1,standing"}, TYPE),
]
HEADERS = [
    with_headers("plain text", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
    with_headers("a form", {"Content-Type": FORM}, 415, "unsupported_media_type"),
    with_headers("no content type", {}, 415, "unsupported_media_type"),
    with_headers(
        "another charset", {"Content-Type": "application/json; charset=utf-16"}, 415, "unsupported_media_type"
    ),
    with_headers("compressed", JSON | {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
    with_headers("an empty key", JSON | {"Idempotency-Key": ""}, 400, "idempotency_key_required"),
    with_headers("a long key", JSON | {"Idempotency-Key": "k" * 129}, 400, "bad_header"),
    with_headers("a key that is not ASCII", JSON | {"Idempotency-Key": "schlüssel"}, 400, "bad_header"),
    BadRequest(
        "no key",
        "POST",
        RESERVE,
        400,
        "idempotency_key_required",
        "booking",
        JSON,
        b'{"items": [{"ticket_type_id": "standing", "quantity": 1}]}',
    ),
    BadRequest(
        "no key when paying",
        "POST",
        CONFIRM,
        400,
        "idempotency_key_required",
        "place",
        JSON,
        json.dumps(PAYMENT).encode(),
    ),
    BadRequest(
        "a NUL for an email",
        "POST",
        PLACES,
        422,
        "validation_failed",
        "",
        JSON,
        b'{"email": "a\\u0000@b.c"}',
        "email",
    ),
]
PAYMENTS = [
    BadRequest(
        name, "POST", CONFIRM, 422, "validation_failed", "place", KEY | JSON, json.dumps(body).encode(), field
    )
    for name, body, field in (
        (
            "an unknown payment token",
            {"payment": {"method": "card", "token": "tok_free"}},
            "payment.token",
        ),
        ("no payment", {}, "payment"),
        ("a payment that is text", {"payment": "cash"}, "payment"),
        ("the buyer's own amount", PAYMENT | {"amount": 1}, "amount"),
        (
            "an amount in the payment",
            {"payment": {"method": "card", "token": "tok_ok", "amount": 1}},
            "payment.amount",
        ),
        ("NUL in a payment", {"payment": {"method": "ca\0rd", "token": "tok_ok"}}, "payment.method"),
    )
]
STAFF = [
    staff("an event with NUL in its name", "POST", "/v1/events", EVENT | {"name": "a\0b"}, "name"),
    staff("an event without a name", "POST", "/v1/events", EVENT | {"name": ""}, "name"),
    staff("an event with a long name", "POST", "/v1/events", EVENT | {"name": "n" * 201}, "name"),
    staff("an event with capitals in its id", "POST", "/v1/events", EVENT | {"event_id": "New"}, "event_id"),
    staff("an event id with a newline", "POST", "/v1/events", EVENT | {"event_id": "new\n"}, "event_id"),
    staff(
        "an event with an invalid start",
        "POST",
        "/v1/events",
        EVENT | {"starts_at": "2031-13-01T00:00:00Z"},
        "starts_at",
    ),
    staff(
        "an event start without an offset",
        "POST",
        "/v1/events",
        EVENT | {"starts_at": "2031-06-01T19:00:00"},
        "starts_at",
    ),
    staff(
        "no ticket each",
        "POST",
        "/v1/events",
        EVENT | {"max_tickets_per_visitor": 0},
        "max_tickets_per_visitor",
    ),
    staff("a hold of a second", "POST", "/v1/events", EVENT | {"hold_ttl_s": 1}, "hold_ttl_s"),
    staff("a room inside an event", "POST", "/v1/events", EVENT | {"room": {"burst": 0}}, "room.burst"),
    staff(
        "a negative number of tickets",
        "POST",
        "/v1/events/{event}/ticket-types",
        TICKETS | {"quantity": -1},
        "quantity",
    ),
    staff(
        "a price below nothing", "POST", "/v1/events/{event}/ticket-types", TICKETS | {"price": -1}, "price"
    ),
    staff(
        "a rate below nobody",
        "PATCH",
        "/v1/rooms/{room}",
        {"admission_rate_per_minute": -1},
        "admission_rate_per_minute",
    ),
    staff(
        "a rate above all",
        "PATCH",
        "/v1/rooms/{room}",
        {"admission_rate_per_minute": 60_000_001},
        "admission_rate_per_minute",
    ),
    staff(
        "a rate in words",
        "PATCH",
        "/v1/rooms/{room}",
        {"admission_rate_per_minute": "fast"},
        "admission_rate_per_minute",
    ),
    staff("a window too short", "PATCH", "/v1/rooms/{room}", {"claim_window_s": 1}, "claim_window_s"),
    staff("an unknown setting", "PATCH", "/v1/rooms/{room}", {"speed": 1}, "speed"),
    staff("a name that is null", "PATCH", "/v1/rooms/{room}", {"name": None}, "name"),
    staff(
        "a page that is a script",
        "PATCH",
        "/v1/rooms/{room}",
        {"target_url": "javascript:alert(1)"},
        "target_url",
    ),
    BadRequest("resuming a closed room", "POST", "/v1/rooms/{closed}/resume", 409, "conflict", "admin"),
    BadRequest(
        "an event that exists",
        "POST",
        "/v1/events",
        409,
        "already_exists",
        "admin",
        JSON,
        json.dumps(EVENT | {"event_id": "{event}"}).encode(),
    ),
]
ANN = {"email": "ann@example.org", "name": "Ann", "password": "correct horse"}
ACCOUNTS = [
    BadRequest(
        name, "POST", "/v1/users", 422, "validation_failed", "", JSON, json.dumps(body).encode(), field
    )
    for name, body, field in (
        ("an account without a password", {"email": "ann@example.org", "name": "Ann"}, "password"),
        ("an account with a short password", ANN | {"password": "seven77"}, "password"),
        ("an account with an endless password", ANN | {"password": "p" * 60_000}, "password"),
        ("an account with NUL in its password", ANN | {"password": "correct\0horse"}, "password"),
        ("an account with an invalid mailbox", ANN | {"email": "ann"}, "email"),
        ("an account with two lines for an e-mail", ANN | {"email": "ann@example.org\nBcc: eve"}, "email"),
        ("an account that makes itself admin", ANN | {"role": "admin"}, "role"),
    )
] + [
    BadRequest("half a login", "POST", "/v1/login", 400, "malformed_json", "", JSON, b'{"email": '),
    BadRequest("a login without a password", "POST", "/v1/login", 422, "validation_failed", "", JSON,
        b'{"email": "ann@example.org"}', "password"),
    BadRequest("a login for an unknown account", "POST", "/v1/login", 401, "credential_invalid", "", JSON,
        b'{"email": "nobody@example.org", "password": "correct horse"}'),
]  # fmt: skip
