"""What staff are told of orders."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec

from app import orders
from app.core.errors import EventNotFound, StoreUnavailable
from app.core.model import Account, EventId
from app.store.orders import Order
from app.web.credentials import OPERATOR
from app.web.http import Request, Response, endpoint

TAG = "Staff: events"
CSV = b"text/csv; charset=utf-8"


class OrdersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which orders."""

    status: Literal["held", "paying", "confirmed", "cancelled", "expired"] | None = None


@endpoint(
    "GET",
    "/v1/events/{event_id}/orders.csv",
    tag=TAG,
    auth=OPERATOR,
    query=OrdersQuery,
    answers={200: CSV},
    errors=(EventNotFound, StoreUnavailable),
)
async def orders_csv(request: Request, account: Account, query: OrdersQuery) -> Response:
    """Download the orders of an event as CSV, the oldest first, all of one moment."""
    event_id = EventId(request.params["event_id"])
    found = await orders.orders(request.app.stores, event_id, query.status)
    headers = [
        (b"content-disposition", f'attachment; filename="{event_id}-orders.csv"'.encode()),
        (b"cache-control", b"no-store"),
    ]
    return Response(200, _lines(found, request.app.exporting), headers, CSV)


async def _lines(chunks: AsyncIterator[Sequence[Order]], slots: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """RFC 4180, a chunk at a time. Each report holds a connection, so there are only so many at once."""
    yield _csv([Order._fields])
    async with slots:
        async for chunk in chunks:
            yield _csv([[_text(value) for value in order] for order in chunk])


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else str(value)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
