"""Checks that a visitor's receipt is genuine, and that the room's log has its place. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.core.assurance.beacon import randomness_of
from app.core.assurance.log_audit import Export
from app.core.assurance.room_log import RECEIPT_TYPE, Receipt, read_statement
from app.core.waiting_room import rules

GIVES_NUMBER = ("joined", "drawn")


class KeptReceipt(msgspec.Struct, frozen=True):
    """A receipt as visitors keep it: its content, the signed statement, and the signing key (JWK)."""

    receipt: Receipt
    statement: str
    key: dict[str, Any]


class ReceiptVerdict(msgspec.Struct, frozen=True):
    """The result. `in_log`: None without a log, or for a receipt older than the place's entry in the log."""

    receipt: Receipt
    problems: list[str]
    in_log: bool | None
    leaf: int | None


def audit_receipt(stored: KeptReceipt, export: Export | None) -> ReceiptVerdict:
    """Judge a receipt: by the log's keys if there is a log, otherwise by the key inside the receipt."""
    keys = {str(it.get("kid")): it for it in (export.keys if export else [stored.key])}
    claims = read_statement(stored.statement, keys, RECEIPT_TYPE)
    try:
        receipt = msgspec.convert(claims, Receipt)
    except msgspec.ValidationError:
        where = "of the log" if export else "in it"
        return ReceiptVerdict(stored.receipt, [f"it is not signed by the key {where}"], None, None)
    problems = [] if receipt == stored.receipt else ["its content is not what was signed"]
    if export is None:
        return ReceiptVerdict(receipt, problems, None, None)
    if export.room_id != receipt.room_id:
        other = f"it is for the room {receipt.room_id}, but the log is that of {export.room_id}"
        return ReceiptVerdict(receipt, [*problems, other], None, None)
    leaf = receipt.leaf if receipt.leaf is not None else _leaf_of(export.entries, receipt.visitor)
    if leaf is None:
        return ReceiptVerdict(receipt, problems, None, None)
    wrong = _wrong(export.entries, leaf, receipt)
    return ReceiptVerdict(receipt, problems + wrong, not wrong, leaf)


def _leaf_of(entries: Sequence[str], visitor: str | None) -> int | None:
    """The leaf in which the log gave this visitor a place."""
    if visitor is None:
        return None
    places = (entry.split(" ")[1:4] for entry in entries)
    return next((at for at, it in enumerate(places) if it[0] in GIVES_NUMBER and it[-1] == visitor), None)


def _wrong(entries: Sequence[str], leaf: int, receipt: Receipt) -> list[str]:
    """Faults of the entry that a receipt points to."""
    if leaf >= len(entries):
        return [f"it points to leaf {leaf}, but the log has only {len(entries)}"]
    _at, word, *rest = entries[leaf].split(" ")
    number = str(receipt.queue_number) if receipt.leaf is not None else rest[0]
    if word not in GIVES_NUMBER or rest[:2] != [number, receipt.visitor]:
        return [f"leaf {leaf} does not give this visitor the number {number}"]
    if word == "drawn" and rest[2:] != [str(rules.draw_of(_key_before(entries, leaf), receipt.visitor_id))]:
        return [f"the draw at leaf {leaf} does not follow from the seed and the visitor id"]
    return []


def _key_before(entries: Sequence[str], leaf: int) -> bytes:
    """The draw key in effect before a leaf: the last revealed seed, with what was mixed into it."""
    root = None
    for at in range(leaf - 1, -1, -1):
        _at, word, *rest = entries[at].split(" ")
        if word == "mixed":
            root = bytes.fromhex(rest[0])
        elif word == "beacon":
            root = randomness_of(bytes.fromhex(rest[1]))
        elif word == "revealed":
            return rules.draw_key(bytes.fromhex(rest[0]), root)
    return b""
