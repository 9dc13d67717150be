"""Booking tokens signed by another process with the keys they share."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from app.core.errors import BookingTokenExpired, CredentialInvalid
from app.core.tokens.claims import BookingClaims, PassClaims
from app.core.tokens.signing_key import SigningKey
from app.core.tokens.tokens import BookingSigner, UnknownKey
from tests.core.tokens.test_tokens import ANN, HALL, KEY, NOW, a_session
from tests.support.tampering import tampered


def a_process(*keys: SigningKey) -> BookingSigner:
    """The signer of a process that shares its keys with others."""
    return BookingSigner(keys or [KEY])


def test_a_token_of_another_process_is_accepted_as_it_was_signed_and_not_otherwise() -> None:
    claims = BookingClaims(HALL, ANN, "j", NOW, NOW + 600, generation="g1")
    token = a_process().sign(claims)
    head, body, signature = token.split(".")
    assert a_process().read(token, NOW) == claims
    for other in (f"{head}.{body}.{tampered(signature)}", f"{head}.{body}.", f"{head}.{body}", f"{token}.a"):
        with pytest.raises(CredentialInvalid):
            a_process().read(other, NOW)


def test_nothing_that_a_token_of_another_process_says_can_be_changed() -> None:
    reader = a_process()
    token = reader.sign(a_session())
    head, body, signature = token.split(".")
    for i in range(len(token)):
        for other in "AQgwx_-.=!":
            if other != token[i]:
                with pytest.raises(CredentialInvalid):
                    reader.read(token[:i] + other + token[i + 1 :], NOW)
    claims = json.loads(urlsafe_b64decode(body + "=="))
    for change in ({"sub": "bob"}, {"exp": NOW + 999}, {"iat": 1}, {"gen": "g2"}, {"role": "admin"}):
        altered = (
            urlsafe_b64encode(json.dumps({**claims, **change}, separators=(",", ":")).encode())
            .decode()
            .rstrip("=")
        )
        with pytest.raises(CredentialInvalid):
            reader.read(f"{head}.{altered}.{signature}", NOW)


def test_a_token_of_another_process_ends_with_its_time_and_with_its_key() -> None:
    signer = a_process()
    token = signer.sign(a_session())
    with pytest.raises(BookingTokenExpired):
        a_process().read(token, NOW + 600)
    early = signer.sign(BookingClaims(HALL, ANN, "j", NOW + 3600, NOW + 7200))
    with pytest.raises(CredentialInvalid, match="clock"):
        a_process().read(early, NOW)
    new = SigningKey.new()
    signer.replace_keys([new, KEY])
    assert signer.read(token, NOW)
    signer.replace_keys([new])
    for revoked in (signer, a_process(new)):
        with pytest.raises(UnknownKey):
            revoked.read(token, NOW)


def test_a_token_for_the_site_behind_the_gate_is_no_booking_token() -> None:
    signer = a_process()
    of_gate = signer.sign_pass(PassClaims(HALL, ANN, "ann-1", NOW, NOW + 600, NOW))
    with pytest.raises(CredentialInvalid, match="pass"):
        signer.read(of_gate, NOW)
