"""The output of a load run: a progress line now and then, and the figures with the verdict at the end."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from load.fans.plan import Findings
from load.judging.verdict import Verdict

WIDTH = 110
ERRORS_SHARE_MAX = 0.01
EVERY = 5  # show every fifth of Locust's progress lines, one per second
COUNTS = ("came", "joined", "called", "called: bots", "reserved", "confirmed", "cancelled")
STEPS = ("joined", "called", "reserved", "confirmed", "gone")


class JudgedRun(msgspec.Struct, frozen=True):
    """A run with its verdicts, by judge."""

    scenario: str
    fans: int
    findings: Findings
    verdicts: Mapping[str, Verdict]

    @property
    def errors(self) -> int:
        """The number of responses that no visitor should get."""
        return sum(self.findings.errors.values())

    @property
    def useless(self) -> str:
        """Why the run says nothing about the product; empty if it does."""
        calls = sum(it.count for it in self.findings.latencies.values())
        if not self.findings.count.get("joined"):
            return "nobody joined"
        return f"{self.errors:,} errors in {calls:,} calls" if self.errors > calls * ERRORS_SHARE_MAX else ""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong, and the run is meaningful."""
        return not self.useless and all(it.good for it in self.verdicts.values())


def progress(so_far: Mapping[str, Any], fans: int) -> None:
    """Print the progress of the run."""
    if int(so_far["at_s"]) % EVERY and so_far["count"].get("gone", 0) < fans:
        return
    steps = ", ".join(f"{so_far['count'].get(step, 0)} {step}" for step in STEPS)
    errors = f", {so_far['errors']} errors" if so_far["errors"] else ""
    print(f"load: {so_far['at_s']:>4} s: {so_far['count'].get('came', 0)} of {fans} came, {steps}{errors}",
          file=sys.stderr, flush=True)  # fmt: skip


def show(judged: JudgedRun) -> None:
    """Print the figures and the verdict."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False, soft_wrap=True)
    findings = judged.findings
    console.print(f"{judged.scenario}, {judged.fans} visitors")
    console.print("  " + _words({name: findings.count[name] for name in COUNTS if name in findings.count}))
    ended = {name[7:]: count for name, count in sorted(findings.count.items()) if name.startswith("ended: ")}
    console.print(f"  how visits ended: {_words(ended)}")
    rest = ("storms", "streams broken", "pages loaded again")
    if more := {name: findings.count[name] for name in rest if findings.count.get(name)}:
        console.print(f"  {_words(more)}")
    console.print(f"  refused: {_words(findings.refused)}")
    if throttled := findings.count.get("joins throttled"):
        console.print(
            f"  {throttled:,} joins were throttled: to that host all visitors have the same address, ours;"
        )
        console.print(
            "  set FAIRGATE_TRUSTED_PROXIES there to trust theirs, or FAIRGATE_RATE_LIMITS=off to admit all"
        )
    console.print(f"  errors: {_words(findings.errors)}")
    table = Table("call")
    for head in ("calls", "p50 ms", "p99 ms"):
        table.add_column(head, justify="right")
    for name, it in sorted(findings.latencies.items()):
        table.add_row(name, f"{it.count:,}", f"{it.p50_ms:,.0f}", f"{it.p99_ms:,.0f}")
    console.print(table)
    if judged.useless:
        console.print(f"verdict: NOT GOOD: {judged.useless}")
    for name, verdict in judged.verdicts.items():
        console.print(f"verdict {name}: {'good' if verdict.good else 'NOT GOOD'}: {verdict}", markup=False)


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items()) or "none"
