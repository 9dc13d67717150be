"""Invalid requests, and the response each one must get. They are listed in `bad_bodies` and `bad_calls`.

In a path, `{room}` and `{event}` stand for the sale, `{mine}` and `{theirs}` for a hold of the caller and of
somebody else; in a header, `{key}` is a fresh key. `who` names the credential that is sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

KEY = {"Idempotency-Key": "{key}"}
JSON = {"Content-Type": "application/json"}
RESERVE = "/v1/events/{event}/reservations"
PLACES = "/v1/rooms/{room}/places"
ME = f"{PLACES}/me"
CLAIM = f"{ME}/booking-token"
CONFIRM = "/v1/reservations/{mine}/confirm"
ITEM = {"ticket_type_id": "standing", "quantity": 1}
PAYMENT = {"payment": {"method": "card", "token": "tok_ok"}}
EVENT = {"event_id": "brand-new", "name": "New", "starts_at": "2031-06-01T19:00:00Z"}
TICKETS = {"ticket_type_id": "seated", "name": "Seated", "price": 100, "quantity": 10}


@dataclass(frozen=True)
class BadRequest:
    """One request, and the response it must get."""

    name: str
    method: str
    path: str
    status: int
    code: str
    who: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    field: str = ""  # of a 422: what is wrong

    def __str__(self) -> str:
        return self.name


def reserving(
    name: str, body: Any, status: int = 422, code: str = "validation_failed", field: str = ""
) -> BadRequest:
    """A reserve call with this body."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return BadRequest(name, "POST", RESERVE, status, code, "booking", KEY | JSON, sent, field)


def an_item(name: str, item: dict[str, Any], field: str) -> BadRequest:
    """A reserve call for this one item."""
    return reserving(name, {"items": [item]}, field=field)


def staff(name: str, method: str, path: str, body: Any, field: str) -> BadRequest:
    """A staff call that is refused because of one field."""
    sent = json.dumps(body).encode()
    return BadRequest(name, method, path, 422, "validation_failed", "admin", JSON, sent, field)


def with_headers(name: str, headers: dict[str, str], status: int, code: str) -> BadRequest:
    """A reserve call that is valid except for its headers."""
    return BadRequest(
        name, "POST", RESERVE, status, code, "booking", KEY | headers, json.dumps({"items": [ITEM]}).encode()
    )


def with_credential(
    name: str, who: str, status: int, code: str, *, call: str = f"POST {RESERVE}"
) -> BadRequest:
    """A call that is valid except for who sends it."""
    method, _, path = call.partition(" ")
    body = json.dumps({"items": [ITEM]}).encode() if path == RESERVE else b""
    return BadRequest(name, method, path, status, code, who, KEY | JSON, body)
