"""A process's own report for the health page: age, memory, load."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from contextlib import suppress

import psutil

from app import metrics
from app.core.clock import now_ms
from app.core.monitoring.pulse import BEAT_S
from app.loops import Loops
from app.store.connections import REDIS_AWAY, RedisClient
from app.store.redis import heartbeats
from app.version import build

TROUBLES_MAX = 10
LEAVE_S = 0.5  # a stopping process does not wait long for Redis


def new_name() -> str:
    """A unique name for this run of a process: host, pid and random characters."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


class ThisProcess:
    """This process; its CPU is measured between calls."""

    def __init__(self) -> None:
        self._build = build()
        metrics.BUILD.labels(self._build.version, self._build.commit).set(1)
        self._process = psutil.Process()
        self._last = (time.monotonic(), self._cpu_s())

    def about(self, loops: Loops) -> dict[str, str | int | float]:
        """Version, start, memory in bytes, CPU in percent of a core since the last call, calls answered.

        Also the failing loops: those of the whole process, and all of them with the reason.
        """
        now, cpu_s = time.monotonic(), self._cpu_s()
        before, cpu_before = self._last
        self._last = (now, cpu_s)
        return {
            "version": self._build.version,
            "started_ms": round(self._process.create_time() * 1000),
            "memory": self._process.memory_info().rss,
            "cpu_percent": round(100 * (cpu_s - cpu_before) / max(0.001, now - before)),
            "answered": metrics.ANSWERS.total(),
            "breaking": loops.breaking(),
            "troubles": "\n".join(str(it) for it in loops.troubles()[:TROUBLES_MAX]),
        }

    def _cpu_s(self) -> float:
        used = self._process.cpu_times()
        return float(used.user + used.system)


async def keep_beating(redis: RedisClient, name: str, loops: Loops) -> None:
    """Write this web process's heartbeat at once and every second, and remove it at the end."""
    myself, beat = ThisProcess(), None
    try:
        while True:
            # Not cancelled: a beat in flight would arrive after the removal, and redis-py may swallow a
            # cancellation while it connects.
            beat = asyncio.create_task(_beat(redis, name, myself.about(loops)))
            await asyncio.shield(beat)
            await asyncio.sleep(BEAT_S)
    finally:
        with suppress(*REDIS_AWAY):
            async with asyncio.timeout(LEAVE_S):
                if beat is not None:
                    await beat
                await heartbeats.leave(redis, name)


async def _beat(redis: RedisClient, name: str, about: dict[str, str | int | float]) -> None:
    with suppress(*REDIS_AWAY):
        await heartbeats.beat(redis, name, about, now_ms())
