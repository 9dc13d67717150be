"""What every process on these stores understands.

A migration of the phase `after` writes it, because that phase runs when no process of the release before is
left. Until then nothing is written that those would not read.
"""

from __future__ import annotations

import asyncpg

BATCHES = "batches"  # workers read the stream of `RoomKeys.batches`


async def is_agreed(postgres: asyncpg.Pool, what: str) -> bool:
    """Whether every process understands this. Once it is so, it stays so."""
    found: bool = await postgres.fetchval("SELECT EXISTS (SELECT FROM agreed WHERE what = $1)", what)
    return found
