"""The output of `fairgate audit RECEIPT`."""

from __future__ import annotations

import msgspec

from app.commands.command_settings import CommandFailed
from app.core.assurance.log_audit import Export, Verdict, audit
from app.core.assurance.receipt_audit import KeptReceipt, ReceiptVerdict, audit_receipt
from app.core.clock import from_ms


class Report(msgspec.Struct, frozen=True):
    """The JSON output; `log`: None without one."""

    receipt: ReceiptVerdict
    log: Verdict | None


def print_report(stored: KeptReceipt, export: Export | None, *, as_json: bool) -> None:
    """Print the findings on a receipt, and on the log if there is one. Raises CommandFailed."""
    audited = Report(audit_receipt(stored, export), audit(export) if export else None)
    print(msgspec.json.encode(audited).decode() if as_json else report(audited))
    if audited.receipt.problems:
        raise CommandFailed(f"the receipt is not valid: {'; '.join(audited.receipt.problems)}")
    if audited.log and not audited.log.fair:
        wrong = f"{faults_in(audited.log)} in the log of {audited.log.room_id}"
        raise CommandFailed(f"{wrong}: audit the log to see them")


def faults_in(log: Verdict) -> str:
    """The number of faults in a log, with the noun."""
    return "1 fault" if len(log.findings) == 1 else f"{len(log.findings)} faults"


def report(audited: Report) -> str:
    """Format the findings for people."""
    verdict, receipt = audited.receipt, audited.receipt.receipt
    number = f"number {receipt.queue_number}" if receipt.queue_number else "no number yet"
    lines = [
        f"{receipt.room_id}: a receipt of {from_ms(receipt.at_ms):%Y-%m-%d %H:%M:%S} UTC",
        f"{number}, {receipt.state}, visitor {receipt.visitor_id}",
        "",
        *(f"wrong: {problem}" for problem in verdict.problems),
    ]
    if not verdict.problems:
        lines.append("the signature is valid")
    if verdict.in_log:
        lines.append(f"the log has this place, at leaf {verdict.leaf}")
    elif audited.log is None:
        lines.append("neither the key nor the place was checked against the log: add --url or --log")
    elif verdict.in_log is None and not verdict.problems:
        lines.append("the receipt is older than the log's entry: use a newer one")
    if audited.log is not None:
        faults = "no faults found" if audited.log.fair else faults_in(audited.log)
        lines.append(
            f"the log has {audited.log.leaves} leaves, {audited.log.signed} of them signed; {faults}"
        )
    return "\n".join(lines)
