"""How places ended, stored in Postgres: nobody gets a second turn when Redis is lost.

Redis keeps an ending for an hour. Every second a worker stores what has ended since it last looked, so
that visitors pay nothing for it; what ended in the last second before Redis was lost may be lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.model import RoomId
from app.core.script_constants import ENDINGS_OVERLAP_MS
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import ended_places
from app.store.scripts import restoring
from app.store.sql.ended_places import insert_ended, select_ended

PAGE = 1_000
PAGES_MAX = 100  # a round; the next one goes on


async def keep_endings(stores: Stores, room_id: RoomId, now_ms: int) -> None:
    """Store what ended since the last time. Any number of workers may do so at once."""
    keys = RoomKeys(room_id)
    kept_ms = await ended_places.kept_until(stores.redis, keys)
    # Another worker may be a little ahead; one that is far ahead was, before the clock was set back.
    since_ms = 0 if kept_ms > now_ms + ENDINGS_OVERLAP_MS else max(0, kept_ms - ENDINGS_OVERLAP_MS)
    last_ms, until_ms = 0, 0
    for page in range(PAGES_MAX):
        found, page_ms = await ended_places.ended_since(stores.redis, keys, since_ms, page * PAGE, PAGE)
        if not page_ms:
            until_ms = now_ms if last_ms else 0  # so that what was stored is not read again forever
            break
        if found:
            await insert_ended(stores.postgres, room_id, found)
        last_ms = until_ms = page_ms
    if until_ms:
        await ended_places.note_kept(stores.redis, keys, until_ms)


async def load_endings(stores: Stores, room_id: RoomId, visitor_ids: Sequence[str]) -> None:
    """Load into Redis how the places of these ended. Raises NotLoaded."""
    found = await select_ended(stores.postgres, room_id, visitor_ids)
    if found:
        await restoring.load_endings(stores.redis, RoomKeys(room_id), found)
