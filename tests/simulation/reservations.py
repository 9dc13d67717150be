"""The life of a reservation: a wish, a hold in Redis, a row in Postgres; tickets and codes are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from load.judging.books import Count, OwnedTickets
from tests.simulation.steps import UNBATCHED


class Wish(NamedTuple):
    """A submission: who wants what, under which id."""

    reservation_id: str
    visitor: str
    items: tuple[tuple[str, int], ...]
    code: str = ""

    @property
    def quantity(self) -> int:
        """Tickets in total."""
        return sum(count for _, count in self.items)


@dataclass(frozen=True)
class Hold:
    """Tickets set aside in Redis."""

    wish: Wish
    expires_ms: int
    sold: bool = False


@dataclass(frozen=True)
class Row:
    """A reservation in Postgres."""

    wish: Wish
    expires_ms: int
    status: str = "held"
    released: bool = False


class DecidedBatch(NamedTuple):
    """A batch as decided by Redis."""

    epoch: int
    decisions: list[tuple[int, Wish, str, int]]  # message, wish, word, expires_ms


def read_order(message: tuple[int, Wish]) -> bool:
    """The order in which messages are read from the two streams, one after the other."""
    return message[1].visitor not in UNBATCHED


def uses(owned: Iterable[OwnedTickets]) -> Counter[str]:
    """The number of orders each code was used in."""
    return Counter(it.code for it in owned if it.code)


def counts_of(totals: dict[str, int], owned: Iterable[OwnedTickets]) -> dict[str, Count]:
    """The tickets of each type: total, free, held and sold."""
    held, sold = Counter[str](), Counter[str]()
    for it in owned:
        (sold if it.sold else held).update(it.items)
    return {
        kind: Count(total, total - held[kind] - sold[kind], held[kind], sold[kind])
        for kind, total in totals.items()
    }
