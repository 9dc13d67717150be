"""Links to orders and the cookie they set: only what we signed, and only for as long as it says."""

from __future__ import annotations

import pytest

from app.core.errors import CredentialInvalid
from app.core.tokens.order_rights import ORDERS_MAX, OWNS, SEES, OrderSigner

NOW = 1_800_000_000
SIGNER, OTHER = OrderSigner(b"s" * 32), OrderSigner(b"o" * 32)


def test_a_link_is_valid_until_the_second_it_names() -> None:
    for link, read in (
        (SIGNER.link("r1", NOW + 10), SIGNER.read_link),
        (SIGNER.ticket_link("r1", NOW + 10), SIGNER.read_ticket_link),
    ):
        assert read(link, NOW + 9) == "r1"
        with pytest.raises(CredentialInvalid, match="has expired"):
            read(link, NOW + 10)


def test_a_link_is_read_only_as_what_it_was_signed_for_and_by_whom() -> None:
    link = SIGNER.link("r1", NOW + 10)
    for text in (link[:-1], f"{link}x", link.replace("o1.", "k1."), "o1..", "", "\u00e9", "o" * 4_000):
        with pytest.raises(CredentialInvalid, match="not issued here"):
            SIGNER.read_link(text, NOW)
    for read in (SIGNER.read_ticket_link, OTHER.read_link):
        with pytest.raises(CredentialInvalid, match="not issued here"):
            read(link, NOW)


def test_a_cookie_gives_the_newest_rights_and_one_that_is_not_ours_gives_none() -> None:
    rights = {f"r{number}": OWNS if number % 2 else SEES for number in range(ORDERS_MAX + 2)}
    cookie = SIGNER.cookie(rights)
    assert SIGNER.read_cookie(cookie) == dict(list(rights.items())[2:])
    for text in ("", "r1.e30.x", cookie[:-1], OTHER.cookie(rights), SIGNER.link("r1", NOW + 10)):
        assert SIGNER.read_cookie(text) == {}
