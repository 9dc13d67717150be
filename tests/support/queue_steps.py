"""Steps shared by tests of the queue, with the clock pinned: join, ask, claim, tick."""

from __future__ import annotations

from app.core.model import Place, VisitorId
from app.store.scripts import admission, room
from app.store.scripts.admission import Tick
from app.store.scripts.room import AskRecord, JoinRecord, Refused
from tests.support.builders import KEYS, NOW, Client, a_visitor, asking, joining

Found = Place | Refused


async def join(redis: Client, *visitors: str | JoinRecord, now_ms: int = NOW) -> list[Found]:
    """Let all of them join in one batch."""
    records = [it if isinstance(it, JoinRecord) else joining(it) for it in visitors]
    return (await room.join(redis, KEYS, records, rate=0, burst=1, now_ms=now_ms)).places


async def crowd(redis: Client, size: int, now_ms: int = NOW) -> list[VisitorId]:
    """Let this many join; returns their ids."""
    visitors = [a_visitor() for _ in range(size)]
    await join(redis, *visitors, now_ms=now_ms)
    return visitors


async def ask(redis: Client, *visitors: str | AskRecord, now_ms: int = NOW) -> list[Found]:
    """Let all of them ask for their place."""
    records = [it if isinstance(it, AskRecord) else asking(it) for it in visitors]
    return (await room.place(redis, KEYS, records, rate=0, burst=1, now_ms=now_ms)).places


async def claim(redis: Client, *visitors: str | AskRecord, now_ms: int = NOW) -> list[Found]:
    """Let all of them claim."""
    records = [it if isinstance(it, AskRecord) else asking(it) for it in visitors]
    return (await room.claim(redis, KEYS, records, rate=0, burst=1, now_ms=now_ms)).places


async def tick(redis: Client, now_ms: int = NOW, limit: int = 2_000) -> Tick:
    """One tick of the controller."""
    return await admission.admit(redis, KEYS, limit=limit, now_ms=now_ms)


def words(found: list[Found]) -> list[str]:
    """The states of these places."""
    return [it.word if isinstance(it, Refused) else it.state for it in found]


async def stand(redis: Client, *visitors: str, now_ms: int = NOW) -> list[str]:
    """The current states of these visitors."""
    return words(await ask(redis, *visitors, now_ms=now_ms))


def only(found: list[Found]) -> Place:
    """The only place found."""
    (place,) = found
    assert isinstance(place, Place), place
    return place
