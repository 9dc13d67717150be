"""The steps of jobs that staff started (`control.py`). Each is short, and one transaction with its progress.

So an interrupted step has no effect, and a repeated one finds nothing left to do. Effects outside of Postgres
that were missed are repaired elsewhere: the stock by reconciliation, refunds by `checkout.settle_payments`,
e-mails by their own lanes.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from app import audit, metrics
from app.audit import Entity
from app.core.account import Author
from app.core.catalogue.codes import code_field, random_codes, set_field
from app.core.jobs import EXPORTS, ITEMS_MAX, JobKind
from app.core.model import EventId
from app.core.text.csv_rows import csv_rows, safe
from app.jobs import spreadsheet
from app.reservations import approvals, holds
from app.store.connections import STORE_AWAY, Connection, Stores
from app.store.scripts import filling
from app.store.scripts.stock import RoomNotReady
from app.store.sql.catalogue import codes
from app.store.sql.jobs import job_lists, jobs
from app.store.sql.jobs.jobs import Item, Job
from app.store.sql.notifications import mail_queue
from app.store.sql.reservations import buyers, exports, hold_endings, money_lines, orders, reservations

EXPORTED, CANCELLED, WRITTEN_TO = 2_000, 100, 200  # orders per step
TRIES_MAX = 400  # of cancelling an order that is being paid, 2 s apart: longer than a bank may take
MESSAGES_WAITING_MAX = 400  # so that a confirmation never waits behind messages to a whole audience
TOO_MANY = f"These are more than {ITEMS_MAX:,} orders. Choose fewer, by event or time."
TOOK_TOO_LONG = "It took too long to list these orders. Choose fewer, by event or time, or try again later."
SHEET_FULL = f"A spreadsheet has at most {spreadsheet.ROWS_MAX:,} rows. Choose fewer, or make a CSV file."
PAYING = "A payment is under way. Cancel it by hand once its outcome is known."

Progress = Literal["more", "later", "over"]  # later: nothing can be done right now


class StepResult(NamedTuple):
    """The result of a step: how many items were done and failed, and what to do after the commit."""

    progress: Progress
    done: int = 0
    failed: int = 0
    follow: Callable[[], Awaitable[None]] | None = None


class TooManyOrders(Exception):
    """More orders than a job can process; the message is shown to staff."""


async def step(stores: Stores, job_id: str) -> Progress:
    """Run one step of a job. Returns "over" if it has ended or another worker runs it."""
    try:
        async with stores.postgres.acquire() as connection, connection.transaction():
            job = await jobs.lock(connection, job_id)
            if job is None:
                return "over"
            after = await (_begin if job.total is None else _continue)(connection, stores, job)
    except STORE_AWAY:
        raise
    except TooManyOrders as refusal:
        await jobs.finish(stores.postgres, job_id, "failed", str(refusal))
        return "over"
    except Exception as error:  # any error: the step is retried, then the error is shown to staff
        await jobs.record_failure(stores.postgres, job_id, f"{type(error).__name__}: {error}")
        raise
    if after.follow is not None:
        await after.follow()
    return after.progress


async def _begin(connection: Connection, _stores: Stores, job: Job) -> StepResult:
    """List the items of the job. Raises TooManyOrders."""
    try:
        total = await LISTS[job.kind](connection, job)
    except TimeoutError:
        raise TooManyOrders(TOOK_TOO_LONG) from None
    if total > ITEMS_MAX:
        raise TooManyOrders(TOO_MANY)
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
    columns, read = columns_of(job), TABLES[job.kind][1]
    exported = await _with_answers(connection, job, await read(connection, _ids(items)))
    if job.request.format == "xlsx":
        before = await jobs.rows_so_far(connection, job.job_id)
        if before + len(exported) > spreadsheet.ROWS_MAX:
            raise TooManyOrders(SHEET_FULL)
        content = await asyncio.to_thread(spreadsheet.piece, exported, len(columns), before)
    else:
        content = csv_rows(_safe(job, exported))
    await jobs.add_part(connection, job.job_id, job.done, gzip.compress(content, 6), len(exported))
    await jobs.drop_items(connection, job.job_id, items)
    return StepResult("more", len(items))


async def _with_answers(
    connection: Connection, job: Job, rows: Sequence[Sequence[object]]
) -> Sequence[Sequence[object]]:
    """The rows, which begin with the id of their order, with the buyer's answers, one column per question."""
    if not job.request.questions:
        return rows
    answers = await buyers.answers_of(connection, sorted({str(it[0]) for it in rows}))
    ids = [question_id for question_id, _ in job.request.questions]
    return [(*it, *(answers.get(str(it[0]), {}).get(name, "") for name in ids)) for it in rows]


def _safe(job: Job, rows: Sequence[Sequence[object]]) -> list[Sequence[object]]:
    """Escape formulas in rows. The columns of an order are safe already, and stay as they are."""
    kept = len(exports.Order._fields) if job.kind == "export_orders" else 0
    return [(*it[:kept], *safe(it[kept:])) for it in rows]


