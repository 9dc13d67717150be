"""The conditions of a run, without which its figures are meaningless."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from app import version
from app.runtime.sockets import ServerName
from app.store.connections import Stores
from load.measure.sizes import Size
from load.measure.wrk import WrkOptions


class Conditions(msgspec.Struct, frozen=True):
    """The machine, the stores, the server, and the method of measurement."""

    at: datetime
    cpu: str
    cores: int
    memory_gib: int
    load_average: float  # of the minute before: above 1 if the machine was busy with something else
    python: str
    redis: str
    postgres: str
    fsync: str
    server: str
    connections: int
    threads: int
    size: Size


async def conditions(stores: Stores, server: ServerName, options: WrkOptions, size: Size) -> Conditions:
    """Collect the conditions: the machine, the stores as they describe themselves, and the method."""
    info = await stores.redis.info("server")
    name = info.get("server_name", "redis")
    return Conditions(
        at=datetime.now(UTC).replace(microsecond=0),
        cpu=_cpu_model(),
        cores=psutil.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / 2**30),
        load_average=round(psutil.getloadavg()[0], 1),
        python=version.python(),
        redis=f"{name} {info.get('valkey_version', info['redis_version'])}",
        postgres=await stores.postgres.fetchval("SHOW server_version"),
        fsync=await stores.postgres.fetchval("SHOW fsync"),
        server=server,
        connections=options.connections,
        threads=options.threads,
        size=size,
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
