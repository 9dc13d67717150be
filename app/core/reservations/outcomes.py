"""Outcomes of submissions, as scripts and stores encode them; these strings are read and written only here.

- `held|TERMS` for a hold (`core/reservations/terms.py`);
- `WORD|VISITOR` or `WORD|VISITOR|DETAIL` for a refusal, `WORD` alone for an immediate one;
- `pending|VISITOR` while undecided;
- FINGERPRINT|OUTCOME in the hash of outcomes.
"""

from __future__ import annotations

from typing import NamedTuple

HELD = "held|"
PENDING = "pending"


class Outcome(NamedTuple):
    """A refusal, or an undecided submission. `detail`: the seats taken, or what is not on sale."""

    word: str
    visitor_id: str
    detail: str


def held_outcome(terms: str) -> str:
    """The outcome of a granted request."""
    return HELD + terms


def terms_granted(outcome: str) -> str | None:
    """The terms in an outcome; None if it is a refusal."""
    return outcome[len(HELD) :] if outcome.startswith(HELD) else None


def refused_outcome(word: str, visitor_id: str, detail: str = "") -> str:
    """The outcome of a refused request."""
    return f"{word}|{visitor_id}|{detail}" if detail else f"{word}|{visitor_id}"


def read_outcome(outcome: str) -> Outcome:
    """Parse an outcome other than a grant."""
    word, _, rest = outcome.partition("|")
    visitor_id, _, detail = rest.partition("|")
    return Outcome(word, visitor_id, detail)


def outcome_entry(fingerprint: str, outcome: str) -> str:
    """A submission's entry in the hash of outcomes."""
    return f"{fingerprint}|{outcome}"


def outcome_in(text: str) -> str:
    """The outcome in an entry of the hash of outcomes."""
    return text.partition("|")[2]
