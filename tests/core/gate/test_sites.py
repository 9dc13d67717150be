"""Rules for sites: the most specific one wins, and no alternative spelling of an address gets around one."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import AddressUnclear, ValidationFailed
from app.core.gate.sites import Matcher, SiteRule, checked


def rule(host: str, room_id: str, path_prefix: str = "/", method: str = "") -> SiteRule:
    return SiteRule(host=host, path_prefix=path_prefix, method=method, room_id=room_id)


RULES = [
    rule("*", "anything"),
    rule("*.shop.example", "sub"),
    rule("*.de.shop.example", "german"),
    rule("shop.example", "shop"),
    rule("shop.example", "buy", "/buy"),
    rule("shop.example", "pay", "/buy", "POST"),
    rule("shop.example", "seats", "/buy/seats"),
    rule("shop.example", "cafe", "/caf%C3%A9"),
]
SHOP = Matcher(checked(RULES))
ONE_PATH = Matcher(checked([rule("shop.example", "buy", "/buy")]))


@pytest.mark.parametrize(
    ("address", "method", "room_id"),
    [
        ("https://shop.example", "GET", "shop"),
        ("https://shop.example/?a=/buy", "GET", "shop"),
        ("https://shop.example/buy", "GET", "buy"),
        ("https://shop.example/buyer", "HEAD", "buy"),
        ("https://shop.example/buy/seats/7", "POST", "seats"),
        ("https://shop.example/buy?x=\\ %2e%2e/", "POST", "pay"),
        ("https://shop.example/search/a%2Fb%20c", "GET", "shop"),
        ("https://shop.example/.well-known/x", "GET", "shop"),
        ("https://shop.example/caf%c3%a9/", "GET", "cafe"),
        ("https://www.shop.example/buy", "GET", "sub"),
        ("https://a.b.shop.example/", "GET", "sub"),
        ("wss://a.de.shop.example/", "GET", "german"),
        ("https://de.shop.example/", "GET", "sub"),
        ("https://notshop.example/", "GET", "anything"),
        ("http://[::1]:8080/", "GET", "anything"),
    ],
)
def test_the_most_specific_rule_decides(address: str, method: str, room_id: str) -> None:
    assert SHOP.room_of(address, method) == room_id


def test_of_a_method_head_is_get_and_letters_do_not_count() -> None:
    matcher = Matcher([rule("shop.example", "read", method="GET")])
    found = [matcher.room_of("http://shop.example/", it) for it in ("GET", "HEAD", "get", "POST")]
    assert found == ["read", "read", "read", None]


@pytest.mark.parametrize(
    "spelling",
    [
        "https://SHOP.example/buy",
        "HTTPS://shop.example/buy",
        "https://shop.example./buy",
        "https://shop.example:443/buy",
        "https://shop.example:8443/buy",
        "https://shop.example:/buy",
        "https://shop.example.:99/buy",
        "https://shop.example/BUY",
        "https://shop.example/%62uy",
        "https://shop.example/%2562uy",
        "https://shop.example/buy;jsessionid=1",
        "https://shop.example/buy%00",
        "https://shop.example/buy%2Fseats",
        "https://shop.example/./buy",
        "https://shop.example//buy",
        "https://shop.example/x/../buy",
        "https://shop.example/x/%2e%2e/buy",
        "https://shop.example/x/%252e%252e/buy",
        "https://shop.example/x%2f..%2fbuy",
        "https://shop.example/x/..;a=b/buy",
        "https://shop.example/;a/buy",
        "https://shop.example/%3b/buy",
        "https://shop.example\\buy",
        "https://shop.example/x/..\\buy",
        "https://shop.example/x/..%5cbuy",
        "https://shop.example/..//buy",
        "https://shop.example/buy/../buy",
        "https://shop.example/x#/../buy",
    ],
)
def test_no_spelling_gets_past_a_rule(spelling: str) -> None:
    try:
        found = ONE_PATH.room_of(spelling, "GET")
    except AddressUnclear:
        return
    assert found == "buy"


@pytest.mark.parametrize(
    ("address", "method"),
    [
        ("", "GET"),
        ("/buy", "GET"),
        ("https://", "GET"),
        ("https:///buy", "GET"),
        ("https://shop.example@evil.example/", "GET"),
        ("https://sh%6fp.example/", "GET"),
        ("https://sh\u00f6p.example/", "GET"),
        ("https://shop.example /", "GET"),
        ("https://shop.example/\nbuy", "GET"),
        ("ftp://shop.example/", "GET"),
        ("https://shop.example/" + "x" * 8000, "GET"),
        ("https://shop.example/buy", ""),
        ("https://shop.example/buy/../", "GET"),
        ("https://shop.example//buy", "GET"),
    ],
)
def test_what_is_unclear_is_refused(address: str, method: str) -> None:
    with pytest.raises(AddressUnclear):
        SHOP.room_of(address, method)


def test_where_all_readings_lead_to_one_room_an_odd_address_is_no_trouble() -> None:
    whole = Matcher([rule("shop.example", "shop")])
    for path in ("//a", "/a/../b", "/a%2fb", "/%", "/%ff", "/..;/x", "/" + "%2e/" * 1900):
        assert whole.room_of(f"https://shop.example{path}", "GET") == "shop"
    assert whole.room_of("https://other.example//a", "GET") is None


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("host", {"host": "shop.example:443"}),
        ("host", {"host": "https://shop.example"}),
        ("host", {"host": "sh\u00f6p.example"}),
        ("host", {"host": "shop.*"}),
        ("host", {"host": "*.*.example"}),
        ("host", {"host": "a..b"}),
        ("host", {"host": "-a.example"}),
        ("host", {"host": "."}),
        ("host", {"host": "shop.example/x"}),
        ("path_prefix", {"path_prefix": "/a/../b"}),
        ("path_prefix", {"path_prefix": "//a"}),
        ("path_prefix", {"path_prefix": "/a%2fb"}),
        ("path_prefix", {"path_prefix": "/a%252fb"}),
        ("path_prefix", {"path_prefix": "/a;b"}),
        ("path_prefix", {"path_prefix": "/a?b"}),
        ("path_prefix", {"path_prefix": "/a%00"}),
        ("", {"host": "Shop.Example.", "path_prefix": "/BUY"}),
    ],
)
def test_rules_that_cannot_be_are_refused_by_name(field: str, wrong: dict[str, Any]) -> None:
    definition = {"host": "one.example", "path_prefix": "/", "room_id": "hall", **wrong}
    with pytest.raises(ValidationFailed) as refused:
        checked([rule("shop.example", "buy", "/buy"), SiteRule(**definition)])
    assert refused.value.members["errors"][0]["field"] == f"sites[1].{field}".rstrip(".")


def test_rules_are_kept_in_one_spelling_and_in_the_order_they_are_tried() -> None:
    found = [(it.host, it.path_prefix, it.method, it.room_id) for it in SHOP.rules]
    assert found == [
        ("shop.example", "/buy/seats", "", "seats"),
        ("shop.example", "/caf\u00e9", "", "cafe"),
        ("shop.example", "/buy", "POST", "pay"),
        ("shop.example", "/buy", "", "buy"),
        ("shop.example", "/", "", "shop"),
        ("*.de.shop.example", "/", "", "german"),
        ("*.shop.example", "/", "", "sub"),
        ("*", "/", "", "anything"),
    ]
    head = rule("A.Example.", "hall", "", "HEAD")
    assert checked([head]) == [rule("a.example", "hall", "/", "GET")]
