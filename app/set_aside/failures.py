"""Work that keeps failing by itself is set aside, so that the rest can continue.

It is kept with its reason for people to look at: a month, and no more than 10,000 pieces.
"""

from __future__ import annotations

import traceback

from app import metrics
from app.store.connections import Stores
from app.store.sql import set_aside
from app.store.sql.set_aside import SetAside

TRIES_MAX = 3  # then it is set aside
CONTENT_CHARS = 4_000
REASON_CHARS = 4_000


async def keep(
    stores: Stores, kind: str, subject: str, why: BaseException | str, *, content: str, room_id: str | None
) -> None:
    """Set a piece of work aside. `content` contains no address. A second time changes only the reason."""
    metrics.SET_ASIDE.labels(kind).inc()
    reason = why if isinstance(why, str) else "".join(traceback.format_exception(why))
    await set_aside.keep(
        stores.postgres,
        kind,
        _text(subject, CONTENT_CHARS),
        room_id=room_id,
        content=_text(content, CONTENT_CHARS),
        reason=_text(reason[-REASON_CHARS:], REASON_CHARS),
    )


async def newest(stores: Stores, *, limit: int = 50, offset: int = 0) -> list[SetAside]:
    """What was set aside, the latest first."""
    return await set_aside.newest(stores.postgres, limit=limit, offset=offset)


async def count(stores: Stores) -> dict[str, int]:
    """How much was set aside in the last month, by kind of work; {} is good."""
    return await set_aside.count(stores.postgres)


def _text(text: str, most: int) -> str:
    """As Postgres can store it: without NUL and lone surrogates."""
    return text[:most].replace("\0", "\ufffd").encode(errors="replace").decode()
