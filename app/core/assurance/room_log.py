"""The public log of a room: the grammar of its leaves, and the signed statements about it. No I/O.

A leaf is one line of text: the time (ms), a word, and its arguments.

    AT began ROOM GENERATION METHOD COMMITMENT   the first, and after a reset; COMMITMENT: of a lottery, or -
    AT set FIELD VALUE                           rate (a minute), burst, active_max, ... as staff set them
    AT lanes SHARE SHARE ...                     of the calls, in percent: the ordinary lane's, lane 1's, ...
    AT state STATE                               opened, paused, closed ... by staff or by the clock
    AT revealed SEED                             of a lottery, at the opening
    AT mixes entries                             before the pre-queue: announces the next leaf
    AT mixed ROOT                                the root (hex) of all leaves before this one, at the opening
    AT mixes beacon CHAIN ROUND                  or: announces a round of the public beacon; 0: none yet
    AT awaits ROUND                              at the opening: the draw waits for it
    AT beacon ROUND SIGNATURE                    it was read; its randomness is SHA-256 of the signature
    AT missed ROUND                              it could not be read in time: the seed alone
    AT joined NUMBER VISITOR                     NUMBER 0: in the pre-queue of a lottery
    AT skipped COUNT UPTO                        of a room in parts: this many numbers up to UPTO were skipped
    AT drawn NUMBER VISITOR DRAW                 in the order of the draws
    AT passed NUMBER VISITOR WHY                 tickets or network: skipped for now, called later
    AT advanced COUNT                            staff call this many by hand: the next calls at this time
    AT called|claimed|no_show|left NUMBER VISITOR
    AT removed NUMBER VISITOR staff              NUMBER 0: had no place
    AT restored EPOCH LAST SERVING               rebuilt in Redis: numbers continue above LAST
    AT lost COUNT                                this many events are missing

`joined`, `drawn` and `called` end with the lane, unless it is the ordinary one.

VISITOR is a keyed hash: only a visitor's own receipt tells which one is theirs.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.core.assurance.merkle import leaf_hash
from app.core.assurance.notes import LOG, Checkpoint, signature_line, verifier
from app.core.base64url import from_base64url, to_base64url
from app.core.tokens.signing_key import CODEC, SigningKey

AUDIENCE = "fairgate:log"  # no room can have this name, so these signatures never pass as tokens
ISSUER = "fairgate"
HEAD_TYPE = "log-head+jwt"
RECEIPT_TYPE = "place-receipt+jwt"
HEAD_EVERY_MS = 10_000  # while the room is active
NAME_BYTES = 16
OF_VISITORS = frozenset(("joined", "drawn", "passed", "called", "claimed", "no_show", "left", "removed"))


class Head(msgspec.Struct, frozen=True):
    """The content of a signed head: the tree of `size` leaves has this root (hex)."""

    room_id: str
    size: int
    root: str
    at_ms: int


class Receipt(msgspec.Struct, frozen=True):
    """The content of a visitor's signed receipt: that they have, or had, this place in the queue."""

    room_id: str
    generation: str
    visitor_id: str
    visitor: str | None  # their name in the room's log; None: there is no log yet
    state: str
    queue_number: int | None  # None: it is drawn later
    leaf: int | None  # the leaf that gave them their number; None: not in the log yet
    at_ms: int


class Leaf(NamedTuple):
    """A parsed leaf."""

    at_ms: int
    word: str
    rest: tuple[str, ...]


def origin_of(host: str, room_id: str, first: str) -> str:
    """The origin in checkpoints of the log of a room with this first leaf."""
    return f"{host}/rooms/{room_id}/{log_id(first)}"


def log_id(first: str) -> str:
    """An id, derived from a log's first leaf, that distinguishes it from logs of other rooms of its name."""
    return leaf_hash(first.encode()).hex()[:16]


def checkpoint(key: SigningKey, origin: str, head: Head) -> str:
    """A head as a checkpoint: a note signed by the log."""
    text = Checkpoint(origin, head.size, bytes.fromhex(head.root)).text
    return f"{text}\n{signature_line(origin, text, _ed25519(key))}"


def vkey_of(key: SigningKey, origin: str) -> str:
    """The public key of a log's checkpoints, in the form witnesses need."""
    return verifier(origin, LOG, _ed25519(key)).vkey


def _ed25519(key: SigningKey) -> Ed25519PrivateKey:
    assert isinstance(key.private, Ed25519PrivateKey)  # keys of logs always are
    return key.private


def visitor_name(secret: bytes, visitor_id: str) -> str:
    """A visitor's pseudonym in the log."""
    return to_base64url(hmac.digest(secret, visitor_id.encode(), "sha256")[:NAME_BYTES])


def leaves_of(secret: bytes, at_ms: int, noted: Sequence[str]) -> list[str]:
    """The leaves for what a script noted at one moment; the visitor is the third word there."""
    leaves = []
    for text in noted:
        word, _, rest = text.partition(" ")
        if word in OF_VISITORS:
            number, visitor_id, *more = rest.split(" ")
            rest = " ".join((number, visitor_name(secret, visitor_id), *more))
        leaves.append(f"{at_ms} {word} {rest}")
    return leaves


def read_leaf(text: str) -> Leaf:
    """Parse a leaf. Raises ValueError if it is malformed."""
    at_ms, word, *rest = text.split(" ")
    return Leaf(int(at_ms), word, tuple(rest))


def numbers_in(leaves: Sequence[str]) -> list[int]:
    """The queue numbers given by these leaves."""
    read = (read_leaf(leaf) for leaf in leaves if " joined " in leaf or " drawn " in leaf)
    return [int(it.rest[0]) for it in read if it.rest[0] != "0"]


def signed(key: SigningKey, statement: Head | Receipt) -> str:
    """Sign a head or a receipt, as a JWS."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, **msgspec.to_builtins(statement)}
    token_type = HEAD_TYPE if isinstance(statement, Head) else RECEIPT_TYPE
    return CODEC.encode(claims, key.private, key.algorithm, {"kid": key.kid, "typ": token_type})


def unchecked(statement: str) -> Head:
    """The content of a head of our own, without verification. Raises ValueError if it is malformed."""
    return msgspec.json.decode(from_base64url(statement.split(".")[1]), type=Head)


def read_statement(text: str, keys: dict[str, dict[str, Any]], token_type: str) -> dict[str, Any] | None:
    """Verify a signed statement with these public keys (JWK by `kid`) and return its content; None:
    invalid."""
    try:
        header = jwt.get_unverified_header(text)
        key = jwt.PyJWK(keys[header["kid"]])
        if header.get("typ") != token_type:
            return None
        claims: dict[str, Any] = jwt.decode(text, key, ["EdDSA"], audience=AUDIENCE, issuer=ISSUER)
    except (jwt.PyJWTError, KeyError):
        return None
    return claims
