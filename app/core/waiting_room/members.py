"""Members: visitors vouched for by the organiser's login, with a JWT. No I/O.

The algorithm is the one that staff chose for the key, whatever the header says: so `none` is never accepted,
nor a public key used as a shared secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec import Meta

from app.core import lanes
from app.core.errors import ProofRefused, ValidationFailed
from app.core.formats import NAME, PROOF
from app.core.model import RoomId, RoomStatus, Struct, VisitorId
from app.core.visitor_ids import MEMBER_ID_CHARS, SUSPECT_ID_CHARS

ProofAlgorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
PROOF_MAX = 4096  # characters
PROOF_TTL_MAX_S = 86_400
LEEWAY_S = 30  # tolerated difference between the clocks of two servers
KEY_MAX = 20_000
SECRET_MIN = 32  # bytes: as many as the digest has (RFC 7518, 3.2)
RSA_BITS_MIN, RSA_BITS_MAX = 2048, 8192
KEYS_MAX = 10  # in a set
SUBJECT_MAX = 255
_KEYS = {"RS256": rsa.RSAPublicKey, "ES256": ec.EllipticCurvePublicKey, "EdDSA": Ed25519PublicKey}

Proof = Annotated[str, Meta(min_length=1, max_length=PROOF_MAX, pattern=PROOF)]


class MemberLogin(Struct, frozen=True):
    """How proofs of the organiser's login are verified."""

    algorithm: ProofAlgorithm
    key: Annotated[str, Meta(min_length=1, max_length=KEY_MAX)]  # a secret, or public: PEM, JWK or JWKS
    audience: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""  # required in `aud`; empty: any


class Keys(NamedTuple):
    """The keys that verify signatures: a single one, or a set by `kid`."""

    only: Any = None
    named: dict[str, Any] = {}  # noqa: RUF012  # never mutated


class ProofContent(NamedTuple):
    """The content of a proof: the member, and the lane it puts them into; "": the ordinary one."""

    subject: str
    lane: str


def is_member(visitor_id: VisitorId) -> bool:
    """Whether this visitor was admitted as a member; only this server creates such ids."""
    return len(visitor_id) == MEMBER_ID_CHARS


def lane_of(visitor_id: VisitorId) -> int:
    """The lane in a visitor's id, provided the room has it; 0: the ordinary one."""
    return lanes.lane_of(visitor_id, (MEMBER_ID_CHARS, SUSPECT_ID_CHARS))


def place_in_room(status: RoomStatus, visitor_id: VisitorId, ahead: int) -> int:
    """How many are called before a visitor with `ahead` in front of them in their lane; `ahead` itself in a
    room without lanes."""
    if not status.lanes:
        return ahead
    lane, shares = lane_in(status, visitor_id), [it.share for it in status.lanes]
    return lanes.calls_before(ahead + 1, lane, shares, [it.waiting for it in status.lanes]) - 1


def lane_in(status: RoomStatus, visitor_id: VisitorId) -> int:
    """The visitor's lane in this room; 0: the ordinary one."""
    lane = lane_of(visitor_id)
    return lane if lane < len(status.lanes) else lanes.ORDINARY


def serving_of(status: RoomStatus, visitor_id: VisitorId) -> int:
    """The serving position of a visitor's lane."""
    lane = lane_in(status, visitor_id)
    return status.lanes[lane].serving_position if lane else status.serving_position


def lane_named(name: str, of: Sequence[lanes.Lane]) -> int:
    """The number of the lane with this name; "": the ordinary one. Raises ProofRefused."""
    if not name:
        return lanes.ORDINARY
    position = lanes.named(name, of)
    if position is None:
        raise ProofRefused("The proof names a lane that this room does not have.")
    return position


def check_login(login: MemberLogin) -> None:
    """Refuse a key that cannot verify proofs. Raises ValidationFailed (`key`)."""
    _keys(login)


