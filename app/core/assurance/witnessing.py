"""How a witness of logs judges a submitted checkpoint (c2sp.org/tlog-witness). No I/O.

A witness remembers the largest tree that it signed of each log, and signs another one only if a consistency
proof shows that it extends that. So its signature never covers two different logs under one name.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from app.core.assurance.merkle import is_consistent
from app.core.assurance.notes import LOG, NOTE_MAX, Checkpoint, Verifier, checkpoint_of, parts_of

PROOF_MAX = 63  # hashes
OF_ROOMS = "/rooms/"  # in our origins; the room follows it
SIZE_TYPE = "text/x.tlog.size"


class SignedTree(msgspec.Struct, frozen=True):
    """The largest tree of a log that a witness signed. `root` is in hex."""

    size: int
    root: str


class Submission(NamedTuple):
    """A checkpoint submitted to a witness, with the proof that it extends the tree of size `old`."""

    old: int
    proof: list[bytes]
    checkpoint: Checkpoint
    text: str
    lines: list[str]


class WitnessRefused(Exception):
    """A witness does not sign; the message says why. With status 409, `size` is the size it signed before."""

    def __init__(self, status: int, why: str, size: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.size = size


def submission_text(old: int, proof: Sequence[bytes], note: str) -> str:
    """Format a submission as a request body."""
    return "".join((f"old {old}\n", *(f"{b64encode(it).decode()}\n" for it in proof), "\n", note))


def read(body: bytes) -> Submission:
    """Parse a submission's request body. Raises WitnessRefused."""
    try:
        head, gap, note = body.decode().partition("\n\n")
        first, *proof = head.split("\n")
        word, _, old = first.partition(" ")
        if len(body) > NOTE_MAX or not gap or word != "old" or str(int(old)) != old or len(proof) > PROOF_MAX:
            raise ValueError("it must start with the old size and a proof")
        text, lines = parts_of(note)
        hashes = [b64decode(it, validate=True) for it in proof]
        return Submission(int(old), hashes, checkpoint_of(text), text, lines)
    except ValueError as error:
        raise WitnessRefused(400, f"the request cannot be read: {error}") from None


def judge(submission: Submission, trusted: Sequence[Verifier], last: SignedTree | None) -> SignedTree:
    """Decide on a submission.

    `last`: the last tree signed of this log. Returns the tree to sign. Raises WitnessRefused.
    """
    checkpoint = submission.checkpoint
    keys = [key for key in trusted if _is_of(key, checkpoint.origin)]
    if not keys:
        raise WitnessRefused(404, f"the log {checkpoint.origin} is not known here")
    verifiers = [Verifier(checkpoint.origin, LOG, key.key) for key in keys]
    if not any(key.signed(submission.text, line) for key in verifiers for line in submission.lines):
        raise WitnessRefused(403, "it is not signed by a key of the log")
    if submission.old > checkpoint.size:
        raise WitnessRefused(400, "the old size is above that of the checkpoint")
    size, root = (last.size, bytes.fromhex(last.root)) if last else (0, b"")
    if submission.old != size:
        raise WitnessRefused(409, f"the last tree that was signed has {size} leaves", size)
    if submission.old == checkpoint.size and size and root != checkpoint.root:
        raise WitnessRefused(409, f"another tree of {size} leaves was signed", size)
    if size == 0 and submission.proof:
        raise WitnessRefused(422, "no tree was signed before, so there must be no proof")
    if size and not is_consistent(size, root, checkpoint.size, checkpoint.root, submission.proof):
        raise WitnessRefused(422, f"it does not extend the tree of {size} leaves that was signed")
    return SignedTree(checkpoint.size, checkpoint.root.hex())


def _is_of(key: Verifier, origin: str) -> bool:
    """Whether a key may sign this log: an installation has one key for all its rooms."""
    host, rooms, _room = key.name.partition(OF_ROOMS)
    return origin == key.name or (bool(rooms) and origin.startswith(host + rooms))
