"""The order of a room in parts, decided by the product's own scripts, at 50,000 joins per second."""

from __future__ import annotations

import pytest

from load.judging.fair_order import TAU_LEAST, Order, inversions, measure, tau
from tests.support.builders import KEYS, NOW, Client
from tests.support.parts import a_room_in_parts


async def test_ten_million_are_in_the_order_in_which_they_came(redis: Client) -> None:
    await a_room_in_parts(redis)
    found = await measure(redis, KEYS, fans=50_000, joins_per_s=50_000, now_ms=NOW, seed=7)
    assert found.inversions > 0
    assert found.tau_of_millions >= TAU_LEAST, found


@pytest.mark.parametrize(("numbers", "pairs"), [([1, 2, 3], 0), ([3, 2, 1], 3), ([2, 1, 4, 3], 2)])
def test_pairs_in_the_other_order_are_counted(numbers: list[int], pairs: int) -> None:
    assert inversions(numbers) == pairs
    assert inversions(numbers) == sum(a > b for i, a in enumerate(numbers) for b in numbers[i + 1 :])


def test_tau_is_one_for_the_same_order_and_minus_one_for_the_reverse() -> None:
    assert (tau(0, 5), tau(10, 5)) == (1, -1)
    assert Order(100, 4_950).tau == -1
