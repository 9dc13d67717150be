"""The audit of an exported log: its signed heads, and the queue it records. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.core.assurance.beacon import QUICKNET, Chain
from app.core.assurance.draw_beacon import judge_beacon
from app.core.assurance.draw_mixing import judge_mixing, mixed_roots
from app.core.assurance.fairness import judge
from app.core.assurance.findings import Action, Finding
from app.core.assurance.merkle import Frontier, leaf_hash
from app.core.assurance.notes import Verifier
from app.core.assurance.room_log import HEAD_TYPE, Head, log_id, read_statement
from app.core.assurance.witness_audit import judge_witnesses


class Export(msgspec.Struct, frozen=True):
    """A room's complete public log: what `fairgate audit --save` writes, and all that an audit needs."""

    room_id: str
    keys: list[dict[str, Any]]  # public keys, JWK
    heads: list[str]  # signed statements, the smallest tree first
    entries: list[str]
    origin: str = ""  # the log's name in checkpoints
    cosignatures: dict[int, list[str]] = {}  # of witnesses under heads, by size


class Verdict(msgspec.Struct, frozen=True):
    """The result of an audit; fair: no findings. `signed` leaves are covered by a head."""

    room_id: str
    fair: bool
    leaves: int
    signed: int
    heads: int
    root: str
    findings: list[Finding]
    actions: list[Action]  # of staff, the autopilot and the clock
    counts: dict[str, int]  # leaves by kind
    draw: list[Action] = []  # notes on the entropy of its draw
    witnesses: dict[str, int] = {}  # by name: how many leaves each of the given witnesses cosigned


def audit(
    export: Export,
    chains: Sequence[Chain] = (QUICKNET,),
    witnesses: Sequence[Verifier] = (),
    quorum: int = 0,
) -> Verdict:
    """Audit a log, trusting only these beacon chains, and `quorum` (0: all) of these witnesses."""
    heads = [it for it in _said(export) if it]
    sizes = {it.size for it in heads} | set(mixed_roots(export.entries)) | set(export.cosignatures)
    roots, root = _roots(export.entries, sizes)
    wrong, signed = _heads(export, roots)
    wrong += judge_mixing(export.entries, roots)
    draw = judge_beacon(export.entries, heads, chains)
    witnessed = judge_witnesses(
        (export.origin, export.cosignatures), roots, heads, witnesses, quorum or len(witnesses)
    )
    queue = judge(export.entries)
    if export.entries and export.entries[0].split(" ")[1:3] != ["began", export.room_id]:
        wrong.append(Finding(0, "other_room", f"the log does not start as that of {export.room_id}"))
    if witnesses and export.entries and export.origin.split("/")[-1] != log_id(export.entries[0]):
        wrong.append(Finding(0, "other_room", f"the log is not the one named {export.origin}"))
    findings = wrong + draw.findings + witnessed.findings + queue.findings
    return Verdict(
        export.room_id,
        not findings,
        len(export.entries),
        signed,
        len(export.heads),
        root.hex(),
        findings,
        queue.actions,
        dict(queue.counts),
        draw.notes,
        witnessed.sizes,
    )


def _said(export: Export) -> list[Head | None]:
    """The content of the heads; None where the signature is invalid."""
    keys = {str(it.get("kid")): it for it in export.keys}
    statements = (read_statement(it, keys, HEAD_TYPE) for it in export.heads)
    return [msgspec.convert(it, Head) if it else None for it in statements]


def _roots(leaves: list[str], sizes: set[int]) -> tuple[dict[int, bytes], bytes]:
    """The roots of the trees of these sizes, and of the whole."""
    tree, roots = Frontier(), {}
    for leaf in leaves:
        tree.append(leaf_hash(leaf.encode()))
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return roots, tree.root()


def _heads(export: Export, roots: dict[int, bytes]) -> tuple[list[Finding], int]:
    """The faults of the heads, and how many leaves they cover."""
    wrong, signed, at_ms = [], 0, 0
    for head in _said(export):
        if head is None:
            wrong.append(
                Finding(signed, "signature", f"the head after leaf {signed} is not signed by the keys")
            )
            continue
        if head.room_id != export.room_id:
            wrong.append(
                Finding(head.size, "other_room", f"a head of {head.size} leaves belongs to {head.room_id}")
            )
        elif head.size > len(export.entries):
            message = f"a head was signed over {head.size} leaves, but there are only {len(export.entries)}"
            wrong.append(Finding(head.size, "cut_off", message))
        elif roots[head.size].hex() != head.root:
            message = f"the first {head.size} leaves are not those that were signed"
            wrong.append(Finding(head.size, "rewritten", message))
        if head.at_ms < at_ms or head.size < signed:
            wrong.append(
                Finding(head.size, "head_order", f"the head of {head.size} leaves is older than one before")
            )
        signed, at_ms = max(signed, head.size), max(at_ms, head.at_ms)
    return wrong, signed
