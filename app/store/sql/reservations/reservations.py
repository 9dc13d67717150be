"""Reservations in Postgres: the batch insert behind every 201, and reading them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import asyncpg
import msgspec

from app.core.clock import to_ms
from app.core.model import (
    EventId,
    Item,
    Reservation,
    ReservationId,
    RoomId,
    VisitorId,
)
from app.core.reservations.terms import NO_POLICY, Policy, code_in, items_of, read_terms, seats_of
from app.store.connections import Queries

_read_items = msgspec.json.Decoder(list[Item]).decode
_read_tickets = msgspec.json.Decoder(list[dict[str, str | bool | None]]).decode


def _read_rates(text: str | None) -> dict[str, int]:
    return msgspec.json.decode(text, type=dict[str, int]) if text else {}


class InsertRefused(Exception):
    """Postgres refused what Redis had allowed; nothing of the batch was written."""


class Superseded(Exception):
    """The room has been restored since the batch was decided; nothing of it was written."""


class NewHold(NamedTuple):
    """A hold as decided by Redis; `terms` as in `core/reservations/terms.py`."""

    reservation_id: str
    visitor_id: str
    fingerprint: str
    terms: str


class Origin(NamedTuple):
    """The source of one batch of holds."""

    room_id: RoomId
    epoch: int  # of the room at the time of the decision; if it has changed, the decision is void
    event_id: str


@lru_cache(maxsize=4096)
def _items_json(text: str) -> str:
    return msgspec.json.encode(items_of(text)).decode()


# A function in the database with a cached plan: see migrations 0002, 0003 for seats, 0081 for codes.
_INSERT = "SELECT * FROM insert_holds($1,$2,$3, $4,$5,$6,$7, $8,$9,$10,$11,$12,$13, $14,$15,$16)"
_INSERT_SEATED = (
    "SELECT * FROM insert_seated_holds($1,$2,$3, $4,$5,$6,$7, $8,$9,$10,$11,$12,$13, $14,$15,$16, $17,$18)"
)
_INSERT_CODED = (
    "SELECT * FROM insert_coded_holds($1,$2,$3, $4,$5,$6,$7, $8,$9,$10,$11,$12,$13, $14,$15,$16, $17,$18, "
    "$19,$20,$21)"
)


async def insert_holds(postgres: asyncpg.Pool, origin: Origin, holds: Sequence[NewHold]) -> set[str]:
    """Write and commit a batch of holds in one statement, each id once; returns the new ids.

    Existing ids are left unchanged and not counted again. Raises InsertRefused (`never_oversold`,
    `one_holder_a_seat` or `never_overused` would break) and Superseded.
    """
    ids, visitors, prints, terms = zip(*holds, strict=True)
    numbers = {text: number for number, text in enumerate(dict.fromkeys(terms))}  # most are the same few
    seats, codes = _seat_columns(numbers), _code_columns(numbers)
    more = [*(seats or ([], [])), *codes] if codes else seats
    try:
        row = await postgres.fetchrow(
            _INSERT_CODED if codes else _INSERT_SEATED if seats else _INSERT,
            *origin,
            *(ids, visitors, prints, [numbers[text] for text in terms]),
            *_columns(numbers),
            *more,
        )
    except (
        asyncpg.CheckViolationError,
        asyncpg.ForeignKeyViolationError,
        asyncpg.UniqueViolationError,
    ) as error:
        raise InsertRefused(str(error)) from None
    assert row is not None
    if not row["fence"]:
        raise Superseded
    return set(row["inserted"])


def _columns(numbers: dict[str, int]) -> list[Sequence[object]]:
    """The distinct terms of a batch, and their lines, as the columns that `insert_holds` takes."""
    terms, lines = list[tuple[object, ...]](), list[tuple[object, ...]]()
    for text, number in numbers.items():
        *rest, items = read_terms(text)
        terms.append((number, *rest, _items_json(items)))
        lines += [(number, it.ticket_type_id, it.quantity) for it in items_of(items)]
    return [*zip(*terms, strict=True), *zip(*lines, strict=True)]


def _seat_columns(numbers: dict[str, int]) -> list[Sequence[object]]:
    """The seats of the distinct terms, as columns; empty for a batch without seats."""
    seats = [(number, seat) for text, number in numbers.items() if "@" in text for seat in seats_of(text)]
    return [*zip(*seats, strict=True)]


def _code_columns(numbers: dict[str, int]) -> list[Sequence[object]]:
    """The codes of the distinct terms, as columns; empty for a batch without codes."""
    codes = [(number, *code) for text, number in numbers.items() if (code := code_in(text))]
    return [*zip(*codes, strict=True)]


_SELECT = """
SELECT reservations.*, events.room_id, events.hold_extend_s, events.buyer_form,
       CASE WHEN events.taxed THEN tax_rates_at(event_id, reservations.created_at)::text END AS tax_rates,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
                     'ticket_id', ticket_id, 'ticket_type_id', ticket_type_id, 'seat_id', seat_id,
                     'code', CASE WHEN transferred_at IS NULL THEN code ELSE '' END,
                     'transferred', transferred_at IS NOT NULL) ORDER BY ticket_type_id, ticket_id)
                 FROM tickets WHERE tickets.reservation_id = reservations.reservation_id), '[]') AS tickets
