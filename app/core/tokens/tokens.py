"""Booking tokens, access tokens and passes: proofs that a visitor is inside, and of an account's identity.

They are JWTs, EdDSA unless a room chooses otherwise: anyone can verify booking tokens and passes with the
public keys of `/.well-known/jwks.json`. Our own processes sign again and compare, which takes a third of the
time. Place tokens are in `place_tokens`. No I/O; the time is an argument.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from itertools import islice
from typing import Any

import jwt
import msgspec

from app.core.account import Account
from app.core.base64url import from_base64url, is_canonical, to_base64url
from app.core.errors import BookingTokenExpired, CredentialInvalid
from app.core.model import Role, RoomId, SigningAlgorithm, VisitorId
from app.core.tokens.claims import BookingClaims, PassClaims
from app.core.tokens.place_tokens import TOKEN_LENGTH_MAX
from app.core.tokens.signing_key import CODEC, Purpose, SigningKey, newest_keys

ISSUER = "fairgate"
ACCESS_AUDIENCE = "fairgate:accounts"  # of access tokens; no room can have this name, because of the colon
ACCESS_TTL_S = 12 * 3600
SESSION_TTL_MAX_S = 86_400  # the upper bound of the room setting `session_ttl_s`
KEY_OVERLAP_S = SESSION_TTL_MAX_S + 3600  # a replaced key verifies until every token it signed has expired
CLOCK_SKEW_MAX_S = 60  # between the hosts that issue and check; applied to `nbf` only, never to `exp`
CACHE_MAX = 131_072  # verified signatures remembered; about 14 MB when full
Claims = BookingClaims | Account | PassClaims
_BOOKING_TYPE = "JWT"
_ACCESS_TYPE = "at+jwt"  # RFC 9068; keeps a booking token of a room named "fairgate" from passing as one
_PASS_TYPE = "pass+jwt"
# access tokens are verified by nobody but us
PUBLISHED: tuple[Purpose, ...] = ("booking", "pass", "log", "any")
_PURPOSES: dict[str, Purpose] = {_BOOKING_TYPE: "booking", _ACCESS_TYPE: "access", _PASS_TYPE: "pass"}
_TYPES: dict[type, str] = {BookingClaims: _BOOKING_TYPE, Account: _ACCESS_TYPE, PassClaims: _PASS_TYPE}


class UnknownKey(CredentialInvalid):
    """The token names a signing key this process has not loaded; it may just have been created."""


def expiry(token: str) -> int:
    """The expiry (s) of a JWT that was verified before."""
    return int(jwt.decode(token, options={"verify_signature": False})["exp"])


class BookingSigner:
    """Signs and reads booking and access tokens with the keys it is given; the first of a purpose signs."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._known: dict[bytes, None] = {}  # digests of tokens with verified signatures, the oldest first
        self.replace_keys(keys)

    def replace_keys(self, keys: Sequence[SigningKey]) -> None:
        """Replace the keys. Tokens of a removed key are no longer accepted."""
        self._newest = newest_keys(keys)
        by_kid = {key.kid: key for key in keys}
        if by_kid.keys() != getattr(self, "_keys", {}).keys():
            self._known.clear()
            self._by_head = {
                key.head(_BOOKING_TYPE): key
                for key in keys
                if key.is_for("booking") and key.algorithm == "EdDSA"
            }
        self._keys = by_kid

    def jwks(self) -> dict[str, Any]:
        """The public keys that others need as an RFC 7517 JWK set, newest first."""
        return {"keys": [key.jwk() for key in self._keys.values() if key.purpose in PUBLISHED]}

    def sign(self, claims: BookingClaims, algorithm: SigningAlgorithm = "EdDSA") -> str:
        """Issue a booking token with these claims."""
        key = self._key_for("booking", algorithm)
        token = key.signed(key.head(_BOOKING_TYPE), _payload_of(claims))
        self._remember(_digest(token))  # accepted here even if the clock is then set back
        return token

    def sign_pass(self, claims: PassClaims, algorithm: SigningAlgorithm = "EdDSA") -> str:
        """Issue a pass with these claims."""
        payload: dict[str, Any] = {
            "iss": ISSUER,
            "aud": claims.room_id,
            "sub": claims.visitor_id,
            "sid": claims.sid,
            "iat": claims.iat,
            "nbf": claims.iat,
            "exp": claims.exp,
            "began": claims.began,
        }
        if claims.net:
            payload["net"] = claims.net
        if claims.generation is not None:
            payload["gen"] = claims.generation
        token = self._encode(payload, _PASS_TYPE, algorithm)
        self._remember(_digest(token))
        return token

    def newest(self, algorithm: SigningAlgorithm, purpose: Purpose = "booking") -> SigningKey | None:
        """The signing key for this purpose and algorithm; None: not loaded, or not created."""
        return self._newest.get((purpose, algorithm))

    def sign_foreign(self, payload: dict[str, Any], key: SigningKey) -> str:
        """Sign a token in another waiting room's format, with a foreign issuer: we never read it."""
        return CODEC.encode(payload, key.private, key.algorithm, {"kid": key.kid, "typ": _BOOKING_TYPE})

    def sign_access(self, account: Account, now_s: int) -> tuple[str, int]:
        """Issue an access token for the account; returns it with its expiry."""
        exp = now_s + ACCESS_TTL_S
        payload = {
            "iss": ISSUER,
            "aud": ACCESS_AUDIENCE,
            "sub": account.subject,
            "role": account.role,
            "jti": account.jti or f"t.{to_base64url(os.urandom(12))}",
            "iat": now_s,
            "nbf": now_s,
            "exp": exp,
        }
        return self._encode(payload, _ACCESS_TYPE), exp

    def read(self, token: str, now_s: int) -> BookingClaims:
        """Verify a booking token. Raises BookingTokenExpired, UnknownKey, CredentialInvalid."""
        claims = self.read_any(token, now_s)
        if not isinstance(claims, BookingClaims):
            raise CredentialInvalid("This is an access token; a booking token is needed here.")
        return claims

    def read_access(self, token: str, now_s: int) -> Account:
        """Verify an access token and return its account. Raises CredentialInvalid, UnknownKey."""
        account = self.read_any(token, now_s)
        if not isinstance(account, Account):
            raise CredentialInvalid("This is a booking token; an access token is needed here.")
        return account

    def read_any(self, token: str, now_s: int) -> BookingClaims | Account:
        """Verify a JWT of ours, a booking or an access token. Raises as `read`."""
        claims, exp = self._read(token, now_s)
        if isinstance(claims, PassClaims):
            raise CredentialInvalid("This is a pass of the gate; it is valid only for the site behind it.")
        if exp <= now_s:
            if isinstance(claims, BookingClaims):
                raise BookingTokenExpired("The booking token has expired. Join again for a new turn.")
            raise CredentialInvalid("The access token has expired. Log in again.")
        return claims

    def read_pass(self, token: str, now_s: int) -> PassClaims:
        """Verify a pass, expired or not. Raises UnknownKey, CredentialInvalid."""
        claims, _ = self._read(token, now_s)
        if not isinstance(claims, PassClaims):
            raise CredentialInvalid("This is not a pass.")
        return claims

    def _read(self, token: str, now_s: int) -> tuple[Claims, int]:
        """The claims of a JWT of ours and its `exp`; its signature is verified once per process."""
        digest = _digest(token)
        if digest not in self._known:
            if not self._signed_here(token, now_s):
                self._verify(token, now_s)
            self._remember(digest)
        return _claims_of(_body_of(token))

    def _signed_here(self, token: str, now_s: int) -> bool:
        """Whether it is a booking token signed by one of our EdDSA keys. This takes a third of the work of
        `_verify`, which also finds out what is wrong with a token."""
        head, _, rest = token.partition(".")
        if (key := self._by_head.get(head)) is None:
            return False
        body, _, signature = rest.partition(".")
        signed = to_base64url(key.private_ed25519.sign(f"{head}.{body}".encode()))
        if not hmac.compare_digest(signed.encode(), signature.encode()):
            return False
        try:
            claims, _ = _claims_of(payload := from_base64url(body))
        except msgspec.DecodeError:  # signed with our key, but not in our format
            return False
        return (
            isinstance(claims, BookingClaims)
            and payload == _payload_of(claims)
            and claims.iat <= now_s + CLOCK_SKEW_MAX_S
        )

    def _encode(self, payload: dict[str, Any], token_type: str, algorithm: SigningAlgorithm = "EdDSA") -> str:
        key = self._key_for(_PURPOSES[token_type], algorithm)
        return CODEC.encode(payload, key.private, key.algorithm, {"kid": key.kid, "typ": token_type})

    def _key_for(self, purpose: Purpose, algorithm: SigningAlgorithm) -> SigningKey:
        """Sign; a process that has not loaded a room's new key yet uses the default algorithm."""
        return self._newest.get((purpose, algorithm)) or self._newest[purpose, "EdDSA"]

    def _remember(self, digest: bytes) -> None:
        if len(self._known) >= CACHE_MAX:
            # Drop several at once: finding the oldest skips over all that were dropped before.
            for oldest in list(islice(self._known, max(1, CACHE_MAX // 16))):
                del self._known[oldest]
        self._known[digest] = None

    def _verify(self, token: str, now_s: int) -> None:
        refused = CredentialInvalid("The token was not issued here.")
        if not token.isascii() or len(token) > TOKEN_LENGTH_MAX or not is_canonical(token):
            raise refused
        try:
            kid = jwt.get_unverified_header(token).get("kid", "")
            if not isinstance(kid, str) or kid not in self._keys:
                raise UnknownKey("The token was not issued here.")
            key = self._keys[kid]
            decoded = CODEC.decode_complete(
                token,
                key.verifier,
                [key.algorithm],
                {
                    "require": ["iss", "aud", "sub", "iat", "nbf", "exp"],
                    "verify_aud": False,  # the room; checked by the caller, after the expiry
                    "verify_exp": False,  # checked by `read_any`, with its own clock and refusal
                    "verify_nbf": False,
                    "verify_iat": False,
                },
                issuer=ISSUER,
            )
        except jwt.PyJWTError:
            raise refused from None
        claims, _ = _claims_of(_body_of(token))
        token_type = _TYPES[type(claims)]
        if decoded["header"].get("typ") != token_type or not key.is_for(_PURPOSES[token_type]):
            raise refused
        # ISSUER: in tokens issued before an update, which live 12 hours
        if isinstance(claims, Account) and decoded["payload"]["aud"] not in (ACCESS_AUDIENCE, ISSUER):
            raise refused
        if decoded["payload"]["nbf"] > now_s + CLOCK_SKEW_MAX_S:
            raise CredentialInvalid("The token is not valid yet; a clock is wrong.")


class _Payload(msgspec.Struct, gc=False):
    """The payload of our tokens: `role` marks an access token, `sid` a pass."""

    aud: str
    sub: str
    iat: int
    exp: int
    jti: str = ""
    role: Role | None = None
    sid: str = ""
    began: int = 0
    net: str = ""
    gen: str | None = None


_read_payload = msgspec.json.Decoder(_Payload).decode


def _payload_of(claims: BookingClaims) -> bytes:
    """The payload of a booking token with these claims."""
    payload: dict[str, Any] = {
        "iss": ISSUER,
        "aud": claims.room_id,
        "sub": claims.visitor_id,
        "jti": claims.jti,
        "iat": claims.iat,
        "nbf": claims.iat,
        "exp": claims.exp,
    }
    if claims.generation is not None:
        payload["gen"] = claims.generation
    return msgspec.json.encode(payload)


def _body_of(token: str) -> bytes:
    return from_base64url(token.split(".", 2)[1])


def _claims_of(payload: bytes) -> tuple[Claims, int]:
    """The claims in a verified payload, and its `exp`.

    Decoded each time: caching them would take 0.5 KB each.
    """
    claims = _read_payload(payload)
    if claims.role is not None:
        return Account(subject=claims.sub, role=claims.role, jti=claims.jti), claims.exp
    if claims.sid:
        room_id, visitor_id = RoomId(claims.aud), VisitorId(claims.sub)
        return PassClaims(
            room_id, visitor_id, claims.sid, claims.iat, claims.exp, claims.began, claims.net, claims.gen
        ), claims.exp
    return BookingClaims(
        RoomId(claims.aud), VisitorId(claims.sub), claims.jti, claims.iat, claims.exp, claims.gen
    ), claims.exp


def _digest(token: str) -> bytes:
    return hashlib.blake2b(token.encode("utf-8", "surrogateescape"), digest_size=16).digest()