def read_proof(login: MemberLogin, proof: str, room_id: RoomId, now_s: float) -> ProofContent:
    """Verify a proof and return its content. Raises ProofRefused."""
    try:
        claims = jwt.decode(
            proof,
            _key_for(login, proof),
            algorithms=[login.algorithm],
            audience=login.audience or None,
            options={"require": ["sub", "exp"]},
            leeway=LEEWAY_S,
        )
    except jwt.ExpiredSignatureError:
        raise ProofRefused("The proof has expired; sign in with the organiser again.") from None
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        raise ProofRefused("The proof is not one of the organiser's login for this room.") from None
    if int(claims["exp"]) > now_s + PROOF_TTL_MAX_S + LEEWAY_S:
        raise ProofRefused("The proof is valid for more than a day: `exp` must be sooner.")
    return ProofContent(_subject(claims, room_id), _lane(claims))


def _subject(claims: dict[str, Any], room_id: RoomId) -> str:
    subject, room = claims["sub"], claims.get("room", room_id)
    if room != room_id:
        raise ProofRefused("The proof is for another room.")
    if not (isinstance(subject, str) and 0 < len(subject) <= SUBJECT_MAX and subject.isprintable()):
        raise ProofRefused(f"`sub` must be a text of at most {SUBJECT_MAX} printable characters.")
    return subject


def _lane(claims: dict[str, Any]) -> str:
    lane = claims.get("lane", "")
    if not isinstance(lane, str):
        raise ProofRefused("`lane` must be the name of a lane.")
    return lane


def _key_for(login: MemberLogin, proof: str) -> Any:
    keys = _keys(login)
    if keys.only is not None:
        return keys.only
    return keys.named.get(str(jwt.get_unverified_header(proof).get("kid"))) or next(iter(keys.named.values()))


def _keys(login: MemberLogin) -> Keys:
    text = login.key.strip()
    if login.algorithm == "HS256":
        return Keys(_secret(login.key))
    if text.startswith("{"):
        return _of_jwks(login.algorithm, text)
    return Keys(_checked(login.algorithm, _from_pem(text)))


def _secret(text: str) -> bytes:
    secret = text.encode()
    if len(secret) < SECRET_MIN:
        raise ValidationFailed("key", f"must have at least {SECRET_MIN} characters")
    if "-----BEGIN" in text or text.lstrip().startswith(("ssh-", "{")):
        raise ValidationFailed("key", "is a key for another algorithm: choose that one")
    return secret


def _from_pem(text: str) -> Any:
    if "PRIVATE KEY" in text:
        raise ValidationFailed("key", "is the private key: enter the public one")
    try:
        return load_pem_public_key(text.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValidationFailed("key", "must be a public key as PEM, or a JWK or JWKS") from None


def _of_jwks(algorithm: ProofAlgorithm, text: str) -> Keys:
    try:
        document = msgspec.json.decode(text, type=dict[str, Any])
        documents = document.get("keys", [document])
        named = {str(it.get("kid", "")): it for it in documents}
    except (msgspec.DecodeError, AttributeError, TypeError, RecursionError):
        raise ValidationFailed("key", "is not a JWK or JWKS") from None
    if not 0 < len(documents) <= KEYS_MAX or len(named) < len(documents):
        raise ValidationFailed("key", f"must be 1 to {KEYS_MAX} keys, each with a `kid` of its own")
    return Keys(named={kid: _of_jwk(algorithm, it) for kid, it in named.items()})


def _of_jwk(algorithm: ProofAlgorithm, document: dict[str, Any]) -> Any:
    if "d" in document or document.get("kty") == "oct":
        raise ValidationFailed("key", "contains a private key: enter public keys only")
    try:
        return _checked(algorithm, jwt.PyJWK(document, algorithm=algorithm).key)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise ValidationFailed("key", f"contains a key that does not work with {algorithm}") from None


def _checked(algorithm: ProofAlgorithm, key: Any) -> Any:
    if not isinstance(key, _KEYS[algorithm]):
        raise ValidationFailed("key", f"does not work with {algorithm}")
    if isinstance(key, rsa.RSAPublicKey) and not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        raise ValidationFailed("key", f"must have {RSA_BITS_MIN} to {RSA_BITS_MAX} bits")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name != "secp256r1":
        raise ValidationFailed("key", "must be on the curve P-256")
    return key
