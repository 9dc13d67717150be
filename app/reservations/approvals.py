"""Refunds by two people: a refund above the limit of its sale is made once a second person requests the
same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import ApprovalNeeded
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.sql.payments import refund_approvals
from app.store.sql.payments.refund_approvals import LimitRequest, RequestedRefund

HELD_BACK = "Its refund needs a second person: cancel it by hand, then have somebody else do the same."


class _SecondPersonNeeded(Exception):
    def __init__(self, amount: int) -> None:
        self.amount = amount


async def needs_approval(
    connection: Connection, reservation_id: str, amount: int | None, *, by: Author
) -> None:
    """Check, within the transaction of a refund and within `requesting_approval`, that it may be made.

    `amount` is in minor units and already recorded; None means all that was paid. Returns if one person may
    refund that much, or if somebody else has already asked for the same. Otherwise `requesting_approval`
    turns it into a request for approval.
    """
    if not await refund_approvals.over_limit(connection, [reservation_id], full=amount is None):
        return
    requested = await refund_approvals.amount_of(connection, reservation_id) if amount is None else amount
    requester = await refund_approvals.use(connection, reservation_id, requested, by.subject)
    if requester is None:
        raise _SecondPersonNeeded(requested)
    entity, after = Entity("reservation", reservation_id), {"amount": requested, "asked_by": requester}
    await audit.record(connection, by, "approve refund", entity, after=after)


@asynccontextmanager
async def requesting_approval(stores: Stores, reservation_id: str, *, by: Author) -> AsyncIterator[None]:
    """Wrap a refund: if it needs a second person, record the request and raise ApprovalNeeded."""
    try:
        yield
    except _SecondPersonNeeded as needed:
        with stores_answer():
            async with stores.postgres.acquire() as connection, connection.transaction():
                await refund_approvals.request(connection, reservation_id, needed.amount, by.subject)
                entity = Entity("reservation", reservation_id)
                await audit.record(connection, by, "ask for refund", entity, after={"amount": needed.amount})
        raise ApprovalNeeded("Your request is recorded; somebody else has to do the same.") from None


async def held_back(connection: Connection, reservation_ids: Sequence[str]) -> list[str]:
    """Return those of these orders that one person alone may not cancel and refund."""
    return await refund_approvals.over_limit(connection, reservation_ids, full=True)


async def waiting(stores: Stores, reservation_id: str) -> RequestedRefund | None:
    """Return the refund that waits for a second person, if there is one."""
    with stores_answer():
        return await refund_approvals.select_waiting(stores.postgres, reservation_id)


async def limit_of(stores: Stores, event_id: str) -> int | None:
    """Return the most that one person may refund in a sale, in minor units; None if there is no limit."""
    with stores_answer():
        return await refund_approvals.limit_of(stores.postgres, event_id)


async def requested_limit(stores: Stores, event_id: str) -> LimitRequest | None:
    """Return the new limit that waits for a second person, if there is one."""
    with stores_answer():
        return await refund_approvals.requested_limit(stores.postgres, event_id)


async def set_limit(stores: Stores, event_id: str, above: int | None, *, by: Author) -> None:
    """Set the limit.

    Weakening it (a higher sum, or no limit) also needs a second person: the first request is only recorded,
    and ApprovalNeeded is raised.
    """
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            before = await refund_approvals.limit_of(connection, event_id)
            entity, now = Entity("event", event_id), {"refund_above": above}
            weaker = before is not None and (above is None or above > before)
            requester = (
                await refund_approvals.use_limit(connection, event_id, above, by.subject) if weaker else None
            )
            waits = weaker and requester is None
            if waits:
                await refund_approvals.request_limit(connection, event_id, above, by.subject)
                await audit.record(connection, by, "ask for change", entity, after=now)
            else:
                await refund_approvals.set_limit(connection, event_id, above)
                was = {"refund_above": before}
                after = {**now, "asked_by": requester} if requester else now
                await audit.record(connection, by, "change", entity, before=was, after=after)
    if waits:
        raise ApprovalNeeded(
            "Your request is recorded. Somebody else has to set the same sum; the old one applies until then."
        )
