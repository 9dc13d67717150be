"""Stores in Postgres how places ended, so that nobody gets a second turn if Redis is lost.

Redis keeps an ending for an hour. A worker copies new endings every second, which costs visitors no time;
those of the last second before a loss of Redis may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.model import RoomId
from app.core.script_constants import ENDINGS_OVERLAP_MS
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import ended_places
from app.store.scripts import restoring
from app.store.sql.waiting_room.ended_places import insert_ended, select_ended

PAGE = 1_000
PAGES_MAX = 100  # per round; the next one goes on


async def keep_endings(stores: Stores, room_id: RoomId, now_ms: int) -> None:
    """Store the places that ended since the last call. Any number of workers may run this at once."""
    keys = RoomKeys(room_id)
    stored_ms = await ended_places.stored_until(stores.redis, keys)
    # Another worker may be a little ahead. Being far ahead means that the clock was set back.
    since_ms = 0 if stored_ms > now_ms + ENDINGS_OVERLAP_MS else max(0, stored_ms - ENDINGS_OVERLAP_MS)
    last_ms, until_ms = 0, 0
    for page in range(PAGES_MAX):
        records, page_ms = await ended_places.ended_since(stores.redis, keys, since_ms, page * PAGE, PAGE)
        if not page_ms:
            until_ms = now_ms if last_ms else 0  # all is stored: do not read it again next time
            break
        if records:
            await insert_ended(stores.postgres, room_id, records)
        last_ms = until_ms = page_ms
    if until_ms:
        await ended_places.note_stored(stores.redis, keys, until_ms)


async def load_endings(stores: Stores, room_id: RoomId, visitor_ids: Sequence[str]) -> None:
    """Load how the places of these visitors ended into Redis. Raises NotLoaded."""
    records = await select_ended(stores.postgres, room_id, visitor_ids)
    if records:
        await restoring.load_endings(stores.redis, RoomKeys(room_id), records)
