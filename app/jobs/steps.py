"""The steps of jobs that staff started (`control.py`): each is short, and one transaction with its progress.

So a step that is cut off has not happened, and one that is made twice finds that nothing is left to do. What
follows outside of Postgres is repaired by others if it stays undone: the stock by `holds.mend`, refunds by
`checkout.settle_payments`, mails by their own lanes.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from app import audit, metrics
from app.audit import Thing
from app.core.account import Author
from app.core.csv_rows import csv_rows
from app.core.jobs import ITEMS_MAX, JobKind
from app.reservations import holds
from app.store.connections import STORE_AWAY, Connection, Stores
from app.store.sql import hold_endings, jobs, mail_queue, orders
from app.store.sql.jobs import Item, Job

EXPORTED, CANCELLED, WRITTEN_TO = 2_000, 100, 200  # orders a step
TRIES_MAX = 10  # of an order that cannot be cancelled just now
MESSAGES_WAITING_MAX = 400  # so that a confirmation never waits behind a whole audience
TOO_MANY = f"These are more than {ITEMS_MAX:,} orders. Choose fewer, by event or time."
TOOK_TOO_LONG = "It took too long to list these orders. Choose fewer, by event or time, or try again later."
PAYING = "A payment is under way. Cancel it by hand once its outcome is known."

Said = Literal["more", "later", "over"]  # later: there is nothing to do for a moment


class StepResult(NamedTuple):
    """The result of a step: how many were done and failed, and what to do after its commit."""

    said: Said
    done: int = 0
    failed: int = 0
    follow: Callable[[], Awaitable[None]] | None = None


class TooMany(Exception):
    """More orders than a job can process; the message is shown to staff."""


async def step(stores: Stores, job_id: str) -> Said:
    """Run one step of a job. `Over`: it has ended, or another worker has it."""
    try:
        async with stores.postgres.acquire() as connection, connection.transaction():
            job = await jobs.lock(connection, job_id)
            if job is None:
                return "over"
            after = await (_begin if job.total is None else _continue)(connection, stores, job)
    except STORE_AWAY:
        raise
    except TooMany as refusal:
        await jobs.finish(stores.postgres, job_id, "failed", str(refusal))
        return "over"
    except Exception as error:  # any error: it is tried again, then shown to who started the job
        await jobs.record_failure(stores.postgres, job_id, f"{type(error).__name__}: {error}")
        raise
    if after.follow is not None:
        await after.follow()
    return after.said


async def _begin(connection: Connection, _stores: Stores, job: Job) -> StepResult:
    """Determine the orders of the job."""
    try:
        total = await LISTS[job.kind](connection, job)
    except TimeoutError:
        raise TooMany(TOOK_TOO_LONG) from None
    if total > ITEMS_MAX:
        raise TooMany(TOO_MANY)
    await jobs.begin(connection, job.job_id, total)
    return StepResult("more")


async def _continue(connection: Connection, stores: Stores, job: Job) -> StepResult:
    size, work = STEPS[job.kind]
    items = await jobs.next_items(connection, job.job_id, size)
    if not items:
        await jobs.finish(connection, job.job_id, "done")
        return StepResult("over")
    after = await work(connection, stores, job, items)
    await jobs.advance(connection, job.job_id, after.done, after.failed)
    return after


async def _export(connection: Connection, _stores: Stores, job: Job, items: list[Item]) -> StepResult:
    found = await orders.of_ids(connection, _ids(items))
    await jobs.add_part(connection, job.job_id, job.done, gzip.compress(csv_rows(found)))
    await jobs.drop_items(connection, job.job_id, items)
    return StepResult("more", len(items))


async def _cancel(connection: Connection, stores: Stores, job: Job, items: list[Item]) -> StepResult:
    """Orders that are being paid or changed right now are tried again after all others."""
    ids = _ids(items)
    before = await orders.statuses(connection, ids)
    ended = await hold_endings.cancel_many(connection, ids)
    by = Author(job.asked_by, job.asked_role, job.job_id)
    for it in ended:
        thing = Thing("reservation", it.reservation_id)
        was, now = {"status": before[it.reservation_id]}, {"status": "cancelled"}
        await audit.record(connection, by, "cancel", thing, before=was, after=now)
    still = await orders.statuses(connection, ids)
    busy = [it for it in items if still.get(it.reservation_id) in ("held", "paying", "confirmed")]
    over = [it for it in items if it not in busy]
    await jobs.drop_items(connection, job.job_id, over)
    failed = await jobs.postpone(connection, job.job_id, busy, TRIES_MAX, PAYING) if busy else 0

    async def follow() -> None:
        metrics.reserved("cancelled", len(ended))
        await holds.update_redis(stores, ended)

    return StepResult("more" if over else "later", len(over) + failed, failed, follow)


async def _message(connection: Connection, _stores: Stores, job: Job, items: list[Item]) -> StepResult:
    if await mail_queue.messages_waiting(connection, MESSAGES_WAITING_MAX) >= MESSAGES_WAITING_MAX:
        return StepResult("later")
    await mail_queue.queue_of_message(connection, job.job_id, _ids(items))
    await jobs.drop_items(connection, job.job_id, items)
    return StepResult("more", len(items))


def _ids(items: list[Item]) -> list[str]:
    return [it.reservation_id for it in items]


Work = Callable[[Connection, Stores, Job, list[Item]], Awaitable[StepResult]]
LISTS: dict[JobKind, Callable[[Connection, Job], Awaitable[int]]] = {
    "export_orders": jobs.list_orders,
    "cancel_orders": jobs.list_cancellable,
    "message_buyers": jobs.list_buyers,
}
STEPS: dict[JobKind, tuple[int, Work]] = {
    "export_orders": (EXPORTED, _export),
    "cancel_orders": (CANCELLED, _cancel),
    "message_buyers": (WRITTEN_TO, _message),
}
