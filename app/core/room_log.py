"""The public log of a room: what its leaves say, and the statements that are signed about it. No I/O.

A leaf is one line of text: when (ms), a word, and what belongs to it.

    AT began ROOM GENERATION METHOD COMMITMENT   the first, and after a reset; COMMITMENT: of a lottery, or -
    AT set FIELD VALUE                           rate (a minute), burst, active_max, ... as staff set them
    AT lanes SHARE SHARE ...                     of the calls, in percent: the ordinary lane's, lane 1's, ...
    AT state STATE                               opened, paused, closed ... by staff or by the clock
    AT revealed SEED                             of a lottery, at the opening
    AT mixes entries                             before the pre-queue: draws are made with this, too:
    AT mixed ROOT                                the root (hex) of all leaves before this one, at the opening
    AT joined NUMBER VISITOR                     NUMBER 0: in the pre-queue of a lottery
    AT drawn NUMBER VISITOR DRAW                 in the order of the draws
    AT passed NUMBER VISITOR WHY                 tickets or network: was passed over, and is called later
    AT advanced COUNT                            staff call so many by hand: those that follow at this moment
    AT called|claimed|no_show|left NUMBER VISITOR
    AT removed NUMBER VISITOR staff              NUMBER 0: had no place
    AT restored EPOCH LAST SERVING               Redis has the room anew: numbers go on above LAST
    AT lost COUNT                                so many events are not in the log

Behind `joined`, `drawn` and `called` stands the lane, unless it is the ordinary one.

VISITOR is a keyed hash: only a visitor's own receipt says which one is theirs.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple

import jwt
import msgspec

from app.core.base64url import from_base64url, to_base64url
from app.core.signing_key import CODEC, SigningKey

AUDIENCE = "fairgate:log"  # no room has that name, so what is signed here passes as no token
ISSUER = "fairgate"
HEAD_TYPE = "log-head+jwt"
RECEIPT_TYPE = "place-receipt+jwt"
HEAD_EVERY_MS = 10_000  # while the room moves
NAME_BYTES = 16
OF_VISITORS = frozenset(("joined", "drawn", "passed", "called", "claimed", "no_show", "left", "removed"))


class Head(msgspec.Struct, frozen=True):
    """What a signed head says: the tree of `size` leaves has this root (hex)."""

    room_id: str
    size: int
    root: str
    at_ms: int


class Receipt(msgspec.Struct, frozen=True):
    """What a visitor's signed receipt says: that they have, or had, this place in the queue."""

    room_id: str
    generation: str
    visitor_id: str
    visitor: str | None  # their name in the room's log; None: there is no log yet
    state: str
    queue_number: int | None  # None: it is drawn later
    leaf: int | None  # the leaf that says they got their number; None: not in the log yet
    at_ms: int


class Leaf(NamedTuple):
    """A leaf as it is read."""

    at_ms: int
    word: str
    rest: tuple[str, ...]


def visitor_name(secret: bytes, visitor_id: str) -> str:
    """What the log calls a visitor."""
    return to_base64url(hmac.digest(secret, visitor_id.encode(), "sha256")[:NAME_BYTES])


def leaves_of(secret: bytes, at_ms: int, noted: Sequence[str]) -> list[str]:
    """The leaves of what a script noted at one moment; there a visitor is the third word."""
    found = []
    for text in noted:
        word, _, rest = text.partition(" ")
        if word in OF_VISITORS:
            number, visitor_id, *more = rest.split(" ")
            rest = " ".join((number, visitor_name(secret, visitor_id), *more))
        found.append(f"{at_ms} {word} {rest}")
    return found


def read_leaf(text: str) -> Leaf:
    """What a leaf says. Raises ValueError where it is none."""
    at_ms, word, *rest = text.split(" ")
    return Leaf(int(at_ms), word, tuple(rest))


def numbers_given(leaves: Sequence[str]) -> list[int]:
    """The queue numbers that these leaves say were given."""
    found = (read_leaf(leaf) for leaf in leaves if " joined " in leaf or " drawn " in leaf)
    return [int(it.rest[0]) for it in found if it.rest[0] != "0"]


def signed(key: SigningKey, said: Head | Receipt) -> str:
    """What is said as a signed statement, a JWS."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, **msgspec.to_builtins(said)}
    token_type = HEAD_TYPE if isinstance(said, Head) else RECEIPT_TYPE
    return CODEC.encode(claims, key.private, key.algorithm, {"kid": key.kid, "typ": token_type})


def unchecked(statement: str) -> Head:
    """What a head of our own says, as it was signed here. Raises ValueError where it is none."""
    return msgspec.json.decode(from_base64url(statement.split(".")[1]), type=Head)


def read_statement(text: str, keys: dict[str, dict[str, Any]], token_type: str) -> dict[str, Any] | None:
    """What a signed statement says, checked with these public keys (JWK by `kid`); None: it is not good."""
    try:
        header = jwt.get_unverified_header(text)
        key = jwt.PyJWK(keys[header["kid"]])
        if header.get("typ") != token_type:
            return None
        claims: dict[str, Any] = jwt.decode(text, key, ["EdDSA"], audience=AUDIENCE, issuer=ISSUER)
    except (jwt.PyJWTError, KeyError):
        return None
    return claims
