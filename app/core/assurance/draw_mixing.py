"""Checks that a log mixed its own root into the draw, as announced. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.core.assurance.findings import Finding

LATE = "the draw's entropy was announced after people had joined"
UNANNOUNCED = "entropy was added to the draw unannounced, twice or too late"
MISSING = "the draw was not mixed with the log as announced"


def mixed_roots(entries: Sequence[str]) -> dict[int, str]:
    """The roots (hex) mixed into draws, each by the index of its leaf: the root of all leaves before it."""
    leaves = ((at, it.split(" ")) for at, it in enumerate(entries) if " mixed " in it)
    return {at: it[2] for at, it in leaves if it[1] == "mixed"}


def judge_mixing(entries: Sequence[str], roots: Mapping[int, bytes]) -> list[Finding]:
    """Everything wrong with the mixing; `roots`: the actual roots of the trees of `mixed_roots`."""
    findings, entrants = [], set[str]()
    promised = done = drawn = False
    for at, entry in enumerate(entries):
        _at_ms, word, *rest = (*entry.split(" "), "", "", "")
        wrong = ""
        if word == "began":
            promised, done, drawn, entrants = False, False, False, set()
        elif word == "joined" and rest[0] == "0":
            entrants.add(rest[1])
        elif word in ("left", "removed"):
            entrants.discard(rest[1])
        elif word == "mixes" and rest[0] == "entries":
            wrong, promised = (LATE if entrants and not promised else ""), True
        elif word == "mixed":
            wrong, done = ("" if promised and not done and not drawn else UNANNOUNCED), True
            if roots.get(at, b"").hex() != rest[0]:
                findings.append(
                    Finding(at, "draw_root", "the draw was not mixed with the leaves before this one")
                )
        elif word == "drawn":
            wrong, drawn = (MISSING if promised and not done and not drawn else ""), True
            entrants.discard(rest[1])
        if wrong:
            findings.append(Finding(at, "draw_mix", wrong))
    return findings
