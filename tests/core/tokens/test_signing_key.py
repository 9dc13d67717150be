"""Keys of each algorithm, checked with an independent verifier that knows only the JWKS."""

from __future__ import annotations

import jwt
import pytest

from app.core.errors import CredentialInvalid
from app.core.model import RoomId, SigningAlgorithm, VisitorId
from app.core.tokens.claims import BookingClaims, PassClaims
from app.core.tokens.signing_key import ALGORITHMS, OF_ROOMS, PURPOSES, SigningKey
from app.core.tokens.tokens import BookingSigner
from tests.support.tampering import tampered

NOW = 1_750_000_000
ROOM = RoomId("hall")
KEYS = [SigningKey.new(it) for it in PURPOSES]
KEYS += [SigningKey.new(it, algorithm) for it in OF_ROOMS for algorithm in ("ES256", "RS256")]
BOOKING = BookingClaims(ROOM, VisitorId("ann"), "j", NOW, NOW + 600, "g")
PASS = PassClaims(ROOM, VisitorId("ann"), "ann-1", NOW, NOW + 600, NOW, "", "g")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_of_each_algorithm_are_verified_by_anybody_and_read_by_us(algorithm: SigningAlgorithm) -> None:
    signer, other = BookingSigner(KEYS), BookingSigner(KEYS)
    jwks = jwt.PyJWKSet.from_dict(signer.jwks())
    tokens = signer.sign(BOOKING, algorithm), signer.sign_pass(PASS, algorithm)
    for token in tokens:
        header = jwt.get_unverified_header(token)
        assert header["alg"] == algorithm
        key = jwks[header["kid"]]
        assert key.algorithm_name == algorithm
        found = jwt.decode(token, key, [algorithm], audience="hall", options={"verify_exp": False})
        assert (found["iss"], found["sub"]) == ("fairgate", "ann")
    assert tokens == (
        signer.sign(BOOKING, algorithm),
        signer.sign_pass(PASS, algorithm),
    )  # the same result each time
    assert (other.read(tokens[0], NOW), other.read_pass(tokens[1], NOW)) == (BOOKING, PASS)
    for forged in (tampered(tokens[0]), tampered(tokens[1])):
        with pytest.raises(CredentialInvalid):
            BookingSigner(KEYS).read_any(forged, NOW)


def test_a_header_does_not_choose_how_a_key_verifies() -> None:
    by_name = {(it.purpose, it.algorithm): it for it in KEYS}
    rsa, edwards = by_name["booking", "RS256"], by_name["booking", "EdDSA"]
    token = BookingSigner(KEYS).sign(BOOKING, "RS256")
    payload = jwt.decode(token, options={"verify_signature": False})
    public = "n" * 64  # a public value used as a shared secret, the classic confusion
    for forged in (
        jwt.encode(payload, public, "HS256", {"kid": rsa.kid, "typ": "JWT"}),
        jwt.encode(payload, edwards.private, "EdDSA", {"kid": rsa.kid, "typ": "JWT"}),
        jwt.encode(payload, by_name["booking", "ES256"].private, "ES256", {"kid": rsa.kid, "typ": "JWT"}),
        jwt.encode(payload, by_name["pass", "RS256"].private, "RS256", {"kid": rsa.kid, "typ": "JWT"}),
        jwt.encode(payload, "", "none", {"kid": rsa.kid, "typ": "JWT"}),
    ):
        with pytest.raises(CredentialInvalid):
            BookingSigner(KEYS).read_any(forged, NOW)


def test_a_key_is_the_same_after_it_was_kept_and_one_that_is_not_there_yet_is_not_missed() -> None:
    for key in KEYS:
        again = SigningKey.from_pem(key.kid, key.pem(), key.purpose, key.algorithm)
        assert again.jwk() == key.jwk()
        assert "d" not in key.jwk()
    signer = BookingSigner(KEYS[:3])
    assert jwt.get_unverified_header(signer.sign(BOOKING, "RS256"))["alg"] == "EdDSA"
