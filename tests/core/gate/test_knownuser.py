"""The KnownUser v3 formats, checked against vectors created and read by published connectors."""

from __future__ import annotations

import hashlib
import json

import pytest

from app.core.base64url import to_base64url
from app.core.errors import CredentialInvalid
from app.core.gate import knownuser
from app.core.gate.knownuser import Connector, ConnectorSettings, Sealer, UrlRule, digest, with_token
from app.core.model import RoomId
from app.core.tokens.place_tokens import new_visitor_id
from tests.support.tampering import tampered

KEY = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234567"
NOW_S = 1_700_000_000
QUEUE_ID = "9f1f2a1e-5b0c-4d0e-8f3a-0c6d2b7e4a11"
IP = "203.0.113.7"
ROOM = RoomId("flash2026")
FACE = Connector(ROOM, ConnectorSettings(customer_id="ticketania"), KEY, 11)
VISITOR = knownuser.visitor_of(QUEUE_ID)
BARE = (
    "eyJ0eXAiOiJRVDEiLCJlbmMiOiJBRVMyNTYiLCJpc3MiOjE3MDAwMDAwMDAwMDAsInRpIjoiYTIxZDQyM2EtNDNmZC00ODIxLTg0ZmEt"
    "NDM5MGY2YTJmZDNlIiwiYyI6InRpY2tldGFuaWEifQ..toO58ep3t1x-1KQOccSgisHhZK_xS5Rj5kZMWdKk_ng"
)
FULL_HEADER = {
    "typ": "QT1",
    "enc": "AES256",
    "iss": 1_700_000_000_000,
    "exp": 1_700_000_240_000,
    "ti": "a21d423a-43fd-4821-84fa-4390f6a2fd3e",
    "c": "ticketania",
    "e": "flash2026",
    "ip": IP,
    "xff": "198.51.100.1",
}
FULL = ".".join(
    [
        to_base64url(json.dumps(FULL_HEADER, separators=(",", ":")).encode()),
        "B4IQeJBrGg25ezw-kaBBmKK5-sKi7DmPAomU63al3w9SbN2wtu68KrywI540F0iYaWHUZsck2CB9WIebSbDdNw",
        "cwgp9VPauAps8jGP9jEf4wz1WcgGPGZVKM02YWi3keQ",
    ]
)


def read(text: str, **changes: object) -> knownuser.Enqueue:
    arguments = {
        "customer_id": "ticketania",
        "room_id": ROOM,
        "now_ms": NOW_S * 1000,
        "client": IP,
        **changes,
    }
    return knownuser.read_enqueue_token(text, KEY, **arguments)  # type: ignore[arg-type]


def test_tokens_are_what_connectors_read() -> None:
    assert knownuser.token(FACE, VISITOR, NOW_S) == (
        f"e_flash2026~q_{QUEUE_ID}~ts_1700000180~ce_true~rt_queue"
        "~h_15a1d6467b397abea734586586696f6ae11619d159185dec18093996d117c7a8"
    )
    assert knownuser.token(FACE, VISITOR, NOW_S, extend=False, minutes=15, client=IP) == (
        f"e_flash2026~q_{QUEUE_ID}~ts_1700000180~ce_false~cv_15~rt_queue"
        "~hip_dd6643014ee7b6f7be5852067ee2fc9f720b81da94471bac054d174f49872fe3"
        "~h_1883be2d52799f7c1760fc46e8f46a4d284a0721392e248f9eb3f0de6d049d1e"
    )
    assert knownuser.token(FACE, None, NOW_S, redirect="safetynet") == (
        "e_flash2026~ts_1700000180~ce_true~rt_safetynet"
        "~h_87a101408136cd0817fb8be99691162f5cda4bfd91ba1e29e12d7d98056b79ca"
    )


def test_the_digest_is_that_of_the_cookies_and_of_pushes() -> None:
    # The text over which a connector signs its cookie, and the configuration that is pushed to it.
    assert digest(KEY, f"flash2026{QUEUE_ID}queue{NOW_S}") == (
        "5dce96ca4f621864a35181f4fcc7726c187a33b7c861f67a8039c33b9e1b66e9"
    )
    assert knownuser.pushed({"Version": 11, "Integrations": []}, KEY) == {
        "integrationInfo": "7b2256657273696f6e223a31312c22496e746567726174696f6e73223a5b5d7d",
        "hash": "920d7286ed538182ad8c8eac3e19802cca43f822c1ed0027aa327864ed994e6d",
    }