FROM reservations JOIN events USING (event_id)
"""


async def fetch(postgres: asyncpg.Pool, reservation_ids: Sequence[str]) -> dict[str, Reservation]:
    """The reservations that exist among these ids."""
    rows = await postgres.fetch(f"{_SELECT} WHERE reservation_id = ANY($1)", reservation_ids)
    return {row["reservation_id"]: _reservation(row) for row in rows}


async def fetch_one(postgres: asyncpg.Pool, reservation_id: str) -> Reservation | None:
    """The reservation, or None."""
    return (await fetch(postgres, [reservation_id])).get(reservation_id)


async def extend(postgres: asyncpg.Pool, reservation_id: str) -> bool:
    """Extend a hold that has not expired, once, by what the event offers; returns whether it was."""
    extended = await postgres.fetchval(
        """
        UPDATE reservations SET extended_s = hold_extend_s,
                                expires_at = expires_at + make_interval(secs => hold_extend_s)
        FROM events
        WHERE reservation_id = $1 AND events.event_id = reservations.event_id AND status = 'held'
          AND expires_at > now() AND extended_s = 0 AND hold_extend_s > 0
        RETURNING true
        """,
        reservation_id,
    )
    return bool(extended)


async def policy_of(postgres: asyncpg.Pool, event_id: EventId) -> Policy:
    """The event's current policy for holds."""
    row = await postgres.fetchrow(
        "SELECT hold_extend_s, CASE WHEN taxed THEN tax_rates_at(event_id, now())::text END "
        "FROM events WHERE event_id = $1",
        event_id,
    )
    return Policy(row[0], _read_rates(row[1])) if row else NO_POLICY


async def of_visitor(postgres: asyncpg.Pool, event_id: str, visitor_id: str) -> list[Reservation]:
    """A visitor's reservations for an event, newest first; no more than a page shows."""
    rows = await postgres.fetch(
        f"{_SELECT} WHERE event_id = $1 AND visitor_id = $2 ORDER BY reservations.created_at DESC LIMIT 50",
        event_id,
        visitor_id,
    )
    return [_reservation(row) for row in rows]


async def of_visits(postgres: asyncpg.Pool, visitors: Mapping[RoomId, VisitorId]) -> list[Reservation]:
    """The reservations of one browser, a different visitor in each room, newest first; as many as a page
    shows."""
    rows = await postgres.fetch(
        f"{_SELECT} JOIN unnest($1::text[], $2::text[]) AS mine (room_id, visitor_id) "
        "USING (room_id, visitor_id) ORDER BY reservations.created_at DESC LIMIT 100",
        list(visitors),
        list(visitors.values()),
    )
    return [_reservation(row) for row in rows]


async def of_visitors(
    postgres: asyncpg.Pool, visitors: Mapping[EventId, VisitorId], account_id: str, *, limit: int, offset: int
) -> tuple[list[Reservation], int]:
    """A page of one person's reservations, a different visitor for each event, including those taken over
    by their account; newest first, and how many."""
    statement = """
        JOIN (SELECT reservation_id FROM reservations
              JOIN unnest($1::text[], $2::text[]) AS mine (event_id, visitor_id) USING (event_id, visitor_id)
              UNION SELECT reservation_id FROM reservations WHERE claimed_by = $3
             ) AS theirs USING (reservation_id)
    """
    arguments = list(visitors), list(visitors.values()), account_id
    total: int = await postgres.fetchval(f"SELECT count(*) FROM reservations {statement}", *arguments)
    rows = await postgres.fetch(
        f"{_SELECT} {statement} ORDER BY reservations.created_at DESC, reservation_id LIMIT $4 OFFSET $5",
        *arguments,
        limit,
        offset,
    )
    return [_reservation(row) for row in rows], total


async def fingerprints(postgres: asyncpg.Pool, reservation_ids: Sequence[str]) -> dict[str, str]:
    """The fingerprints of the request bodies that first created these."""
    rows = await postgres.fetch(
        "SELECT reservation_id, fingerprint FROM reservations WHERE reservation_id = ANY($1)", reservation_ids
    )
    return {row["reservation_id"]: row["fingerprint"] for row in rows}


async def event_of(postgres: asyncpg.Pool, reservation_id: str) -> EventId | None:
    """The event of a reservation, None if there is no such reservation."""
    event_id: EventId | None = await postgres.fetchval(
        "SELECT event_id FROM reservations WHERE reservation_id = $1", reservation_id
    )
    return event_id


async def has_more(queries: Queries, event_id: str, count: int) -> bool:
    """Whether the event has more than `count` live reservations; reads no more than necessary."""
    exists: bool = await queries.fetchval(
        "SELECT EXISTS (SELECT FROM reservations "
        "WHERE event_id = $1 AND status IN ('held', 'paying', 'confirmed') OFFSET $2)",
        *(event_id, count),
    )
    return exists


async def room_of(postgres: Queries, event_id: str) -> RoomId | None:
    """The room of an event, None if there is no such event."""
    room_id: RoomId | None = await postgres.fetchval(
        "SELECT room_id FROM events WHERE event_id = $1", event_id
    )
    return room_id


def _reservation(row: asyncpg.Record) -> Reservation:
    return Reservation(
        reservation_id=ReservationId(row["reservation_id"]),
        event_id=EventId(row["event_id"]),
        room_id=RoomId(row["room_id"]),
        visitor_id=VisitorId(row["visitor_id"]),
        status=row["status"],
        items=_read_items(row["items"]),
        amount=row["amount"],
        currency=row["currency"],
        created_at_ms=to_ms(row["created_at"]),
        expires_at_ms=to_ms(row["expires_at"]),
        confirmed_at_ms=to_ms(row["confirmed_at"]),
        tickets=_read_tickets(row["tickets"]) if row["status"] == "confirmed" else [],
        claimed_by=row["claimed_by"],
        extended_s=row["extended_s"],
        extend_s=row["hold_extend_s"],
        buyer_form=row["buyer_form"],
        code=row["used_code"],
        discount=row["discount"],
        refunded=row["refunded"],
        cancelled_items=_read_items(row["cancelled_items"]) if row["cancelled_items"] else [],
        tax_rates=_read_rates(row["tax_rates"]),
    )
