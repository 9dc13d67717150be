"""Signed notes, checkpoints and cosignatures as C2SP specifies them, and what a witness signs."""

from __future__ import annotations

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.core.assurance.merkle import Frontier, Node, consistency_path, leaf_hash, node_hash, proof
from app.core.assurance.notes import (
    COSIGNER,
    DASH,
    LOG,
    NOTE_MAX,
    SIGNATURES_MAX,
    SIZE_MAX,
    Checkpoint,
    Verifier,
    checkpoint_of,
    cosignature_line,
    parts_of,
    signature_line,
    verifier,
    verifier_of,
)
from app.core.assurance.witnessing import SignedTree, WitnessRefused, judge, read, submission_text

# A head of Go's checksum database as it is served, and its published key.
GO = (
    "go.sum database tree\n63096908\n8lHrQPRYe4KT4WQ9/Qk8/taKnD6IRHbFgfN7vQE2Y54=\n\n"
    "— sum.golang.org Az3gri/oVBN1jAhNZ/iS+W31psFAWRT20/GyrhpU6taFwulQGetBkH5S7wpGXdS935jiIGiUUAXBVHzT/"
    "P6fYhqAmAk=\n"
)
GO_KEY = verifier_of("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
ORIGIN = "tickets.example/rooms/hall/0011"
TRUSTED = [verifier(ORIGIN, LOG, KEY)]
LEAVES = [leaf_hash(str(it).encode()) for it in range(20)]


def test_a_published_head_is_genuine_and_a_changed_one_is_not() -> None:
    text, [line] = parts_of(GO)
    assert GO_KEY.signed(text, line)
    assert not GO_KEY.signed(text.replace("63096908", "63096909"), line)
    assert checkpoint_of(text).size == 63_096_908
    assert checkpoint_of(text).text == text


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+033de0ae+AAAA",
        GO_KEY.vkey.replace("033d", "033e"),
        GO_KEY.vkey.replace("sum.", "sum "),
        Verifier(GO_KEY.name, 2, GO_KEY.key).vkey,  # ECDSA
    ],
)
def test_what_is_no_key_is_refused(vkey: str) -> None:
    with pytest.raises(ValueError, match=r"vkey|ID|base64|padding|Ed25519"):
        verifier_of(vkey)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GO.removesuffix("\n"), "not a note"),
        (GO.replace("\n\n", "\n"), "not a note"),
        (GO + GO.rpartition("\n\n")[2] * SIGNATURES_MAX, "not a note"),
        ("x" * NOTE_MAX + GO, "not a note"),
        (GO.replace(DASH, "- "), "not signatures"),
        (GO.replace("database", "data\tbase"), "not signatures"),
    ],
    ids=("cut off", "no gap", "too many signatures", "too long", "other lines", "a tab"),
)
def test_what_is_no_note_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parts_of(text)


@pytest.mark.parametrize(
    ("size", "digest", "why"),
    [
        ("007", b"r" * 32, "one per line"),
        ("1", b"r" * 31, "not a SHA-256"),
        (str(SIZE_MAX + 1), b"r" * 32, "too large"),
    ],
)
def test_what_is_no_checkpoint_is_refused(size: str, digest: bytes, why: str) -> None:
    text = f"{ORIGIN}\n{size}\n{b64encode(digest).decode()}\n"
    with pytest.raises(ValueError, match=why):
        checkpoint_of(text)


@pytest.mark.parametrize("signature", ["", "not base64!", "AAAA", b64encode(GO_KEY.key_id).decode()])
def test_a_line_that_is_no_signature_of_a_key_is_none_of_its(signature: str) -> None:
    line = f"{DASH}{GO_KEY.name} {signature}"
    assert not GO_KEY.signed("text\n", line)
    assert GO_KEY.cosigned_at("text\n", line) is None


def root(size: int, leaves: list[bytes] = LEAVES) -> bytes:
    tree = Frontier()
    for it in leaves[:size]:
        tree.append(it)
    return tree.root()


def path(first: int, second: int) -> list[bytes]:
    def hashes(node: Node) -> bytes:
        if node.level == 0:
            return LEAVES[node.at]
        below = node.level - 1
        return node_hash(hashes(Node(below, 2 * node.at)), hashes(Node(below, 2 * node.at + 1)))

    return proof(consistency_path(first, second), hashes) if 0 < first < second else []


def note(size: int, key: Ed25519PrivateKey = KEY, origin: str = ORIGIN, digest: bytes | None = None) -> str:
    text = Checkpoint(origin, size, digest or root(size)).text
    return f"{text}\n{signature_line(origin, text, key)}"


def status(body: str, last: SignedTree | None = None) -> tuple[int, int | None]:
    """The witness's HTTP status, and the size it reports."""
    try:
        judge(read(body.encode()), TRUSTED, last)
    except WitnessRefused as refusal:
        return refusal.status, refusal.size
    return 200, None


TEN = SignedTree(10, root(10).hex())


def test_a_witness_signs_what_goes_on_from_what_it_signed() -> None:
    assert status(submission_text(0, [], note(10))) == (200, None)
    assert status(submission_text(10, path(10, 20), note(20)), TEN) == (200, None)
    assert status(submission_text(10, [], note(10)), TEN) == (200, None)
    other = note(3, origin="tickets.example/rooms/club/2233")
    assert status(submission_text(0, [], other)) == (200, None)  # another room of the same installation


FORK = root(20, [*LEAVES[:9], leaf_hash(b"another"), *LEAVES[10:]])


@pytest.mark.parametrize(
    ("body", "answered"),
    [
        ("", (400, None)),
        (note(20), (400, None)),
        (submission_text(21, [], note(20)), (400, None)),
        (submission_text(10, [b"x" * 32] * 64, note(20)), (400, None)),
        (submission_text(10, [], note(20).replace("20\n", "020\n")), (400, None)),
        (submission_text(10, path(10, 20), note(20, origin="other.example/rooms/hall/0011")), (404, None)),
        (submission_text(10, path(10, 20), note(20, key=OTHER)), (403, None)),
        (submission_text(0, [], note(20)), (409, 10)),
        (submission_text(9, path(9, 20), note(20)), (409, 10)),
        (submission_text(5, [], note(5)), (409, 10)),
        (submission_text(10, [], note(10, digest=b"f" * 32)), (409, 10)),  # a fork
        (submission_text(10, path(10, 20), note(20, digest=FORK)), (422, None)),  # a fork
        (submission_text(10, path(10, 20)[:-1], note(20)), (422, None)),
    ],
)
def test_a_witness_refuses_the_rest(body: str, answered: tuple[int, int | None]) -> None:
    assert status(body, TEN) == answered


def test_a_cosignature_is_of_one_checkpoint_one_time_and_one_key() -> None:
    text = Checkpoint(ORIGIN, 10, root(10)).text
    line = cosignature_line("paper.example/w1", text, OTHER, 1_700_000_000).rstrip()
    key = verifier("paper.example/w1", COSIGNER, OTHER)
    assert key.cosigned_at(text, line) == 1_700_000_000
    assert key.cosigned_at(Checkpoint(ORIGIN, 11, root(10)).text, line) is None
    assert verifier("paper.example/w2", COSIGNER, OTHER).cosigned_at(text, line) is None
    assert verifier("paper.example/w1", COSIGNER, KEY).cosigned_at(text, line) is None
