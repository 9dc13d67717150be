"""The formats that every process using these stores understands.

Entries are written by migrations of the phase `after`, which runs once no process of the previous release is
left. Until then, nothing is written that the previous release could not read.
"""

from __future__ import annotations

import asyncpg

BATCHES = "batches"  # workers read the stream of `RoomKeys.batches`


async def is_agreed(postgres: asyncpg.Pool, what: str) -> bool:
    """Whether every process understands this. Once true, it stays true."""
    agreed: bool = await postgres.fetchval("SELECT EXISTS (SELECT FROM agreed WHERE what = $1)", what)
    return agreed
