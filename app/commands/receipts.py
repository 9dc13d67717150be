"""What `fairgate audit RECEIPT` prints."""

from __future__ import annotations

import msgspec

from app.commands.settled import CommandFailed
from app.core.clock import from_ms
from app.core.log_audit import Export, Verdict, audit
from app.core.receipt_audit import KeptReceipt, ReceiptVerdict, audit_receipt


class Told(msgspec.Struct, frozen=True):
    """What is printed as JSON; `log`: None without one."""

    receipt: ReceiptVerdict
    log: Verdict | None


def tell(kept: KeptReceipt, export: Export | None, *, as_json: bool) -> None:
    """Print what is found of a receipt, and in the log if there is one. Raises CommandFailed."""
    told = Told(audit_receipt(kept, export), audit(export) if export else None)
    print(msgspec.json.encode(told).decode() if as_json else report(told))
    if told.receipt.problems:
        raise CommandFailed(f"the receipt is wrong: {'; '.join(told.receipt.problems)}")
    if told.log and not told.log.fair:
        wrong = f"{len(told.log.findings)} things in the log of {told.log.room_id} are wrong"
        raise CommandFailed(f"{wrong}: audit the log to see them")


def report(told: Told) -> str:
    """What people read."""
    it, said = told.receipt, told.receipt.receipt
    number = f"number {said.queue_number}" if said.queue_number else "no number yet"
    lines = [
        f"{said.room_id}: a receipt of {from_ms(said.at_ms):%Y-%m-%d %H:%M:%S} UTC",
        f"{number}, {said.state}, visitor {said.visitor_id}",
        "",
        *(f"wrong: {problem}" for problem in it.problems),
    ]
    if not it.problems:
        lines.append("the signature is good")
    if it.in_log:
        lines.append(f"the log has this place, at leaf {it.leaf}")
    elif told.log is None:
        lines.append("the log was not asked whose key that is, and for the place: add --url or --log")
    elif it.in_log is None and not it.problems:
        lines.append("it is from before the log had the place: keep a newer one")
    if told.log is not None:
        found = (
            "nothing is wrong in it" if told.log.fair else f"{len(told.log.findings)} things in it are wrong"
        )
        lines.append(f"the log has {told.log.leaves} leaves, {told.log.signed} of them signed; {found}")
    return "\n".join(lines)
