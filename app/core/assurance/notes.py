"""Signed notes, checkpoints of logs, and witnesses' cosignatures, as specified by C2SP. No I/O.

A note is text, an empty line, and a line for each signature (c2sp.org/signed-note). A checkpoint is a note
with the log's name (its origin), its number of leaves and the root of its tree (c2sp.org/tlog-checkpoint). A
witness cosigns it, with the time, if the tree extends the one it cosigned before (c2sp.org/tlog-cosignature,
`cosignature/v1`). Keys are Ed25519, and are written as a `vkey`.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LOG, COSIGNER = 1, 4  # types of keys: signing the text itself, and `cosignature/v1` with the time
KEY_BYTES, ID_BYTES, TIME_BYTES = 32, 4, 8
NOTE_MAX = 64 * 1024  # characters
SIGNATURES_MAX = 64
SIZE_MAX = 1 << 52
DASH = "\N{EM DASH} "


class Verifier(NamedTuple):
    """A named public key. `kind`: LOG or COSIGNER."""

    name: str
    kind: int
    key: bytes

    @property
    def key_id(self) -> bytes:
        """The key's id, with which signatures in lines start."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.key).digest()[:ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key as one line of text."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.key).decode()}"

    def signature_in(self, line: str) -> bytes | None:
        """The unverified signature of this key in a line; None if the line is another key's."""
        if not line.startswith(f"{DASH}{self.name} "):
            return None
        try:
            signature = b64decode(line.rpartition(" ")[2], validate=True)
        except ValueError:
            return None
        return signature[ID_BYTES:] if signature[:ID_BYTES] == self.key_id else None

    def signed(self, text: str, line: str) -> bool:
        """Whether a line is this log's valid signature of a text."""
        signature = self.signature_in(line)
        return signature is not None and self._is_good(signature, text.encode())

    def cosigned_at(self, text: str, line: str) -> int | None:
        """When (Unix s) this witness cosigned a text; None if the line is not its valid cosignature."""
        signature = self.signature_in(line)
        if signature is None or len(signature) <= TIME_BYTES:
            return None
        at = int.from_bytes(signature[:TIME_BYTES])
        return at if self._is_good(signature[TIME_BYTES:], _cosigned(text, at)) else None

    def _is_good(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Checkpoint(NamedTuple):
    """The content of a checkpoint."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The signed text."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def verifier_of(vkey: str) -> Verifier:
    """Parse a `vkey`. Raises ValueError."""
    name, _, rest = vkey.partition("+")
    key_id, _, text = rest.partition("+")
    key = b64decode(text, validate=True)
    verifier = Verifier(name, key[0] if key else 0, key[1:])
    if not name or any(it.isspace() for it in name) or len(verifier.key) != KEY_BYTES:
        raise ValueError("a vkey is NAME+ID+KEY")
    if verifier.kind not in (LOG, COSIGNER):
        raise ValueError("its key is neither Ed25519 nor that of a witness (cosignature/v1)")
    if verifier.key_id.hex() != key_id.lower():
        raise ValueError("its ID does not match its name and key")
    return verifier


def verifier(name: str, kind: int, private: Ed25519PrivateKey) -> Verifier:
    """The verifier of a private key."""
    return Verifier(name, kind, private.public_key().public_bytes_raw())


def signature_line(name: str, text: str, private: Ed25519PrivateKey) -> str:
    """Sign a text as a log. Returns the signature line."""
    its = verifier(name, LOG, private)
    return f"{DASH}{name} {b64encode(its.key_id + private.sign(text.encode())).decode()}\n"


def cosignature_line(name: str, text: str, private: Ed25519PrivateKey, at_s: int) -> str:
    """Cosign a checkpoint's text as a witness, at this time (Unix s). Returns the signature line."""
    its = verifier(name, COSIGNER, private)
    signed = at_s.to_bytes(TIME_BYTES) + private.sign(_cosigned(text, at_s))
    return f"{DASH}{name} {b64encode(its.key_id + signed).decode()}\n"


def parts_of(note: str) -> tuple[str, list[str]]:
    """Split a note into its text and its signature lines. Raises ValueError."""
    text, gap, rest = note.rpartition("\n\n")
    lines = rest.removesuffix("\n").split("\n")
    if len(note) > NOTE_MAX or not gap or not rest.endswith("\n") or len(lines) > SIGNATURES_MAX:
        raise ValueError("it is not a note: a text, an empty line, signatures")
    if any(not it.startswith(DASH) for it in lines) or any(it < " " and it != "\n" for it in note):
        raise ValueError("the lines below the empty line are not signatures")
    return f"{text}\n", lines


def checkpoint_of(text: str) -> Checkpoint:
    """Parse the text of a checkpoint. Raises ValueError."""
    origin, size, root, *_more = text.split("\n")
    digest = b64decode(root, validate=True)
    if not origin or not size.isascii() or not size.isdecimal() or str(int(size)) != size:
        raise ValueError("a checkpoint is an origin, a size and a root, one per line")
    if len(digest) != KEY_BYTES or int(size) > SIZE_MAX:
        raise ValueError("its root is not a SHA-256, or its size is too large")
    return Checkpoint(origin, int(size), digest)


def _cosigned(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()
