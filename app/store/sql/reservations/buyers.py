"""SQL of buyers: the form of a sale and the answers. Personal data, therefore only here and in e-mails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from app.core.reservations.buyers import Buyer, BuyerForm
from app.store.connections import Connection, Queries

_form = msgspec.json.Decoder(BuyerForm, strict=False).decode
read_answers = msgspec.json.Decoder(dict[str, str]).decode


class StoredBuyer(NamedTuple):
    """The buyer of a reservation."""

    email: str
    name: str
    phone: str
    answers: dict[str, str]  # by question id
    marketing: bool
    terms_at: datetime | None
    locale: str


_COLUMNS = "email, name, phone, answers, marketing, terms_at, locale"
# Accepting the terms is final, whatever the buyer changes later.
_KEEP = """
INSERT INTO buyers (reservation_id, email, name, phone, answers, marketing, terms_at, locale, recipient_hash)
SELECT reservation_id, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END, $8, $9 FROM reservations
WHERE reservation_id = $1 AND status IN ('held', 'paying', 'confirmed')
ON CONFLICT (reservation_id) DO UPDATE
SET email = excluded.email, name = excluded.name, phone = excluded.phone, answers = excluded.answers,
    marketing = excluded.marketing, terms_at = coalesce(buyers.terms_at, excluded.terms_at),
    locale = excluded.locale, recipient_hash = excluded.recipient_hash, changed_at = now()
RETURNING true
"""


async def save(queries: Queries, reservation_id: str, buyer: Buyer, recipient_hash: bytes) -> bool:
    """Store the buyer of a reservation, replacing an earlier one; False if it has ended."""
    answers = msgspec.json.encode(buyer.answers).decode()
    columns = (buyer.email, buyer.name, buyer.phone, answers, buyer.marketing, buyer.terms, buyer.locale)
    return bool(await queries.fetchval(_KEEP, reservation_id, *columns, recipient_hash or None))


async def of_reservation(queries: Queries, reservation_id: str) -> StoredBuyer | None:
    """The buyer, or None if they have not answered yet."""
    row = await queries.fetchrow(f"SELECT {_COLUMNS} FROM buyers WHERE reservation_id = $1", reservation_id)
    return _buyer(row) if row else None


async def answers_of(queries: Queries, reservation_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """The answers of these reservations' buyers, by reservation id and question id."""
    rows = await queries.fetch(
        "SELECT reservation_id, answers FROM buyers WHERE reservation_id = ANY($1)", reservation_ids
    )
    return {row["reservation_id"]: read_answers(row["answers"]) for row in rows}


async def reservations_of(queries: Queries, email: str, limit: int) -> list[str]:
    """The reservations bought with this address in any spelling, newest first."""
    rows = await queries.fetch(
        "SELECT reservation_id FROM buyers JOIN reservations USING (reservation_id) "
        "WHERE lower(email) = lower($1) AND email <> '' "
        "AND status IN ('held', 'paying', 'confirmed', 'cancelled') "
        "ORDER BY reservations.created_at DESC LIMIT $2",
        *(email, limit),
    )
    return [row["reservation_id"] for row in rows]


async def form_of(queries: Queries, event_id: str) -> BuyerForm | None:
    """The form for the event's buyers; None: there is no such event."""
    row = await queries.fetchrow(
        "SELECT buyer_form, buyers_keep_days FROM events WHERE event_id = $1", event_id
    )
    if row is None:
        return None
    return msgspec.structs.replace(read_form(row["buyer_form"]), keep_days=row["buyers_keep_days"])


def read_form(text: str) -> BuyerForm:
    """Decode a form as a row stores it, without `keep_days`."""
    return _form(text)


async def set_form(connection: Connection, event_id: str, form: BuyerForm) -> None:
    """Replace the event's form."""
    fields = msgspec.to_builtins(form)
    # has its own column: the previous release cannot read a form that contains it
    keep_days = fields.pop("keep_days")
    await connection.execute(
        "UPDATE events SET buyer_form = $2, buyers_keep_days = $3 WHERE event_id = $1",
        *(event_id, msgspec.json.encode(fields).decode(), keep_days),
    )


def _buyer(row: asyncpg.Record) -> StoredBuyer:
    return StoredBuyer(
        row["email"],
        row["name"],
        row["phone"],
        read_answers(row["answers"]),
        row["marketing"],
        row["terms_at"],
        row["locale"],
    )
