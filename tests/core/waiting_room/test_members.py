"""Proofs from an organiser's login: which are accepted, and which never are."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from app.core.base64url import to_base64url
from app.core.errors import ProofRefused, ValidationFailed
from app.core.model import RoomId
from app.core.tokens.place_tokens import PlaceSigner
from app.core.waiting_room.members import MemberLogin, ProofAlgorithm, check_login, read_proof

SECRET = "of the shop's login, and long enough"
SHARED = MemberLogin(algorithm="HS256", key=SECRET)
HALL = RoomId("hall")
RSA, EC = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {"sub": "ann", "exp": now + 300} | changed
    return {name: it for name, it in found.items() if it is not None}


def signed(payload: dict[str, Any], key: Any = SECRET, algorithm: str = "HS256", **header: str) -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers=header)


def pem(private: Any) -> str:
    public: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode()


def member_of(proof: str, login: MemberLogin = SHARED) -> str:
    return read_proof(login, proof, HALL, time.time()).subject


def test_a_proof_names_somebody_in_a_room() -> None:
    assert member_of(signed(claims())) == "ann"
    assert member_of(signed(claims(room="hall", iat=int(time.time())))) == "ann"
    signer = PlaceSigner(b"0" * 32)
    keys = {signer.member_key(RoomId(room), name) for room in ("hall", "ball") for name in ("ann", "bob")}
    assert len(keys) == 4


@pytest.mark.parametrize(
    "payload",
    [
        claims(sub=None),
        claims(exp=None),
        claims(exp=int(time.time()) - 60),
        claims(exp=int(time.time()) + 3 * 86_400),
        claims(room="ball"),
        claims(room=["hall"]),
        claims(aud="the shop"),
        claims(nbf=int(time.time()) + 600),
        claims(sub=""),
        claims(sub="a" * 256),
        claims(sub="a\x00b"),
        claims(sub="\ud800"),
    ],
)
def test_a_proof_that_says_something_else_is_refused(payload: dict[str, Any]) -> None:
    with pytest.raises(ProofRefused):
        member_of(signed(payload))


def test_only_the_chosen_algorithm_is_ever_tried() -> None:
    public = MemberLogin(algorithm="RS256", key=pem(RSA))
    assert member_of(signed(claims(), RSA, "RS256"), public) == "ann"
    good = signed(claims())
    header, payload, signature = good.split(".")
    none = signed(claims(), None, "none")
    flipped = f"{header}.{payload}.{signature[:-3]}{'A' if signature[-3] != 'A' else 'B'}{signature[-2:]}"
    tried = [
        none,
        f"{none.rsplit('.', 1)[0]}.{signature}",
        flipped,
        "a.b.c",
        "",
        "a" * 100,
        good + "." + good,
    ]
    tried.append(signed(claims(), "another secret that is long enough too"))
    for proof in tried:
        with pytest.raises(ProofRefused):
            member_of(proof)
    # The public key, which everybody knows, misused as a shared secret.
    mac = to_base64url(hmac.new(public.key.encode(), f"{header}.{payload}".encode(), hashlib.sha256).digest())
    for proof in (f"{header}.{payload}.{mac}", good, signed(claims(), EC, "ES256"), none):
        with pytest.raises(ProofRefused):
            member_of(proof, public)


def test_an_audience_is_asked_for_where_one_is_set() -> None:
    login = MemberLogin(algorithm="HS256", key=SECRET, audience="tickets")
    assert member_of(signed(claims(aud=["web", "tickets"])), login) == "ann"
    for payload in (claims(), claims(aud="web")):
        with pytest.raises(ProofRefused):
            member_of(signed(payload), login)


def test_keys_of_a_set_are_found_by_their_names() -> None:
    other = rsa.generate_private_key(65537, 2048)
    keys = {"a": other, "b": RSA}
    found = {kid: RSAAlgorithm.to_jwk(it.public_key(), as_dict=True) for kid, it in keys.items()}
    jwks = {"keys": [{**it, "kid": kid} for kid, it in found.items()]}
    login = MemberLogin(algorithm="RS256", key=json.dumps(jwks))
    check_login(login)
    assert member_of(signed(claims(), RSA, "RS256", kid="b"), login) == "ann"
    for header in ({"kid": "a"}, {"kid": "none"}, {}):
        with pytest.raises(ProofRefused):
            member_of(signed(claims(), RSA, "RS256", **header), login)
    ed = Ed25519PrivateKey.generate()
    assert member_of(signed(claims(), ed, "EdDSA"), MemberLogin(algorithm="EdDSA", key=pem(ed))) == "ann"
    one = json.dumps(ECAlgorithm.to_jwk(EC.public_key(), as_dict=True))
    assert member_of(signed(claims(), EC, "ES256"), MemberLogin(algorithm="ES256", key=one)) == "ann"


PRIVATE = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("HS256", "short"),
        ("HS256", pem(RSA)),
        ("HS256", json.dumps({"kty": "oct", "k": "x" * 40})),
        ("RS256", PRIVATE),
        ("RS256", pem(EC)),
        ("RS256", "no key at all"),
        ("RS256", "{"),
        ("RS256", "{}"),
        ("RS256", '{"keys": []}'),
        ("RS256", '{"keys": [1]}'),
        ("RS256", '{"keys": 7}'),
        ("RS256", json.dumps({"kty": "oct", "k": "x" * 40})),
        ("RS256", json.dumps(RSAAlgorithm.to_jwk(RSA, as_dict=True))),
        ("RS256", pem(rsa.generate_private_key(65537, 1024))),
        ("ES256", pem(ec.generate_private_key(ec.SECP384R1()))),
        ("ES256", pem(RSA)),
        ("EdDSA", pem(EC)),
    ],
)
def test_a_key_that_is_weak_private_or_of_another_kind_is_refused(
    algorithm: ProofAlgorithm, key: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_login(MemberLogin(algorithm=algorithm, key=key))
    assert refused.value.members["errors"][0]["field"] == "key"
