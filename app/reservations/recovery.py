"""Writes again what PostgreSQL lost in a fail-over and Redis still knows.

An asynchronous replica that is promoted lacks the last commits, though they were acknowledged. Redis settles
only after the COMMIT, so a hold whose outcome is granted there was committed, and one that is sold was
confirmed. Both are written again, under the same id and the same constraints, unless somebody else has got
the tickets since: then a hold is released, and a sale is left for a person to handle.

Redis does not know the payment of a confirmed reservation. It is confirmed by a payment with the method
`restored`, without a gateway, and its tickets get new codes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import structlog

from app.core.model import EventId, RoomId
from app.reservations import batches
from app.reservations.holds import keys_of
from app.store.connections import Stores
from app.store.redis import ledger
from app.store.sql.payments import payments
from app.store.sql.payments.payments import ConfirmedReservation
from app.store.sql.reservations import restored_sales
from app.store.sql.reservations.reservations import NewHold, Origin, Superseded
from app.store.sql.waiting_room.rooms import select_room

METHOD = "restored"

log = structlog.get_logger(__name__)


async def rewrite_lost(
    stores: Stores, room_id: RoomId, event_id: EventId, names: Collection[str]
) -> set[str]:
    """Insert those of these reservations that were granted; return the ones written, which break no
    constraint.

    Nothing is written for a room that was reset or restored since Redis decided.
    """
    row = await select_room(stores.postgres, room_id)
    recorded = await ledger.granted(stores.redis, keys_of(room_id), sorted(names))
    if row is None or not recorded.granted or recorded.generation != row.room.generation:
        return set()
    lost = [NewHold(it.reservation_id, it.visitor_id, it.fingerprint, it.terms) for it in recorded.granted]
    try:
        written, _ = await batches.write(stores, Origin(room_id, recorded.epoch, event_id), lost)
    except Superseded:
        return set()
    log.warning("reservations lost by PostgreSQL were written again", event_id=event_id, count=len(written))
    return written


async def confirm_sold(stores: Stores, reservation_ids: Sequence[str]) -> list[ConfirmedReservation]:
    """Confirm holds that are sold in Redis; return those confirmed."""
    sold: list[ConfirmedReservation] = []
    for reservation_id in reservation_ids:
        async with stores.postgres.acquire() as connection, connection.transaction():
            payment_id = _payment_of(reservation_id)
            if await restored_sales.begin_payment(connection, payment_id, reservation_id, METHOD):
                sold += await payments.confirm(connection, [payment_id])
    if sold:
        log.error("sales were restored without their payments; check the gateway's records", count=len(sold))
    return sold


def _payment_of(reservation_id: str) -> str:
    """The id of the payment that replaces the lost one, always the same."""
    return hashlib.sha256(f"{METHOD}|{reservation_id}".encode()).hexdigest()[:22]