def test_a_visitor_is_a_guid_and_comes_back_from_it() -> None:
    for network in ("", "A-_9") * 25:
        visitor_id = new_visitor_id(network)
        guid = knownuser.queue_id(visitor_id)
        assert knownuser.visitor_of(guid) == visitor_id
        assert not {"_", "~"} & set(guid)
    for text in (
        "",
        "x",
        QUEUE_ID[:-1],
        QUEUE_ID + "0",
        "{" + QUEUE_ID[1:-1] + "}",
        "~" * 36,
        QUEUE_ID + "-abc",
    ):
        assert knownuser.visitor_of(text) is None


def test_a_token_is_put_last_and_takes_the_place_of_an_old_one() -> None:
    assert with_token("https://shop.example", "a~b") == "https://shop.example?queueittoken=a~b"
    assert with_token("https://shop.example/x?QueueitToken=old&y=%20z#top", "e_r~h_1") == (
        "https://shop.example/x?y=%20z&queueittoken=e_r~h_1#top"
    )


def test_enqueue_tokens_are_read() -> None:
    assert read(BARE).token_id == "a21d423a-43fd-4821-84fa-4390f6a2fd3e"
    full = read(FULL)
    assert (full.unique_key, full.until_ms) == ("user-42", 1_700_000_240_000)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("", {}),
        ("a.b", {}),
        ("..", {}),
        (tampered(BARE), {}),
        (BARE.replace("..", ".AAAA."), {}),
        ("\u00e9" + BARE, {}),
        (BARE, {"customer_id": "other"}),
        (BARE, {"now_ms": NOW_S * 1000 + 11 * 60_000}),
        (BARE, {"now_ms": NOW_S * 1000 - 11 * 60_000}),
        (FULL, {"room_id": "other"}),
        (FULL, {"now_ms": 1_700_000_240_000}),
        (FULL, {"now_ms": NOW_S * 1000 - 2 * 86_400_000}),
        (FULL, {"client": "198.51.100.99"}),
    ],
)
def test_other_enqueue_tokens_are_refused(text: str, changes: dict[str, object]) -> None:
    with pytest.raises(CredentialInvalid):
        read(text, **changes)


def test_what_is_under_the_signature_and_cannot_be_read_is_refused() -> None:
    for header, payload in ((b"x", b""), (b"{}", b""), (json.dumps(FULL_HEADER).encode(), b"12345")):
        signed = f"{to_base64url(header)}.{to_base64url(payload)}"
        mac = to_base64url(hashlib.sha256((signed + KEY).encode()).digest())
        with pytest.raises(CredentialInvalid):
            read(f"{signed}.{mac}")


def test_the_configuration_puts_what_is_never_asked_about_first() -> None:
    settings = ConnectorSettings(
        customer_id="ticketania",
        protect=[UrlRule(value="/buy")],
        cancel=[UrlRule(value="/thanks", operator="Equals")],
        ignore=[UrlRule(value="/health")],
    )
    config = knownuser.integration_config([Connector(ROOM, settings, KEY, 7)], "queue.example")
    assert config["Version"] == 7
    assert [it["ActionType"] for it in config["Integrations"]] == ["Ignore", "Cancel", "Queue"]
    assert {it["QueueDomain"] for it in config["Integrations"]} == {"queue.example"}
    assert knownuser.integration_config([], "queue.example")["Version"] == 1


def test_a_kept_secret_is_opened_for_its_room_and_by_our_secret_alone() -> None:
    sealer = Sealer(b"s" * 32)
    sealed = sealer.seal(ROOM, KEY)
    assert KEY.encode() not in sealed
    assert sealer.open(ROOM, sealed) == KEY
    assert sealer.open(RoomId("other"), sealed) is None
    assert Sealer(b"t" * 32).open(ROOM, sealed) is None
