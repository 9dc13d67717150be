"""What every loop and job of the worker receives."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from arq.connections import ArqRedis

from app.loops import Loops
from app.settings import Settings
from app.store.connections import Stores


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """One worker process: its name, its stores, and the event that asks its loops to stop."""

    settings: Settings
    stores: Stores
    worker_id: str  # unique per start of a process; also its consumer name in the streams
    stopping: asyncio.Event
    job_queue: ArqRedis | None = None  # where jobs queue their next steps
    loops: Loops = field(default_factory=Loops)
