"""Stores work that was set aside with the reason, for people to examine: for a month, up to 10,000 items."""

from __future__ import annotations

import traceback

from app import metrics
from app.store.connections import Stores
from app.store.sql import set_aside as stored
from app.store.sql.set_aside import SetAside

TRIES_MAX = 3  # then work is set aside
CONTENT_CHARS = 4_000
REASON_CHARS = 4_000


async def set_aside(
    stores: Stores, kind: str, subject: str, why: BaseException | str, *, content: str, room_id: str | None
) -> None:
    """Set a piece of work aside; repeating it changes only the reason.

    `content` must not contain addresses.
    """
    metrics.SET_ASIDE.labels(kind).inc()
    reason = why if isinstance(why, str) else "".join(traceback.format_exception(why))
    await stored.save(
        stores.postgres,
        kind,
        _text(subject, CONTENT_CHARS),
        room_id=room_id,
        content=_text(content, CONTENT_CHARS),
        reason=_text(reason[-REASON_CHARS:], REASON_CHARS),
    )


async def newest(stores: Stores, *, limit: int = 50, offset: int = 0) -> list[SetAside]:
    """What was set aside, newest first."""
    return await stored.newest(stores.postgres, limit=limit, offset=offset)


async def count(stores: Stores) -> dict[str, int]:
    """How many items were set aside in the last month, by kind of work."""
    return await stored.count(stores.postgres)


def _text(text: str, most: int) -> str:
    """Cut a text, and replace what Postgres cannot store: NUL and lone surrogates."""
    return text[:most].replace("\0", "\ufffd").encode(errors="replace").decode()
