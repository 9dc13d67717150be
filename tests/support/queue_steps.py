"""Steps shared by tests of the queue, with the clock pinned: join, ask, claim, tick."""

from __future__ import annotations

from app.core.model import Place, VisitorId
from app.store.scripts import admission, room
from app.store.scripts.admission import Tick
from app.store.scripts.room import AskRecord, JoinRecord, RefusedRecord
from tests.support.builders import KEYS, NOW, Client, a_visitor, ask_record, join_record

Answer = Place | RefusedRecord


async def join(redis: Client, *visitors: str | JoinRecord, now_ms: int = NOW) -> list[Answer]:
    """Let all of them join in one batch."""
    records = [it if isinstance(it, JoinRecord) else join_record(it) for it in visitors]
    return (await room.join(redis, KEYS, records, rate=0, burst=1, now_ms=now_ms)).places


async def crowd(redis: Client, size: int, now_ms: int = NOW) -> list[VisitorId]:
    """Let this many join; returns their ids."""
    visitors = [a_visitor() for _ in range(size)]
    await join(redis, *visitors, now_ms=now_ms)
    return visitors


async def get_places(redis: Client, *visitors: str | AskRecord, now_ms: int = NOW) -> list[Answer]:
    """Let all of them ask for their place."""
    records = [it if isinstance(it, AskRecord) else ask_record(it) for it in visitors]
    return (await room.place(redis, KEYS, records, rate=0, burst=1, now_ms=now_ms)).places


async def claim(redis: Client, *visitors: str | AskRecord, now_ms: int = NOW) -> list[Answer]:
    """Let all of them claim."""
    records = [it if isinstance(it, AskRecord) else ask_record(it) for it in visitors]
    return (await room.claim(redis, KEYS, records, rate=0, burst=1, now_ms=now_ms)).places


async def tick(redis: Client, now_ms: int = NOW, limit: int = 2_000) -> Tick:
    """One tick of the controller."""
    return await admission.admit(redis, KEYS, limit=limit, now_ms=now_ms)


def states_of(found: list[Answer]) -> list[str]:
    """The states of these places."""
    return [it.word if isinstance(it, RefusedRecord) else it.state for it in found]


async def states(redis: Client, *visitors: str, now_ms: int = NOW) -> list[str]:
    """The current states of these visitors."""
    return states_of(await get_places(redis, *visitors, now_ms=now_ms))


def only(found: list[Answer]) -> Place:
    """The only place found."""
    (place,) = found
    assert isinstance(place, Place), place
    return place
