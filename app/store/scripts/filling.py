"""The scripts that fill and recount the reservation half of a room from Postgres, as typed functions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from app.core.catalogue.seating import SeatRow
from app.core.clock import to_ms
from app.core.model import TicketType
from app.core.payments.sums import NO_FEE, Fee
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts.loader import call
from app.store.scripts.stock import ready


class LoadedHold(NamedTuple):
    """One record of `load_holds`; fields are empty if there is nothing of that kind to load."""

    reservation_id: str
    entry: str
    outcome: str


async def load_stock(
    redis: RedisClient, keys: RoomKeys, ticket_types: Iterable[TicketType], fee: Fee = NO_FEE
) -> int:
    """Set totals, prices, sale windows and the booking fee from Postgres; held and sold are left as they are.

    Takes all ticket types of the event; returns the free tickets.

    Raises RoomNotReady if the room is not loaded; loading it loads the stock as well.
    """
    records = (
        (it.ticket_type_id, it.total, it.price, _flag(it.seated), _window(it), _flag(it.hidden))
        for it in ticket_types
    )
    fee_text = f"{fee.per_ticket}|{fee.rate_bp}" if any(fee) else ""
    reply = ready(await call(redis, "load_stock", keys, chain.from_iterable(records), fee=fee_text))
    return int(reply[1])


async def load_codes(redis: RedisClient, keys: RoomKeys, fields: Iterable[tuple[str, str]]) -> int:
    """Set the effect of codes (`core/catalogue/codes.py` writes the fields), or remove them; returns the
    number of fields.

    Raises RoomNotReady if the room is not loaded; loading it loads the codes as well.
    """
    reply = ready(await call(redis, "load_codes", keys, chain.from_iterable(fields)))
    return int(reply[1])


async def load_seats(
    redis: RedisClient, keys: RoomKeys, rows: Iterable[SeatRow], *, ticket_type_id: str
) -> int:
    """Load the rows of a ticket type, all at once; returns how many were new or longer.

    Raises RoomNotReady if the room is not loaded.
    """
    records = ((f"{ticket_type_id}-{it.row}", it.first, it.states, it.kinds, it.labels) for it in rows)
    reply = ready(
        await call(redis, "load_seats", keys, chain.from_iterable(records), ticket_type_id=ticket_type_id)
    )
    return int(reply[1])


async def keep_back(redis: RedisClient, keys: RoomKeys, seat_ids: Iterable[str], *, to: str) -> list[str]:
    """Block the free ones of these seats (`to` BLOCKED), or put the blocked ones on sale (FREE).

    Returns those in that state now, including ones that were before. Raises RoomNotReady.
    """
    reply = ready(await call(redis, "keep_back", keys, seat_ids, to=to))
    return reply[1].split("+") if reply[1] else []


async def block_seats(redis: RedisClient, keys: RoomKeys, taken: Iterable[tuple[str, str]]) -> int:
    """Mark seats as taken, each by its visitor; returns how many were free. Raises RoomNotReady."""
    reply = ready(await call(redis, "block_seats", keys, chain.from_iterable(taken)))
    return int(reply[1])


async def recount(
    redis: RedisClient, keys: RoomKeys, records: Iterable[tuple[str, str]], *, holds_max: int
) -> bool:
    """Recompute the counters in Redis from its holds; False if there are too many for one step.

    Records are (reservation_id, entry) for reservations to add back, and (seat_id, "") for seats in question.
    Raises RoomNotReady.
    """
    reply = ready(await call(redis, "recount", keys, chain.from_iterable(records), holds_max=holds_max))
    return bool(reply[0] == "recounted")


async def clear_stock(redis: RedisClient, keys: RoomKeys, *, epoch: int) -> None:
    """Clear the reservation half of a room that is being restored. Raises RoomNotReady."""
    ready(await call(redis, "clear_stock", keys, epoch=epoch))


async def load_holds(redis: RedisClient, keys: RoomKeys, holds: Iterable[LoadedHold], *, epoch: int) -> int:
    """Load reservations into a room under restoration; returns how many were new. Raises RoomNotReady."""
    reply = ready(await call(redis, "load_holds", keys, chain.from_iterable(holds), epoch=epoch))
    return int(reply[1])


def _flag(on: bool) -> str:
    return "1" if on else ""


def _window(ticket_type: TicketType) -> str:
    """Its sale window as FROM:UNTIL in ms, either may be empty; "" for no limit."""
    if ticket_type.sale_from is None and ticket_type.sale_until is None:
        return ""
    return ":".join(
        str(max(0, to_ms(at))) if at else "" for at in (ticket_type.sale_from, ticket_type.sale_until)
    )
