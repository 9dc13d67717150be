"""doctor: checks what a support engineer would ask about."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from app.commands.command_settings import CommandFailed, Data, settings_of
from app.doctor.finding import Finding

SIGNS = {"good": "ok", "note": "note", "wrong": "WRONG"}


class Report(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    at: datetime
    well: bool
    findings: list[Finding]


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
    data: Data = None,
) -> None:
    """Check versions, settings, both stores and running processes; report problems and how to fix them."""
    from app.doctor import examination

    settings = settings_of(data)
    findings = asyncio.run(examination.examine(settings))
    bad = [it for it in findings if it.state == "wrong"]
    if as_json:
        report = Report(datetime.now(UTC).replace(microsecond=0), not bad, findings)
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        width = max(len(it.name) for it in findings)
        for finding in findings:
            print(f"{SIGNS[finding.state]:5}  {finding.name:{width}}  {finding.says}")
            if finding.do:
                print(f"{'':5}  {'':{width}}  -> {finding.do}")
    if bad:
        things = "thing is" if len(bad) == 1 else "things are"
        raise CommandFailed(f"{len(bad)} {things} wrong: {', '.join(dict.fromkeys(it.name for it in bad))}")
