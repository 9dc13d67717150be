"""Merkle trees as in RFC 9162 (section 2.1): roots, inclusion and consistency proofs. No I/O.

A tree has n ordered leaf hashes. Proofs are built from the hashes of complete subtrees (`Node`), so a store
that keeps those can prove facts about a tree of any size, and the nodes needed are known beforehand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_BYTES = 32


class Node(NamedTuple):
    """A complete subtree: the 2^level leaves starting at at * 2^level."""

    level: int
    at: int


Hashes = Callable[[Node], bytes]


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf, which cannot be mistaken for that of a node."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of the parent of two nodes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """An append-only tree, represented by its largest complete subtrees from left to right."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(peaks):
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} peaks, not {len(peaks)}")
        self.size = size
        self.peaks = list(peaks)

    @classmethod
    def of_bytes(cls, size: int, peaks: bytes) -> Frontier:
        """Load a tree stored as the bytes of its peaks."""
        return cls(size, [peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)])

    def append(self, leaf: bytes) -> list[tuple[Node, bytes]]:
        """Append the hash of a leaf; returns the nodes that it completes, the lowest first."""
        completed = []
        level, index, digest = 0, self.size, leaf
        while index & 1:
            digest = node_hash(self.peaks.pop(), digest)
            level, index = level + 1, index >> 1
            completed.append((Node(level, index), digest))
        self.peaks.append(digest)
        self.size += 1
        return completed

    def root(self) -> bytes:
        """The current root."""
        return _joined(self.peaks)

    def to_bytes(self) -> bytes:
        """Its peaks, to be stored beside its size."""
        return b"".join(self.peaks)


def _joined(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees of decreasing size."""
    if not peaks:
        return EMPTY_ROOT
    digest = peaks[-1]
    for peak in reversed(peaks[:-1]):
        digest = node_hash(peak, digest)
    return digest


def nodes_of(first: int, last: int) -> list[Node]:
    """The complete subtrees that make up the subtree of the leaves from `first` up to, not including, `last`.

    `first` is where a subtree of the tree starts, so they get smaller from left to right.
    """
    nodes = []
    while first < last:
        level = (last - first).bit_length() - 1
        nodes.append(Node(level, first >> level))
        first += 1 << level
    return nodes


def inclusion_path(leaf: int, size: int) -> list[list[Node]]:
    """The nodes of a leaf's inclusion proof: for each hash of the proof, those to combine.

    Raises ValueError.
    """
    if not 0 <= leaf < size:
        raise ValueError("a tree of this size does not contain the leaf")
    path = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if leaf < middle:
            path.append(nodes_of(middle, last))
            last = middle
        else:
            path.append(nodes_of(first, middle))
            first = middle
    return path[::-1]


def consistency_path(first_size: int, second_size: int) -> list[list[Node]]:
    """The nodes of the proof that a tree of the second size extends one of the first. Raises ValueError."""
    if not 0 < first_size <= second_size:
        raise ValueError("the first size is not between 1 and the second")
    path = []
    first, last, complete = 0, second_size, True
    while first_size != last:
        middle = first + _split(last - first)
        if first_size <= middle:
            path.append(nodes_of(middle, last))
            last = middle
        else:
            path.append(nodes_of(first, middle))
            first, complete = middle, False
    if not complete:
        path.append(nodes_of(first, last))
    return path[::-1]


def proof(path: Sequence[Sequence[Node]], hashes: Hashes) -> list[bytes]:
    """Compute the hashes of a proof from its path."""
    return [_joined([hashes(node) for node in nodes]) for nodes in path]


def includes(leaf_digest: bytes, leaf: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether an inclusion proof holds (RFC 9162, section 2.1.3.2)."""
    if not 0 <= leaf < size:
        return False
    at, last, digest = leaf, size - 1, leaf_digest
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            digest = node_hash(step, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = node_hash(digest, step)
        at, last = at >> 1, last >> 1
    return last == 0 and digest == root


def is_consistent(
    first_size: int, first_root: bytes, second_size: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether a consistency proof holds (RFC 9162, section 2.1.4.2)."""
    if first_size == second_size:
        return first_root == second_root and not path
    if not 0 < first_size < second_size:
        return False
    steps = list(path) if first_size & (first_size - 1) else [first_root, *path]
    if not steps:
        return False
    at, last = first_size - 1, second_size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, step)
        at, last = at >> 1, last >> 1
    return last == 0 and first == first_root and second == second_root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
