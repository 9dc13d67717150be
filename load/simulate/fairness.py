"""Kendall's tau: how well the order of admission keeps the order of arrival."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import islice
from operator import lt


def kendall_tau(order: Sequence[int]) -> float:
    """Kendall's tau of a permutation of 0 to n - 1: concordant minus discordant pairs, as a share of all; 1:
    in order.

    O(n log n): pairs in the wrong order are counted with a Fenwick tree (Fenwick 1994). 1 for fewer than two.
    """
    count = len(order)
    if count < 2:
        return 1.0
    return 1.0 - 4.0 * inversions(order) / (count * (count - 1))


def inversions(order: Sequence[int]) -> int:
    """Count the pairs in the wrong order in a permutation of 0 to n - 1."""
    count = len(order)
    if all(map(lt, order, islice(order, 1, None))):  # the fair case; otherwise a million take seconds
        return 0
    tree, found, highest = array("q", bytes(8 * (count + 1))), 0, -1
    for seen, value in enumerate(order):
        if value > highest:  # after all before it, which holds for everybody in a fair queue
            highest = value
        else:
            found += seen - _sum(tree, value + 1)
        at = value + 1
        while at <= count:
            tree[at] += 1
            at += at & -at
    return found


def _sum(tree: array[int], at: int) -> int:
    """How many values below `at` have been seen."""
    total = 0
    while at:
        total += tree[at]
        at &= at - 1
    return total


def ranks(order: Sequence[int], of: int) -> array[int]:
    """The same order as a permutation of 0 to n - 1, where some of the numbers 0 to `of` - 1 are missing."""
    place = array("q", bytes(8 * of))
    for value in order:
        place[value] = 1
    rank = 0
    for value in range(of):
        place[value], rank = rank, rank + place[value]
    return array("q", (place[value] for value in order))
