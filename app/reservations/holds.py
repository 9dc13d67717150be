"""The life of a hold in both stores after it was created (`batches.py`): paid for, ended, released.

Each function may be interrupted at any line and run again: every step is keyed by the reservation id.
"""

from __future__ import annotations

import asyncio
import itertools
import operator
from collections.abc import Iterable, Sequence
from contextlib import suppress

import structlog

from app import metrics
from app.core.clock import now_ms
from app.core.model import EventId, RoomId
from app.core.reservations.terms import items_text, read_items
from app.restoring.stock import load_seats
from app.store.connections import REDIS_AWAY, STORE_AWAY, Stores
from app.store.keys import DAY_MS, RoomKeys
from app.store.redis import seat_rows, submissions
from app.store.scripts import filling, stock
from app.store.scripts.shrinking import shrink
from app.store.scripts.stock import RoomNotReady
from app.store.sql import locks
from app.store.sql.catalogue import codes, seats
from app.store.sql.payments import payments, refunds
from app.store.sql.payments.payments import ConfirmedReservation
from app.store.sql.reservations import balances, hold_endings
from app.store.sql.reservations.hold_endings import CONFIRMED, ENDED, EndedReservation

log = structlog.get_logger(__name__)

ANNOUNCE_TIMEOUT_S = 0.5  # a stalled Redis must not delay a payment
RETRY_LATER: tuple[type[Exception], ...] = (*STORE_AWAY, RoomNotReady)
_room_and_status = operator.attrgetter("room_id", "status")


def keys_of(room_id: RoomId) -> RoomKeys:
    """The room's keys, with today's key of outcomes."""
    return RoomKeys(room_id, now_ms() // DAY_MS)


async def load_totals(stores: Stores, room_id: RoomId, event_id: EventId, *, again: bool = False) -> None:
    """Bring Redis' totals, prices and new seats in line with Postgres (`again`: all seats and their kinds).

    Raises RoomNotReady.
    """
    keys = keys_of(room_id)
    async with stores.postgres.acquire() as connection, connection.transaction():
        await locks.lock(connection, "fairgate totals", room_id)  # or an older reading could win
        ticket_types, fee = await balances.on_sale(connection, event_id)
        sizes: dict[str, int] = {it.ticket_type_id: it.total + it.blocked for it in ticket_types if it.seated}
        if behind := list(sizes) if again else await seat_rows.behind(stores.redis, keys, sizes):
            rows = await seats.select_rows(connection, event_id, behind)
            await load_seats(stores.redis, keys, rows)
        await filling.load_stock(stores.redis, keys, ticket_types, fee)


async def load_codes(stores: Stores, room_id: RoomId, event_id: EventId, set_id: str | None = None) -> None:
    """Bring the codes in Redis, or those of one set, in line with Postgres. Raises RoomNotReady."""
    async for fields in codes.fields(stores.postgres, event_id, set_id):
        await filling.load_codes(stores.redis, keys_of(room_id), fields)


async def expire_due(stores: Stores) -> int:
    """End expired holds and release their tickets; return how many."""
    ended = await hold_endings.expire_due(stores.postgres)
    metrics.count_reservations("expired", len(ended))
    await update_redis(stores, ended)
    return len(ended)


async def sell(stores: Stores, payment_ids: Sequence[str]) -> list[str]:
    """Confirm the reservations that these attempts paid for in time; return the ids this call confirmed."""
    sold = await payments.confirm(stores.postgres, payment_ids)
    await publish_sold(stores, sold)
    return [it.reservation_id for it in sold]


async def sell_late(stores: Stores, payment_id: str) -> bool:
    """Confirm a reservation that was paid for after its hold ended, if tickets are left; return whether it
    was."""
    sold = await payments.confirm_late(stores.postgres, payment_id)
    await publish_sold(stores, sold)
    return bool(sold)


async def publish_sold(stores: Stores, sold: Sequence[ConfirmedReservation]) -> None:
    """Count these confirmed reservations and update Redis."""
    metrics.count_reservations("confirmed", len(sold))
    await update_redis(stores, [EndedReservation(*it, "confirmed") for it in sold])


async def update_redis(stores: Stores, changed: Iterable[EndedReservation]) -> None:
    """Update Redis with what Postgres decided. What fails now is done later by `repair`."""
    by_room = itertools.groupby(
        sorted((it for it in changed if it.status in (*ENDED, *CONFIRMED)), key=_room_and_status),
        key=_room_and_status,
    )
    for (room_id, status), group in by_room:
        changes = list(group)
        ids = [it.reservation_id for it in changes]
        try:
            if status in CONFIRMED:
                await stock.confirm(stores.redis, keys_of(room_id), ids)
                await _shrink(stores, room_id, [it for it in changes if it.items])
            else:  # sold tickets do not expire: if Redis has them as sold, Postgres has lost the sale
                await stock.release(stores.redis, keys_of(room_id), ids, also_sold=status == "cancelled")
            kind = CONFIRMED if status in CONFIRMED else ENDED
            await hold_endings.mark_released(stores.postgres, ids, kind)
        except RETRY_LATER:
            continue


async def _shrink(stores: Stores, room_id: RoomId, shrunk: Sequence[EndedReservation]) -> None:
    """Release the cancelled tickets of orders that keep others."""
    if not shrunk:
        return
    remaining = [(it.reservation_id, items_text(read_items(it.items))) for it in shrunk]
    await shrink(stores.redis, keys_of(room_id), remaining)
    for it in shrunk:
        await refunds.mark_shrunk(stores.postgres, it.reservation_id, it.items)


async def announce(stores: Stores, reservation_ids: Iterable[str]) -> None:
    """Notify watchers of these reservations. Without Redis they poll after a while."""
    with suppress(*REDIS_AWAY):
        async with asyncio.timeout(ANNOUNCE_TIMEOUT_S):
            await submissions.announce(stores.redis, reservation_ids)


async def repair(stores: Stores, older_than_s: float = 2.0) -> int:
    """Update Redis with what it may have missed in a crash; return the number of reservations."""
    left = await hold_endings.unreleased(stores.postgres, older_than_s)
    await update_redis(stores, left)
    return len(left)