async def _cancel(connection: Connection, stores: Stores, job: Job, items: list[Item]) -> StepResult:
    """Cancel orders. Those that are being paid or changed right now are retried after all others."""
    ids = _ids(items)
    before = await orders.statuses(connection, ids)
    held_back = await approvals.held_back(connection, ids)
    ended = await hold_endings.cancel_many(connection, [it for it in ids if it not in held_back])
    by = Author(job.asked_by, job.asked_role, job.job_id)
    for order in ended:
        entity = Entity("reservation", order.reservation_id)
        was, now = {"status": before[order.reservation_id]}, {"status": "cancelled"}
        await audit.record(connection, by, "cancel", entity, before=was, after=now)
    still = await orders.statuses(connection, ids)
    busy = [it for it in items if still.get(it.reservation_id) in ("held", "paying", "confirmed")]
    over = [it for it in items if it not in busy]
    await jobs.drop_items(connection, job.job_id, over)
    for_two = [it for it in busy if it.reservation_id in held_back]
    busy = [it for it in busy if it not in for_two]
    failed = await jobs.postpone(connection, job.job_id, busy, TRIES_MAX, PAYING) if busy else 0
    failed += await jobs.postpone(connection, job.job_id, for_two, 1, approvals.HELD_BACK) if for_two else 0

    async def follow() -> None:
        metrics.count_reservations("cancelled", len(ended))
        await holds.update_redis(stores, ended)

    return StepResult("more" if over else "later", len(over) + failed, failed, follow)


async def _message(connection: Connection, _stores: Stores, job: Job, items: list[Item]) -> StepResult:
    if await mail_queue.messages_waiting(connection, MESSAGES_WAITING_MAX) >= MESSAGES_WAITING_MAX:
        return StepResult("later")
    await mail_queue.queue_of_message(connection, job.job_id, _ids(items))
    await jobs.drop_items(connection, job.job_id, items)
    return StepResult("more", len(items))


async def _notify_moved(connection: Connection, _stores: Stores, job: Job, items: list[Item]) -> StepResult:
    if await mail_queue.messages_waiting(connection, MESSAGES_WAITING_MAX) >= MESSAGES_WAITING_MAX:
        return StepResult("later")
    await mail_queue.queue_of_moved(connection, _ids(items))
    await jobs.drop_items(connection, job.job_id, items)
    return StepResult("more", len(items))


async def _make_codes(connection: Connection, stores: Stores, job: Job, items: list[Item]) -> StepResult:
    """Create some codes of a set. Once there are enough, load all into Redis, in case it missed any."""
    event_id, set_id = EventId(job.event_id or ""), items[0].reservation_id
    room_id, found = (
        await reservations.room_of(connection, event_id),
        await codes.select_sets(connection, event_id, set_id),
    )
    new, left = list[str](), found[0].wanted - found[0].made if found and room_id else 0
    if left > 0:
        prefix = await codes.prefix_of(connection, event_id, set_id)
        while len(new) < min(left, job_lists.CODES_A_STEP):
            more = random_codes(min(left, job_lists.CODES_A_STEP) - len(new), prefix)
            new += await codes.insert_codes(connection, event_id, found[0], more)
    elif room_id:
        with suppress(RoomNotReady):  # a room that is not loaded will load them itself
            await holds.load_codes(stores, room_id, event_id, set_id)
    await jobs.drop_items(connection, job.job_id, items)

    async def follow() -> None:
        if room_id and new:
            fields = [set_field(found[0]), *(code_field(it, set_id, True) for it in new)]
            with suppress(RoomNotReady, *STORE_AWAY):  # the last step loads all of them
                await filling.load_codes(stores.redis, holds.keys_of(room_id), fields)

    return StepResult("more", len(new), follow=follow)


def _ids(items: list[Item]) -> list[str]:
    return [it.reservation_id for it in items]


Rows = Callable[[Connection, Sequence[str]], Awaitable[Sequence[Sequence[object]]]]
TABLES: dict[JobKind, tuple[tuple[str, ...], Rows]] = {  # the columns of a file, and what reads its rows
    "export_orders": (exports.Order._fields, exports.of_ids),
    "export_tickets": (exports.TicketLine._fields, exports.tickets),
    "export_money": (money_lines.MoneyLine._fields, money_lines.money),
    "export_audit": (exports.AuditLine._fields, exports.audit),
}


def columns_of(job: Job) -> tuple[str, ...]:
    """The columns of the file that a job creates."""
    return (*TABLES[job.kind][0], *(label for _, label in job.request.questions))


Work = Callable[[Connection, Stores, Job, list[Item]], Awaitable[StepResult]]
LISTS: dict[JobKind, Callable[[Connection, Job], Awaitable[int]]] = {
    "export_orders": job_lists.list_orders,
    "export_tickets": job_lists.list_sold,
    "export_money": job_lists.list_sold,
    "export_audit": job_lists.list_audit,
    "cancel_orders": job_lists.list_cancellable,
    "message_buyers": job_lists.list_buyers,
    "tell_moved": job_lists.list_holders,
    "make_codes": job_lists.list_codes,
}
STEPS: dict[JobKind, tuple[int, Work]] = {
    **dict.fromkeys(EXPORTS, (EXPORTED, _export)),
    "cancel_orders": (CANCELLED, _cancel),
    "message_buyers": (WRITTEN_TO, _message),
    "tell_moved": (WRITTEN_TO, _notify_moved),
    "make_codes": (1, _make_codes),
}
