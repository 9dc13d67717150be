"""Where a request comes from."""

from __future__ import annotations

import pytest

from app.web.http.client_ip import client_address, forwarded_scheme, throttle_key, trusted_networks

OURS = trusted_networks(["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.7"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not our proxy: not trusted
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),  # anything further left is not trusted
        ("10.1.1.1", ["6.6.6.6", "198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", ["nonsense"], "10.1.1.1"),
        ("10.1.1.1", ["6.6.6.6, nonsense, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.1.1.1", ["[2001:db8:2::5]:4711"], "2001:db8:2::5"),
        ("2001:db8:1::1", ["2001:db8:2::5"], "2001:db8:2::5"),
        ("::ffff:10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("192.0.2.7", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_nearest_address_that_is_not_ours(peer: str, forwarded: list[str], client: str) -> None:
    assert client_address(peer, forwarded, OURS) == client


def test_without_trusted_proxies_nothing_is_believed() -> None:
    assert client_address("10.1.1.1", ["198.51.100.1"], ()) == "10.1.1.1"
    assert forwarded_scheme("http", "10.1.1.1", "https", ()) == "http"


def test_a_trusted_proxy_tells_the_scheme() -> None:
    assert forwarded_scheme("http", "10.1.1.1", "https", OURS) == "https"
    assert forwarded_scheme("http", "203.0.113.9", "https", OURS) == "http"
    assert forwarded_scheme("http", "10.1.1.1", "gopher", OURS) == "http"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_household_is_throttled_as_one(address: str, key: str) -> None:
    assert throttle_key(address) == key
