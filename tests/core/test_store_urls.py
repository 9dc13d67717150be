"""Store URLs with several hosts, some of them IPv6."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from app.core.store_urls import split_store_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "postgresql://u:p%40@db.example/shop?sslmode=require#x",
        "POSTGRESQL://db",
        "unix:///run/valkey.sock?db=1",
        "redis://[::1]:6379/2",
        "no address at all",
        "redis://a?db=1",
    ],
)
def test_of_one_host_it_says_what_urlsplit_says(url: str) -> None:
    assert split_store_url(url) == urlsplit(url)


def test_several_hosts_may_be_of_any_kind() -> None:
    it = split_store_url("redis+sentinel://u:p%40@a:1,[::1]:2,c/sale/3?sentinel_password=s")
    assert (it.scheme, it.netloc, it.path) == ("redis+sentinel", "u:p%40@a:1,[::1]:2,c", "/sale/3")
    assert (it.query, it.username, it.password) == ("sentinel_password=s", "u", "p%40")


@pytest.mark.parametrize("host", ["[::1", "a,[::1", "[nothing]x:1"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"IPv6|netloc|address"):
        split_store_url(f"redis://{host}/0")
