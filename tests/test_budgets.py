"""Files and functions keep to their budgets or to their recorded exceptions."""

from __future__ import annotations

from tests.support.budgets import measured, recorded


def test_nothing_is_longer_than_its_budget_or_its_record() -> None:
    record = recorded()
    longer = {name: lines for name, lines in measured().items() if lines > record.get(name, 0)}
    assert not longer, f"shorten them, for instance by moving a part into a file of its own: {longer}"


def test_the_record_only_shrinks() -> None:
    now = measured()
    shorter = [name for name, lines in recorded().items() if now.get(name, 0) < lines]
    assert not shorter, f"`python -m tests.support.budgets` records what is shorter now: {shorter}"
