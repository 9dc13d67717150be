"""The output of `fairgate audit RECEIPT`."""

from __future__ import annotations

import msgspec

from app.commands.settled import CommandFailed
from app.core.clock import from_ms
from app.core.log_audit import Export, Verdict, audit
from app.core.receipt_audit import KeptReceipt, ReceiptVerdict, audit_receipt


class Told(msgspec.Struct, frozen=True):
    """The JSON output; `log`: None without one."""

    receipt: ReceiptVerdict
    log: Verdict | None


def tell(kept: KeptReceipt, export: Export | None, *, as_json: bool) -> None:
    """Print the findings on a receipt, and on the log if there is one. Raises CommandFailed."""
    told = Told(audit_receipt(kept, export), audit(export) if export else None)
    print(msgspec.json.encode(told).decode() if as_json else report(told))
    if told.receipt.problems:
        raise CommandFailed(f"the receipt is not valid: {'; '.join(told.receipt.problems)}")
    if told.log and not told.log.fair:
        wrong = f"{faults_in(told.log)} in the log of {told.log.room_id}"
        raise CommandFailed(f"{wrong}: audit the log to see them")


def faults_in(log: Verdict) -> str:
    """The number of faults in a log, with the noun."""
    return "1 fault" if len(log.findings) == 1 else f"{len(log.findings)} faults"


def report(told: Told) -> str:
    """Format the findings for people."""
    it, said = told.receipt, told.receipt.receipt
    number = f"number {said.queue_number}" if said.queue_number else "no number yet"
    lines = [
        f"{said.room_id}: a receipt of {from_ms(said.at_ms):%Y-%m-%d %H:%M:%S} UTC",
        f"{number}, {said.state}, visitor {said.visitor_id}",
        "",
        *(f"wrong: {problem}" for problem in it.problems),
    ]
    if not it.problems:
        lines.append("the signature is valid")
    if it.in_log:
        lines.append(f"the log has this place, at leaf {it.leaf}")
    elif told.log is None:
        lines.append("neither the key nor the place was checked against the log: add --url or --log")
    elif it.in_log is None and not it.problems:
        lines.append("the receipt is older than the log's entry: use a newer one")
    if told.log is not None:
        found = "no faults found" if told.log.fair else faults_in(told.log)
        lines.append(f"the log has {told.log.leaves} leaves, {told.log.signed} of them signed; {found}")
    return "\n".join(lines)
