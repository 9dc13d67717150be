"""Receipts are genuine or not, and the log has their place or not."""

from __future__ import annotations

import msgspec
import pytest

from app.core.assurance.log_audit import Export
from app.core.assurance.receipt_audit import KeptReceipt, audit_receipt
from app.core.assurance.room_log import Receipt, signed
from app.core.waiting_room import rules
from tests.core.assurance.test_fairness import FIFO, KEY, LOTTERY, MIXED, OTHER, SEED, export
from tests.support.tampering import tampered

LOG = export(FIFO)
MINE = Receipt("hall", "g", "me", "v3", "waiting", 3, 10, 1_800_000_009_000)


def a_receipt(key: object = KEY, **changed: object) -> KeptReceipt:
    """A receipt with these fields, signed with this key."""
    receipt = msgspec.structs.replace(MINE, **changed)
    return KeptReceipt(receipt, signed(key, receipt), key.jwk())  # type: ignore[arg-type,attr-defined]


def of_the_draw(visitor_id: str, log: list[str] = LOTTERY) -> tuple[KeptReceipt, Export]:
    """A receipt for the first visitor drawn, and the log; their draw is computed for `me`."""
    root = next((it.split(" ")[2] for it in export(log).entries if " mixed " in it), "")
    draw = rules.draw_of(rules.draw_key(SEED, bytes.fromhex(root)), "me")
    lines = [it.replace("9 drawn 1 v3 4", f"9 drawn 1 v3 {draw}") for it in log]
    at = next(at for at, it in enumerate(lines) if " drawn 1 " in it)
    return a_receipt(visitor_id=visitor_id, queue_number=1, leaf=at), export(lines)


@pytest.mark.parametrize(
    ("receipt", "log", "in_log", "leaf"),
    [
        (a_receipt(), None, None, None),
        (a_receipt(OTHER), None, None, None),  # without a log, nobody knows whose key this is
        (a_receipt(), LOG, True, 10),
        (a_receipt(leaf=None), LOG, True, 10),
        (a_receipt(leaf=None, visitor="nobody"), LOG, None, None),  # issued before the log existed
        (a_receipt(leaf=None, visitor=None), LOG, None, None),
        (
            a_receipt(leaf=None, visitor="v5", queue_number=None),
            export(LOTTERY),
            True,
            11,
        ),  # in the pre-queue
        (*of_the_draw("me"), True, 15),
        (*of_the_draw("me", MIXED), True, 17),
    ],
)
def test_a_genuine_receipt(receipt: KeptReceipt, log: Export | None, in_log: bool, leaf: int) -> None:
    found = audit_receipt(receipt, log)
    assert (found.problems, found.in_log) == ([], in_log)
    if leaf is not None:
        assert log is not None
        assert found.leaf is not None
        assert f" {receipt.receipt.visitor}" in log.entries[found.leaf]


@pytest.mark.parametrize(
    ("receipt", "log", "problem"),
    [
        (
            msgspec.structs.replace(a_receipt(), statement=tampered(a_receipt().statement)),
            None,
            "not signed by the key in it",
        ),
        (a_receipt(OTHER), LOG, "not signed by the key of the log"),
        (
            msgspec.structs.replace(a_receipt(), statement=LOG.heads[0]),
            LOG,
            "not signed",
        ),  # a head is no receipt
        (
            msgspec.structs.replace(a_receipt(), receipt=msgspec.structs.replace(MINE, queue_number=1)),
            None,
            "not what was",
        ),
        (a_receipt(room_id="spare"), LOG, "for the room spare"),
        (a_receipt(leaf=11), LOG, "leaf 11 does not give"),
        (a_receipt(queue_number=2), LOG, "does not give this visitor the number 2"),
        (a_receipt(leaf=99), LOG, "the log has"),
        (*of_the_draw("somebody else", MIXED), "does not follow from the seed"),
        (*of_the_draw("somebody else"), "does not follow from the seed"),
    ],
)
def test_what_is_wrong_is_said(receipt: KeptReceipt, log: Export | None, problem: str) -> None:
    found = audit_receipt(receipt, log)
    assert problem in "; ".join(found.problems)
    assert not found.in_log
