"""What a witness of logs does with a checkpoint that it is sent (c2sp.org/tlog-witness). No I/O.

It keeps of each log the largest tree that it signed. Another is signed if it goes on from that, which a
consistency proof shows: so nobody can be shown two different logs under the same name with its signature.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from app.core.merkle import is_consistent
from app.core.notes import LOG, NOTE_MAX, Checkpoint, Verifier, checkpoint_of, parts_of

PROOF_MAX = 63  # hashes
OF_ROOMS = "/rooms/"  # in an origin of ours: behind it is the room
SIZE_TYPE = "text/x.tlog.size"


class Signed(msgspec.Struct, frozen=True):
    """The largest tree of a log that a witness signed; its root in hex."""

    size: int
    root: str


class Submission(NamedTuple):
    """A checkpoint as it is sent to a witness, and the proof that it goes on from a tree of the old size."""

    old: int
    proof: list[bytes]
    checkpoint: Checkpoint
    text: str
    lines: list[str]


class Refused(Exception):
    """A witness does not sign; the message says why. Of 409 `size` is what it signed before."""

    def __init__(self, status: int, why: str, size: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.size = size


def written(old: int, proof: Sequence[bytes], note: str) -> str:
    """A submission as it is sent."""
    return "".join((f"old {old}\n", *(f"{b64encode(it).decode()}\n" for it in proof), "\n", note))


def read(body: bytes) -> Submission:
    """A submission that was sent. Raises Refused."""
    try:
        head, gap, note = body.decode().partition("\n\n")
        first, *proof = head.split("\n")
        word, _, old = first.partition(" ")
        if len(body) > NOTE_MAX or not gap or word != "old" or str(int(old)) != old or len(proof) > PROOF_MAX:
            raise ValueError("it begins with the old size and a proof")
        text, lines = parts_of(note)
        hashes = [b64decode(it, validate=True) for it in proof]
        return Submission(int(old), hashes, checkpoint_of(text), text, lines)
    except ValueError as error:
        raise Refused(400, f"the request cannot be read: {error}") from None


def judge(it: Submission, trusted: Sequence[Verifier], last: Signed | None) -> Signed:
    """The tree that may be signed, after the last one of this log. Raises Refused."""
    checkpoint = it.checkpoint
    keys = [key for key in trusted if _is_of(key, checkpoint.origin)]
    if not keys:
        raise Refused(404, f"the log {checkpoint.origin} is not known here")
    verifiers = [Verifier(checkpoint.origin, LOG, key.key) for key in keys]
    if not any(key.signed(it.text, line) for key in verifiers for line in it.lines):
        raise Refused(403, "it is not signed by a key of the log")
    if it.old > checkpoint.size:
        raise Refused(400, "the old size is above that of the checkpoint")
    size, root = (last.size, bytes.fromhex(last.root)) if last else (0, b"")
    if it.old != size:
        raise Refused(409, f"the last tree that was signed has {size} leaves", size)
    if it.old == checkpoint.size and size and root != checkpoint.root:
        raise Refused(409, f"another tree of {size} leaves was signed", size)
    if size == 0 and it.proof:
        raise Refused(422, "there is nothing that a proof could be of")
    if size and not is_consistent(size, root, checkpoint.size, checkpoint.root, it.proof):
        raise Refused(422, f"it does not go on from the tree of {size} leaves that was signed")
    return Signed(checkpoint.size, checkpoint.root.hex())


def _is_of(key: Verifier, origin: str) -> bool:
    """Whether a key signs this log: the key of one room is its installation's, for all rooms there."""
    host, rooms, _room = key.name.partition(OF_ROOMS)
    return origin == key.name or (bool(rooms) and origin.startswith(host + rooms))
