"""Wrong credentials and addresses, and methods that do not exist."""

from __future__ import annotations

import json

from tests.chaos.bad_requests import CLAIM, ITEM, JSON, KEY, ME, PLACES, BadRequest, with_credential

CREDENTIALS = [
    with_credential("no token", "", 401, "credential_missing"),
    with_credential("a forged booking token", "forged booking", 401, "credential_invalid"),
    with_credential("an unsigned booking token", "unsigned", 401, "credential_invalid"),
    with_credential("a booking token with its last letter changed", "altered", 401, "credential_invalid"),
    with_credential("an expired booking token", "expired", 401, "booking_token_expired"),
    with_credential("a booking token of another room", "other booking", 403, "wrong_room"),
    with_credential("reserving with a place token", "place", 401, "credential_invalid"),
    with_credential("reserving with an access token", "admin", 401, "credential_invalid"),
    with_credential("another scheme", "basic", 401, "credential_invalid"),
    with_credential("a scheme without a token", "bare", 401, "credential_invalid"),
    with_credential("no place token", "", 401, "credential_missing", call=f"GET {ME}"),
    with_credential("a forged place token", "forged place", 401, "credential_invalid", call=f"GET {ME}"),
    with_credential(
        "claiming with a forgery", "forged place", 401, "credential_invalid", call=f"POST {CLAIM}"
    ),
    with_credential(
        "joining with a forgery", "forged place", 401, "credential_invalid", call=f"POST {PLACES}"
    ),
    with_credential("leaving with a forgery", "forged place", 401, "credential_invalid", call=f"DELETE {ME}"),
    with_credential("a place token of another room", "other place", 403, "wrong_room", call=f"GET {ME}"),
    with_credential(
        "claiming with a place of another room", "other place", 403, "wrong_room", call=f"POST {CLAIM}"
    ),
    with_credential(
        "leaving with a place of another room", "other place", 403, "wrong_room", call=f"DELETE {ME}"
    ),
    with_credential(
        "a booking token for a place", "booking", 401, "credential_invalid", call=f"POST {CLAIM}"
    ),
    with_credential("nobody as staff", "", 401, "credential_missing", call="POST /v1/rooms/{room}/close"),
    with_credential(
        "a visitor as staff", "place", 401, "credential_invalid", call="POST /v1/rooms/{room}/close"
    ),
    with_credential(
        "a buyer as staff", "booking", 401, "credential_invalid", call="POST /v1/rooms/{room}/close"
    ),
    with_credential("a user as staff", "user", 403, "role_required", call="POST /v1/rooms/{room}/close"),
    with_credential(
        "an operator as admin", "operator", 403, "role_required", call="DELETE /v1/events/{event}"
    ),
    with_credential("nobody's account", "", 401, "credential_missing", call="GET /v1/users/me"),
    with_credential("a visitor's account", "place", 401, "credential_invalid", call="GET /v1/users/me"),
    with_credential(
        "a buyer's account", "booking", 401, "credential_invalid", call="GET /v1/users/me/reservations"
    ),
    with_credential("a user who lists everything", "user", 403, "role_required", call="GET /v1/stats"),
    with_credential("a user who reads the log", "user", 403, "role_required", call="GET /v1/audit"),
    with_credential(
        "somebody else's hold", "place", 404, "reservation_not_found", call="GET /v1/reservations/{theirs}"
    ),
    with_credential(
        "to cancel others'",
        "place",
        404,
        "reservation_not_found",
        call="POST /v1/reservations/{theirs}/cancel",
    ),
    with_credential(
        "nobody's hold",
        "place",
        404,
        "reservation_not_found",
        call="GET /v1/reservations/abcdefghijklmnopqrstuv",
    ),
    with_credential(
        "an impossible hold", "place", 404, "reservation_not_found", call="GET /v1/reservations/a'b"
    ),
    with_credential(
        "a hold without a credential", "", 401, "credential_missing", call="GET /v1/reservations/{mine}"
    ),
    with_credential("a sale that is over", "", 409, "room_closed", call="POST /v1/rooms/{closed}/places"),
    with_credential("joining too early", "", 409, "room_not_open", call="POST /v1/rooms/{early}/places"),
]
ADDRESSES = [
    BadRequest("no such address", "GET", "/v1/nothing", 404, "not_found"),
    BadRequest("no such room", "GET", "/v1/rooms/nowhere", 404, "room_not_found"),
    BadRequest("joining an unknown room", "POST", "/v1/rooms/nowhere/places", 404, "room_not_found"),
    BadRequest("no such event", "GET", "/v1/events/never", 404, "event_not_found"),
    BadRequest(
        "reserving for an unknown event",
        "POST",
        "/v1/events/never/reservations",
        404,
        "event_not_found",
        "booking",
        KEY | JSON,
        json.dumps({"items": [ITEM]}).encode(),
    ),
    BadRequest(
        "another event of another room",
        "POST",
        "/v1/events/{closed}/reservations",
        403,
        "wrong_room",
        "booking",
        KEY | JSON,
        json.dumps({"items": [ITEM]}).encode(),
    ),
    BadRequest("capitals", "GET", "/v1/rooms/{room}X", 404, "room_not_found"),
    BadRequest("a NUL in the path", "GET", "/v1/rooms/a%00b", 404, "room_not_found"),
    BadRequest("a newline in the path", "GET", "/v1/rooms/{room}%0a", 404, "room_not_found"),
    BadRequest("invalid UTF-8 in the path", "GET", "/v1/rooms/%ff%fe", 404, "room_not_found"),
    BadRequest("another header in the path", "GET", "/v1/rooms/a%0d%0aX-Evil:%201", 404, "room_not_found"),
    BadRequest("a key's name for a room", "GET", "/v1/rooms/%7Broom%7D:conf", 404, "room_not_found"),
    BadRequest("a long path", "GET", "/v1/rooms/" + "a" * 7000, 404, "room_not_found"),
    BadRequest("a path out of the tree", "GET", "/v1/rooms/%2e%2e%2f%2e%2e%2fetc%2fpasswd", 404, "not_found"),
    BadRequest(
        "an unknown query", "GET", "/v1/rooms/{room}?fresh=1", 422, "validation_failed", field="fresh"
    ),
    BadRequest("a page twice", "GET", "/v1/events?page=1&page=2", 422, "validation_failed", field="page"),
    BadRequest("page 0", "GET", "/v1/events?page=0", 422, "validation_failed", field="page"),
    BadRequest("page 10^30", "GET", f"/v1/events?page={10**30}", 422, "validation_failed", field="page"),
    BadRequest("a page in words", "GET", "/v1/events?page=last", 422, "validation_failed", field="page"),
    BadRequest(
        "too many on a page", "GET", "/v1/rooms?per_page=201", 422, "validation_failed", field="per_page"
    ),
    BadRequest(
        "a query with invalid UTF-8", "GET", "/v1/events?q=%ff", 422, "validation_failed", field="query"
    ),
    BadRequest("a NUL in a query", "GET", "/v1/events?q=a%00b", 422, "validation_failed", field="q"),
    BadRequest(
        "another header in a query",
        "GET",
        "/v1/events?q=a%0d%0aX-Evil:%201",
        422,
        "validation_failed",
        field="q",
    ),
    BadRequest("an invalid date", "GET", "/v1/events?from=yesterday", 422, "validation_failed", field="from"),
    BadRequest("deleting a room with people inside", "DELETE", "/v1/rooms/{room}", 409, "conflict", "admin"),
    BadRequest("PUT on a place", "PUT", PLACES, 405, "method_not_allowed"),
    BadRequest("GET on a POST call", "GET", CLAIM, 405, "method_not_allowed", "place"),
    BadRequest("HEAD on a POST call", "HEAD", CLAIM, 405, "", "place"),
    BadRequest("an unknown method", "BREW", "/v1/rooms/{room}", 405, "method_not_allowed"),
    BadRequest("TRACE", "TRACE", "/v1/rooms/{room}", 405, "method_not_allowed"),
]
