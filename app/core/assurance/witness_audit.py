"""Audits whether witnesses cosigned a log as presented. No I/O.

A witness cosigns only trees of a log that extend each other. So unless the witnesses collude, nobody can have
been shown another version of what enough of them cosigned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.core.assurance.findings import Finding
from app.core.assurance.notes import Checkpoint, Verifier
from app.core.assurance.room_log import Head

BEHIND_MS = 60_000  # how much older than the newest head the newest cosigned one may be


class WitnessFindings(NamedTuple):
    """How many leaves each witness cosigned, by name, and the faults found."""

    sizes: dict[str, int]
    findings: list[Finding]


def judge_witnesses(
    witnessed: tuple[str, Mapping[int, Sequence[str]]],
    roots: Mapping[int, bytes],
    heads: Sequence[Head],
    witnesses: Sequence[Verifier],
    quorum: int,
) -> WitnessFindings:
    """Check cosignatures. `witnessed`: the log's origin, and by size the cosignature lines under its heads;
    `roots`: the actual roots of the trees of those sizes.

    At least `quorum` of the witnesses must have cosigned the log up to its last minute.
    """
    origin, cosignatures = witnessed
    sizes, wrong = dict.fromkeys((it.name for it in witnesses), 0), list[Finding]()
    for size, lines in cosignatures.items():
        if (root := roots.get(size)) is None:
            continue  # the tree is smaller; the audit of heads reports that
        text = Checkpoint(origin, size, root).text
        for witness in witnesses:
            its = [line for line in lines if witness.signature_in(line) is not None]
            if any(witness.cosigned_at(text, line) is not None for line in its):
                sizes[witness.name] = max(sizes[witness.name], size)
            elif its:
                wrong.append(
                    Finding(size, "cosignature", f"{witness.name} did not cosign these {size} leaves")
                )
    if witnesses and heads:
        covered = sorted(sizes.values(), reverse=True)[min(quorum, len(sizes)) - 1]
        at_ms = max((it.at_ms for it in heads if it.size <= covered), default=0)
        if max(it.at_ms for it in heads) - at_ms > BEHIND_MS:
            message = f"fewer than {quorum} witnesses cosigned the log after leaf {covered}"
            wrong.append(Finding(covered, "unwitnessed", message))
    return WitnessFindings(sizes, wrong)
