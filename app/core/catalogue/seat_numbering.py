"""Names of rows and seats in a section: letters or numbers, from either side, odd and even."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.core.catalogue.definitions import ROW_SEATS_MAX, NewSection, Numbering
from app.core.errors import ValidationFailed

AISLE = ""  # a position without a seat


class NamedRow(NamedTuple):
    """A row's label, and its positions from left to right: the label of a seat, or an aisle."""

    name: str
    labels: list[str]


def rows_of(new: NewSection, field: str) -> list[NamedRow]:
    """The rows of a section, the front one first. Raises ValidationFailed naming a field below `field`."""
    if not new.blocks and new.seats_per_row is None:
        raise ValidationFailed(f"{field}.seats_per_row", "is required")
    if len(new.blocks) > new.rows:
        raise ValidationFailed(f"{field}.blocks", "has more rows than the section")
    names = _names(new, field)
    rows = [NamedRow(name, _labels(_blocks(new, n), new.numbering)) for n, name in enumerate(names)]
    if any(len(it.labels) > ROW_SEATS_MAX for it in rows):
        raise ValidationFailed(f"{field}.blocks", f"makes a row longer than {ROW_SEATS_MAX} seats")
    return rows


def seats_in(new: NewSection) -> int:
    """The number of seats in a section."""
    return sum(sum(_blocks(new, n)) for n in range(new.rows))


def row_label(number: int) -> str:
    """The label of a row, counting from 0: a, b ... z, aa, ab ..."""
    label = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        label = chr(ord("a") + letter) + label
    return label


def row_index(label: str) -> int:
    """The inverse of `row_label`."""
    number = 0
    for letter in label:
        number = 26 * number + ord(letter) - ord("a") + 1
    return number - 1


def _blocks(new: NewSection, row: int) -> Sequence[int]:
    """The sizes of a row's blocks, from left to right; the last entry applies to all further rows."""
    return new.blocks[min(row, len(new.blocks) - 1)] if new.blocks else [new.seats_per_row or 0]


def _names(new: NewSection, field: str) -> list[str]:
    if not new.row_names:
        return [str(it + 1) if new.naming == "numbers" else row_label(it) for it in range(new.rows)]
    names = [it.lower() for it in new.row_names]
    if len(names) != new.rows or len(set(names)) < len(names):
        raise ValidationFailed(f"{field}.row_names", f"must be {new.rows} different names")
    return names


def _labels(blocks: Sequence[int], numbering: Numbering) -> list[str]:
    each = iter(numbers(sum(blocks), numbering))
    labels: list[str] = []
    for block in blocks:
        labels += [AISLE] if labels else []
        labels += [str(next(each)) for _ in range(block)]
    return labels


def numbers(count: int, numbering: Numbering) -> list[int]:
    """The numbers of a row's seats, from left to right."""
    if numbering == "right":
        return list(range(count, 0, -1))
    if numbering in ("odd", "even"):
        return [2 * it + (1 if numbering == "odd" else 2) for it in range(count)]
    if numbering == "outwards":
        left = (count + 1) // 2
        return [*(2 * it - 1 for it in range(left, 0, -1)), *(2 * it for it in range(1, count - left + 1))]
    return list(range(1, count + 1))
