"""Outcomes of submissions, as scripts and stores keep them: strings that are read and written here alone.

- `held|TERMS` for a hold (`core/terms.py`);
- `WORD|VISITOR` or `WORD|VISITOR|DETAIL` for a refusal, `WORD` alone where it was answered at once;
- `pending|VISITOR` while nothing is decided;
- the hash of outcomes has FINGERPRINT|OUTCOME.
"""

from __future__ import annotations

from typing import NamedTuple

HELD = "held|"
PENDING = "pending"


class Outcome(NamedTuple):
    """A refusal, or that nothing is decided yet. `detail`: the seats taken, or what is not on sale."""

    word: str
    visitor_id: str
    detail: str


def held_outcome(terms: str) -> str:
    """The outcome of a request that was granted."""
    return HELD + terms


def terms_granted(outcome: str) -> str | None:
    """The terms in an outcome; None when it is a refusal."""
    return outcome[len(HELD) :] if outcome.startswith(HELD) else None


def refused_outcome(word: str, visitor_id: str, detail: str = "") -> str:
    """The outcome of a request that was refused."""
    return f"{word}|{visitor_id}|{detail}" if detail else f"{word}|{visitor_id}"


def read_outcome(outcome: str) -> Outcome:
    """Read an outcome that grants nothing."""
    word, _, rest = outcome.partition("|")
    visitor_id, _, detail = rest.partition("|")
    return Outcome(word, visitor_id, detail)


def known_text(fingerprint: str, outcome: str) -> str:
    """What the hash of outcomes has for a submission."""
    return f"{fingerprint}|{outcome}"


def outcome_known(text: str) -> str:
    """The outcome in an entry of the hash of outcomes."""
    return text.partition("|")[2]
