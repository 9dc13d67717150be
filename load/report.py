"""What the benchmark prints, and writes with `--json`."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from app.listening import ServerName
from app.store.connections import Stores
from load.halves import FROM_MEMORY, Outcome
from load.rows import Row
from load.wrk import How

WIDTH = 150


class Conditions(msgspec.Struct, frozen=True):
    """Under what the figures came about; without these they say nothing."""

    at: datetime
    cpu: str
    cores: int
    memory_gib: int
    python: str
    redis: str
    postgres: str
    fsync: str
    server: str
    connections: int
    threads: int
    seconds: int


async def conditions(stores: Stores, server: ServerName, how: How) -> Conditions:
    """The machine, the stores as they say themselves, and how it was measured."""
    info = await stores.redis.info("server")
    name = info.get("server_name", "redis")
    return Conditions(
        at=datetime.now(UTC).replace(microsecond=0),
        cpu=_cpu_model(),
        cores=psutil.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / 2**30),
        python=platform.python_version(),
        redis=f"{name} {info.get('valkey_version', info['redis_version'])}",
        postgres=await stores.postgres.fetchval("SHOW server_version"),
        fsync=await stores.postgres.fetchval("SHOW fsync"),
        server=server,
        connections=how.connections,
        threads=how.threads,
        seconds=how.seconds,
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def show(console: Console, under: Conditions, outcome: Outcome) -> None:
    """The table, the references and the verdict."""
    console.print(
        f"{under.cores} cores ({under.cpu}), everything on them; {under.server}, Python {under.python}, "
        f"{under.redis}, PostgreSQL {under.postgres} (fsync {under.fsync}); "
        f"wrk with {under.connections} connections, {under.seconds} s a row"
    )
    table = Table("what")
    for name in ("a second", "target", "p50 ms", "p99 ms", "batch"):
        table.add_column(name, justify="right")
    table.add_column("answers")
    table.add_column("CPU, % of one core")
    for row in outcome.rows:
        table.add_row(*_cells(row))
    console.print(table)
    for row in outcome.rows:
        if it := row.reference:
            ratio = row.per_s / it.per_s if it.per_s else 0.0
            alone = f"{it.what} alone: {it.per_s:,.0f} a second in batches of {it.batch}"
            console.print(f"{row.name}: {ratio:.0%} of {alone}")
    plain = next((row.per_s for row in outcome.rows if row.name == FROM_MEMORY), 0.0)
    for row in outcome.rows:
        if row.target and plain:
            console.print(f"{row.name}: {row.per_s / plain:.0%} of the {FROM_MEMORY}, which asks no store")
    for name, verdict in outcome.verdicts.items():
        console.print(f"verdict on {name}: {'good' if verdict.good else 'NOT GOOD'}: {verdict}")


def _cells(row: Row) -> tuple[str, ...]:
    answers = ", ".join(f"{count:,} x {status}" for status, count in row.answered.items())
    return (
        row.name,
        f"{row.per_s:,.0f}",
        f"{row.target:,}" if row.target else "",
        f"{row.p50_ms:.1f}",
        f"{row.p99_ms:.1f}",
        f"{row.batch:.0f}",
        answers + (f", {row.broken:,} broken" if row.broken else ""),
        _percentages(row.cpu),
    )


def _percentages(cpu: Mapping[str, float]) -> str:
    return " ".join(f"{name} {percent:.0f}" for name, percent in cpu.items())


def write(path: Path, under: Conditions, outcome: Outcome) -> None:
    """The same as one JSON document."""
    document = {"conditions": under, "rows": outcome.rows, "verdicts": outcome.verdicts}
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
