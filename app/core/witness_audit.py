"""Whether witnesses cosigned a log as it is shown. No I/O.

A witness signs of each log only trees that go on from each other. So what enough of them signed nobody can
have been shown otherwise, unless they are in it together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.core.findings import Finding
from app.core.notes import Checkpoint, Verifier
from app.core.room_log import Head

BEHIND_MS = 60_000  # cosignatures may be so much older than the newest head


class Witnessed(NamedTuple):
    """How many leaves each witness cosigned, by its name, and what is wrong."""

    sizes: dict[str, int]
    findings: list[Finding]


def judge_witnesses(
    said: tuple[str, Mapping[int, Sequence[str]]],
    roots: Mapping[int, bytes],
    heads: Sequence[Head],
    witnesses: Sequence[Verifier],
    quorum: int,
) -> Witnessed:
    """Judge what is `said`: the log's origin, and the cosignatures under heads by size; `roots`: of the trees
    of those sizes, as they are.

    So many of the witnesses (`quorum`) have to have cosigned the log, up to the last minute.
    """
    origin, cosignatures = said
    sizes, wrong = dict.fromkeys((it.name for it in witnesses), 0), list[Finding]()
    for size, lines in cosignatures.items():
        if (root := roots.get(size)) is None:
            continue  # the head of this size is found to be cut off
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
            message = f"fewer than {quorum} witnesses cosigned what is behind leaf {covered}"
            wrong.append(Finding(covered, "unwitnessed", message))
    return Witnessed(sizes, wrong)
