"""Merkle trees, checked against known vectors and a naive implementation of RFC 9162's definitions."""

from __future__ import annotations

import hashlib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.assurance.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    consistency_path,
    includes,
    inclusion_path,
    is_consistent,
    leaf_hash,
    proof,
)

# From the reference tests of the certificate-transparency project: the leaves, and the roots of the trees
# over the first one, two, ... of them.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@cache
def root_of(leaves: tuple[bytes, ...]) -> bytes:
    """MTH of RFC 9162, section 2.1.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = half(len(leaves))
    return hashlib.sha256(b"\x01" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def half(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def path(m: int, leaves: tuple[bytes, ...]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), root_of(leaves[k:])]
    return [*path(m - k, leaves[k:]), root_of(leaves[:k])]


def subproof(m: int, leaves: tuple[bytes, ...], whole: bool) -> list[bytes]:
    """SUBPROOF of section 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [root_of(leaves)]
    k = half(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), root_of(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), root_of(leaves[:k])]


def leaves_of(size: int) -> tuple[bytes, ...]:
    return tuple(str(it).encode() for it in range(size))


def hash_of(node: Node) -> bytes:
    first = node.at << node.level
    return root_of(leaves_of(first + (1 << node.level))[first:])


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    tree = Frontier()
    for leaf in LEAVES[:size]:
        tree.append(leaf_hash(bytes.fromhex(leaf)))
    assert tree.root().hex() == ROOTS[size - 1]


def test_a_known_proof() -> None:
    leaves = tuple(bytes.fromhex(it) for it in LEAVES)

    def known(node: Node) -> bytes:
        return root_of(leaves[node.at << node.level : (node.at + 1) << node.level])

    found = [it.hex() for it in proof(inclusion_path(5, 8), known)]
    assert found == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@given(st.integers(0, 300), st.integers(0, 300))
def test_a_tree_grows_as_it_is_defined_also_when_it_was_stored(size: int, more: int) -> None:
    leaves, tree = leaves_of(size + more), Frontier()
    assert tree.root() == EMPTY_ROOT
    for leaf in leaves[:size]:
        tree.append(leaf_hash(leaf))
    tree = Frontier.of_bytes(size, tree.to_bytes())
    for leaf in leaves[size:]:
        for node, found in tree.append(leaf_hash(leaf)):
            assert found == hash_of(node)
    assert tree.root() == root_of(leaves)


@given(
    st.integers(1, 200).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))), st.data()
)
def test_every_leaf_is_proved_and_no_other(of: tuple[int, int], data: st.DataObject) -> None:
    size, leaf = of
    leaves = leaves_of(size)
    found, root = proof(inclusion_path(leaf, size), hash_of), root_of(leaves)
    assert found == path(leaf, leaves)
    assert includes(leaf_hash(leaves[leaf]), leaf, size, found, root)
    assert not includes(leaf_hash(b"other"), leaf, size, found, root)
    if size > 1:
        assert not includes(leaf_hash(leaves[leaf]), leaf, size, found[:-1], root)
        other = data.draw(st.integers(0, size - 1).filter(lambda it: it != leaf))
        assert not includes(leaf_hash(leaves[leaf]), other, size, found, root)


@given(st.integers(1, 200).flatmap(lambda size: st.tuples(st.integers(1, size), st.just(size))))
def test_every_tree_is_the_beginning_of_later_ones(of: tuple[int, int]) -> None:
    first, second = of
    leaves = leaves_of(second)
    found = proof(consistency_path(first, second), hash_of)
    assert found == subproof(first, leaves, True)
    roots = root_of(leaves[:first]), root_of(leaves)
    assert is_consistent(first, roots[0], second, roots[1], found)
    forged = root_of((*leaves[: first - 1], b"other"))
    assert not is_consistent(first, forged, second, roots[1], found)
    if found:
        assert not is_consistent(first, roots[0], second, roots[1], found[:-1])


@pytest.mark.parametrize(("first", "second"), [(0, 3), (4, 3)])
def test_there_is_no_proof_between_these(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="first size"):
        consistency_path(first, second)
    assert not is_consistent(first, EMPTY_ROOT, second, EMPTY_ROOT, [])


def test_there_is_no_proof_of_a_leaf_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="leaf"):
        inclusion_path(3, 3)
