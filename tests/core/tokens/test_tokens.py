"""Tokens: only what we signed is accepted, and it reads back unchanged."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.account import Account
from app.core.errors import BookingTokenExpired, CredentialInvalid
from app.core.formats import SLUG
from app.core.model import RoomId, VisitorId
from app.core.tokens import tokens
from app.core.tokens.claims import BookingClaims, PlaceClaims
from app.core.tokens.place_tokens import PlaceSigner, new_visitor_id
from app.core.tokens.signing_key import SigningKey
from app.core.tokens.tokens import BookingSigner, UnknownKey

NOW = 1_800_000_000
HALL = RoomId("hall")
ANN = VisitorId("ann")
SIGNER = PlaceSigner(b"a secret of more than sixteen bytes")
KEY = SigningKey.new()
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def a_place(number: int | None = 7, epoch: int = 1) -> PlaceClaims:
    """Claims of a place token."""
    return PlaceClaims(room_id=HALL, visitor_id=ANN, queue_number=number, epoch=epoch)


def a_session(exp: int = NOW + 600, room_id: RoomId = HALL) -> BookingClaims:
    """Claims of a booking token."""
    return BookingClaims(room_id=room_id, visitor_id=ANN, jti="j", iat=NOW, exp=exp)


def a_signer() -> BookingSigner:
    """A signer with an empty cache."""
    return BookingSigner([KEY])


# --- place tokens -----------------------------------------------------------------------------------------
@given(st.one_of(st.none(), st.integers(1, 2**53)), st.integers(0, 10**6))
def test_a_place_token_says_what_was_signed(number: int | None, epoch: int) -> None:
    claims = a_place(number, epoch)
    assert SIGNER.read(SIGNER.sign(claims)) == claims


def test_no_character_of_a_place_token_can_be_another() -> None:
    token = SIGNER.sign(a_place())
    for i in range(len(token)):
        for other in BASE64URL + ".=":
            if other != token[i]:
                with pytest.raises(CredentialInvalid):
                    SIGNER.read(token[:i] + other + token[i + 1 :])


@pytest.mark.parametrize(
    "token", ["", "p1", "p1.", "p1..", "p1.a.b", "p2.a.b", "é", "p1.é.b", "p1.a.é", "a.b.c", "p1.a.b.c", "\0"]
)
def test_what_never_was_a_place_token_is_refused(token: str) -> None:
    with pytest.raises(CredentialInvalid):
        SIGNER.read(token)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (lambda: SIGNER.read(text), lambda: a_signer().read(text, NOW)):
        with pytest.raises(CredentialInvalid):
            read()


def test_things_added_to_a_place_token_spoil_it() -> None:
    token = SIGNER.sign(a_place())
    for other in (token + "=", token + ".x", " " + token, token + "\n", token.upper()):
        with pytest.raises(CredentialInvalid):
            SIGNER.read(other)


def test_another_secret_reads_nothing() -> None:
    with pytest.raises(CredentialInvalid):
        PlaceSigner(b"another secret, also long enough").read(SIGNER.sign(a_place()))


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        PlaceSigner(b"short")


def test_derived_ids_are_the_same_everywhere_and_apart_from_each_other() -> None:
    other = PlaceSigner(b"a secret of more than sixteen bytes")
    assert SIGNER.jti(HALL, ANN, NOW) == other.jti(HALL, ANN, NOW)
    assert SIGNER.account_visitor(HALL, "ann") == other.account_visitor(HALL, "ann")
    ids = {
        SIGNER.jti(HALL, ANN, NOW),
        SIGNER.jti(HALL, ANN, NOW + 1),
        SIGNER.jti(RoomId("other"), ANN, NOW),
        SIGNER.account_visitor(HALL, "ann"),
        SIGNER.account_visitor(RoomId("other"), "ann"),
        SIGNER.account_visitor(HALL, "bob"),
    }
    assert len(ids) == 6


def test_visitor_ids_are_long_and_never_the_same() -> None:
    ids = {new_visitor_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(it) for it in ids} == {22}


# --- booking tokens ---------------------------------------------------------------------------------------
def test_a_booking_token_says_what_was_signed_here_and_in_another_process() -> None:
    claims = a_session()
    signer = a_signer()
    token = signer.sign(claims)
    assert signer.read(token, NOW) == claims
    assert a_signer().read(token, NOW) == claims


def test_anyone_can_verify_it_with_the_published_key() -> None:
    signer = a_signer()
    token = signer.sign(a_session())
    public = jwt.PyJWKSet.from_dict(signer.jwks())[KEY.kid]
    payload = jwt.decode(
        token,
        public.key,
        ["EdDSA"],
        {"verify_exp": False, "verify_nbf": False, "verify_iat": False},
        audience="hall",
    )
    assert payload == {
        "iss": "fairgate",
        "aud": "hall",
        "sub": "ann",
        "jti": "j",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 600,
    }
    assert all("d" not in key for key in signer.jwks()["keys"])  # the private part


def test_it_ends_at_its_second_also_when_it_was_verified_before() -> None:
    for signer in (a_signer(), a_signer()):
        token = signer.sign(a_session(exp=NOW + 10))
        assert signer.read(token, NOW + 9)
        with pytest.raises(BookingTokenExpired):
            signer.read(token, NOW + 10)
    fresh = a_signer()
    with pytest.raises(BookingTokenExpired):
        fresh.read(token, NOW + 10)


def test_the_expiry_is_told_before_anything_else_is() -> None:
    token = a_signer().sign(a_session(exp=NOW - 1, room_id=RoomId("another-room")))
    with pytest.raises(BookingTokenExpired):
        a_signer().read(token, NOW)


def test_no_character_of_a_booking_token_can_be_another() -> None:
    """Not even the last one, whose spare bits most decoders ignore."""
    token = a_signer().sign(a_session())
    reader = a_signer()
    for i in (*range(0, len(token), 7), *range(len(token) - 4, len(token))):
        for other in "AQgwx_-.=":
            if other != token[i]:
                with pytest.raises(CredentialInvalid):
                    reader.read(token[:i] + other + token[i + 1 :], NOW)
    assert reader.read(token, NOW)


def _forged(header: dict[str, Any], payload: dict[str, Any], key: Any, algorithm: str) -> str:
    return jwt.encode(payload, key, algorithm, header)


def test_forgeries_are_refused() -> None:
    reader = a_signer()
    good = a_signer().sign(a_session())
    payload = jwt.decode(good, options={"verify_signature": False})
    head, body, signature = good.split(".")
    none = urlsafe_b64encode(json.dumps({"alg": "none", "kid": KEY.kid}).encode()).rstrip(b"=").decode()
    public = reader.jwks()["keys"][0]["x"]
    stranger = SigningKey.new()
    for token in (
        f"{none}.{body}.",
        f"{head}.{body}.",
        f"{head}.{body}",
        _forged({"kid": KEY.kid}, payload, stranger.private, "EdDSA"),
        _forged({"kid": KEY.kid}, payload, urlsafe_b64decode(public + "=") * 2, "HS256"),
        _forged({"kid": KEY.kid}, {**payload, "iss": "somebody"}, KEY.private, "EdDSA"),
        _forged({"kid": KEY.kid}, {k: v for k, v in payload.items() if k != "exp"}, KEY.private, "EdDSA"),
        _forged({"kid": KEY.kid}, {**payload, "nbf": NOW + 3600}, KEY.private, "EdDSA"),
        f"{head}.{body}.{signature}" + "A" * 5000,
    ):
        with pytest.raises(CredentialInvalid):
            reader.read(token, NOW)


def test_a_key_that_is_not_loaded_is_told_apart() -> None:
    with pytest.raises(UnknownKey):
        BookingSigner([SigningKey.new()]).read(a_signer().sign(a_session()), NOW)


def test_replaced_keys_verify_until_they_are_gone() -> None:
    signer = a_signer()
    old = signer.sign(a_session())
    new = SigningKey.new()
    signer.replace_keys([new, KEY])
    assert signer.read(old, NOW)
    assert jwt.get_unverified_header(signer.sign(a_session()))["kid"] == new.kid
    assert [key["kid"] for key in signer.jwks()["keys"]] == [new.kid, KEY.kid]
    signer.replace_keys([new])
    with pytest.raises(CredentialInvalid):
        signer.read(old, NOW)


def test_there_is_always_a_key() -> None:
    with pytest.raises(ValueError, match="signing key"):
        BookingSigner([])


def test_a_key_is_kept_and_read_back() -> None:
    again = SigningKey.from_pem(KEY.kid, KEY.pem())
    assert BookingSigner([again]).read(a_signer().sign(a_session()), NOW) == a_session()


def test_verified_tokens_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHE_MAX", 3)
    signer = a_signer()
    issued = [signer.sign(a_session(exp=NOW + i)) for i in range(1, 10)]
    for _ in range(2):  # evicted tokens are verified again
        assert all(signer.read(token, NOW) for token in issued)
    assert len(signer._known) == 3


# --- access tokens ----------------------------------------------------------------------------------------
def test_an_access_token_speaks_for_its_account_for_twelve_hours() -> None:
    account = Account(subject="ann", role="operator", jti="t.1")
    token, exp = a_signer().sign_access(account, NOW)
    assert exp == NOW + 12 * 3600
    assert a_signer().read_access(token, exp - 1) == account
    with pytest.raises(CredentialInvalid):
        a_signer().read_access(token, exp)


def test_the_audience_of_an_access_token_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(subject="ann", role="user")
    token, _ = a_signer().sign_access(account, NOW)
    audience = jwt.decode(token, options={"verify_signature": False})["aud"]
    assert not re.search(SLUG, audience)
    for other, believed in (("fairgate", True), ("hall", False)):  # `fairgate`: created before an update
        monkeypatch.setattr(tokens, "ACCESS_AUDIENCE", other)
        old, _ = a_signer().sign_access(account, NOW)
        monkeypatch.undo()
        if believed:
            assert a_signer().read_access(old, NOW).subject == "ann"
        else:
            with pytest.raises(CredentialInvalid):
                a_signer().read_access(old, NOW)


def test_one_kind_is_never_taken_for_the_other() -> None:
    access, _ = a_signer().sign_access(Account(subject="ann", role="admin"), NOW)
    booking = a_signer().sign(a_session(room_id=RoomId("fairgate")))  # its audience is that of access tokens
    with pytest.raises(CredentialInvalid):
        a_signer().read(access, NOW)
    with pytest.raises(CredentialInvalid):
        a_signer().read_access(booking, NOW)
    place = SIGNER.sign(a_place())
    for read in (a_signer().read, a_signer().read_access):
        with pytest.raises(CredentialInvalid):
            read(place, NOW)


def test_a_place_token_tells_the_generation_of_its_room() -> None:
    claims = msgspec.structs.replace(a_place(), generation="g1", quantity=0)
    assert SIGNER.read(SIGNER.sign(claims)) == claims
    assert SIGNER.sign(claims) != SIGNER.sign(msgspec.structs.replace(claims, generation="g2"))
