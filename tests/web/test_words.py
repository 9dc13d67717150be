"""What staff read contains no machine text: checked for every field that can be changed, and every error."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from datetime import UTC, datetime
from typing import Any

import aiosmtplib
import httpx
import msgspec
import pytest

from app.core.catalogue.definitions import EventDefinition, NewTicketType
from app.core.errors import ValidationFailed
from app.core.model import RoomSettings, Theme
from app.core.text.error_text import describe_error
from app.store.sql.audit import Change, Entry
from app.web.api.registry import CALLS
from app.web.console.system.audit import differences
from app.web.console.words import field_name, message_of, value

MACHINE = re.compile(r"_|\[Errno|[{}\[\]]|None|True|False|\bError\b|[a-z][A-Z]")
STRUCTS = (RoomSettings, EventDefinition, NewTicketType, Theme, *(it.body for it in CALLS if it.body))


def fields(kind: Any) -> set[str]:
    """The names of a struct's fields."""
    return set(kind.__struct_fields__) if hasattr(kind, "__struct_fields__") else set()


def test_every_field_has_a_name_in_words() -> None:
    names = set().union(*(fields(it) for it in STRUCTS))
    assert len(names) > 60
    assert [it for it in names if MACHINE.search(field_name(it)) or not field_name(it)] == []


def test_every_setting_of_a_room_has_a_value_in_words() -> None:
    look = Theme(accent="#0b5d4a", logo="data:image/png;x")
    room = msgspec.to_builtins(RoomSettings(name="Gala", theme=look))
    told_values = {name: value(name, it) for name, it in room.items() if name != "signing_algorithm"}
    assert [it for it in told_values.values() if MACHINE.search(it)] == []
    assert told_values["theme"] == "accent #0b5d4a; logo a picture"
    assert told_values["session_ttl_s"] == "600 s"
    assert told_values["queueing_method"] == "first come, first served"


@pytest.mark.parametrize(
    ("currency", "shown"), [("EUR", "€59.00"), ("JPY", "¥5,900"), ("", "5,900 (smallest unit)")]
)
def test_a_price_in_the_audit_log_is_money(currency: str, shown: str) -> None:
    change = Change("change", "ticket_type", "gala/floor", {"price": 100}, {"price": 5900})
    entry = Entry(1, datetime(2030, 1, 1, tzinfo=UTC), "ann", "admin", None, "", change)
    [price] = differences(entry, currency)
    assert (price.field, price.after) == ("price", shown)


@pytest.mark.parametrize(
    ("field", "message", "says"),
    [
        ("admission_rate_per_minute", "must be a whole number, not text", "Rate must be a whole number"),
        ("theme.accent", "is too pale", "Accent is too pale"),
        ("opens_at", "must be at or after prequeue_at", "Opening must be at or after pre-queue"),
        ("bypass[2].path", "is required", "Path 3 is required"),
    ],
)
def test_a_refusal_names_the_field_as_the_form_does(field: str, message: str, says: str) -> None:
    assert message_of(ValidationFailed(field, message)) == says


ERRORS = [
    *(OSError(number, os.strerror(number)) for number in errno.errorcode),
    socket.gaierror(-2, "Name or service not known"),
    ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1000)"),
    ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    TimeoutError(),
    asyncio.IncompleteReadError(b"", 3),
    httpx.ConnectError("[Errno -2] Name or service not known"),
    httpx.ConnectError("All connection attempts failed"),
    *(it("") for it in httpx.TransportError.__subclasses__()),
    aiosmtplib.SMTPConnectError("Error connecting to mail on port 25: [Errno 111] Connect call failed"),
    aiosmtplib.SMTPServerDisconnected("Unexpected EOF received"),
    aiosmtplib.SMTPResponseException(451, "try later"),
]


def test_every_error_is_told_in_words() -> None:
    descriptions = {repr(it): describe_error(it) for it in ERRORS}
    assert {name: it for name, it in descriptions.items() if not it or MACHINE.search(it)} == {}
    assert set(descriptions.values()) >= {"no such host", "the connection was refused", "451 try later"}
