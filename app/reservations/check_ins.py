"""The door: checking tickets in, undoing it, counting, and the data that devices keep to work offline.

Of scans without a time, whose result the holder waits for, the first to arrive wins: if two devices read a
ticket at the same moment, only one of them admits its holder. A device that was offline sends its scans
later, with their times, as often as it likes; these are ordered by time, whichever device sends first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import Conflict, EventNotFound
from app.core.model import EventId
from app.core.reservations.check_ins import LIST_MAX, NEWS_MAX, DoorCounts, Result, Scans, code_in, totals
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.reservations import check_ins, reservations
from app.store.sql.reservations.check_ins import OVERLAP_S, CheckedInTicket


class DoorNews(NamedTuple):
    """The state of a door now; `seen` is what happened on all devices since the last request."""

    now: datetime
    counts: DoorCounts
    seen: list[CheckedInTicket]


class DoorList(NamedTuple):
    """What a device keeps of all tickets; `whole` says whether the list is complete."""

    now: datetime
    hashes: list[tuple[str, str]]
    whole: bool
    seen: list[CheckedInTicket]


async def record(stores: Stores, event_id: EventId, sent: Scans, *, by: Author) -> list[Result]:
    """Check tickets in, and return the result of each scan in order. Raises EventNotFound, StoreUnavailable.

    Writes nothing to the audit log: `check_ins` has who checked in which ticket, when and on which device.
    """
    codes = [code_in(it.code) for it in sent.scans]
    with stores_answer():
        if await reservations.room_of(stores.postgres, event_id) is None:
            raise EventNotFound
        return await check_ins.record(stores.postgres, event_id, sent.device, sent.scans, codes, by.subject)


async def undo(stores: Stores, event_id: EventId, scan_id: str, *, by: Author) -> None:
    """Undo the check-in made by this scan; a second call changes nothing.

    Raises EventNotFound, StoreUnavailable, and Conflict if the scan checked nobody in.
    """
    with stores_answer():
        if await reservations.room_of(stores.postgres, event_id) is None:
            raise EventNotFound
        async with stores.postgres.acquire() as connection, connection.transaction():
            undone = await check_ins.undo(connection, event_id, scan_id)
            if undone is None:
                raise Conflict("This scan did not check anybody in.")
            ticket_id, new = undone
            if new:
                entity = Entity("check_in", f"{event_id}/{ticket_id}")
                await audit.record(connection, by, "undo", entity, before={"scan_id": scan_id})


async def counts(stores: Stores, event_id: EventId) -> DoorCounts:
    """Return how many tickets were sold and checked in. Raises EventNotFound, StoreUnavailable."""
    with stores_answer():
        if await reservations.room_of(stores.postgres, event_id) is None:
            raise EventNotFound
        return totals(await check_ins.counts(stores.postgres, event_id))


async def news(stores: Stores, event_id: EventId, after: datetime) -> DoorNews:
    """Return the counts and the scans since `after`. Raises EventNotFound, StoreUnavailable."""
    now = datetime.now(UTC)
    after = max(after, now - timedelta(days=7)) - timedelta(seconds=OVERLAP_S)
    door_counts = await counts(stores, event_id)
    with stores_answer():
        return DoorNews(now, door_counts, await check_ins.news(stores.postgres, event_id, after, NEWS_MAX))


async def offline_list(stores: Stores, event_id: EventId) -> DoorList:
    """Return what a device needs to check tickets offline. Raises EventNotFound, StoreUnavailable."""
    now = datetime.now(UTC)
    with stores_answer():
        if await reservations.room_of(stores.postgres, event_id) is None:
            raise EventNotFound
        hashes = await check_ins.hashes(stores.postgres, event_id, LIST_MAX + 1)
        ever = datetime.fromtimestamp(0, UTC)
        seen = await check_ins.news(stores.postgres, event_id, ever, LIST_MAX)
    return DoorList(now, hashes[:LIST_MAX], len(hashes) <= LIST_MAX, seen)
