"""Starts, lists and stops jobs of staff. The steps they run are in `steps.py`.

The row in Postgres is authoritative; queueing it only makes a job start at once. If the queue was
unavailable, a worker finds the job in the table.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import msgspec
from arq.connections import ArqRedis

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import Conflict, EventNotFound, NotFound, ValidationFailed
from app.core.jobs import ASKED, EXPORTS, SUBJECT_MAX, TEXT_MAX, UNFINISHED_MAX, JobKind, JobRequest
from app.core.model import EventId
from app.core.reservations.buyers import BuyerForm
from app.core.text.csv_rows import csv_rows, safe
from app.jobs import spreadsheet
from app.jobs.steps import columns_of
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.redis import job_queue
from app.store.sql.jobs import jobs
from app.store.sql.jobs.jobs import Failure, Job
from app.store.sql.reservations import buyers, reservations

FAILURES_MAX = 100  # shown

NO_JOB = "There is no such job. Jobs are kept for a week."


async def start(stores: Stores, queue: ArqRedis, kind: JobKind, request: JobRequest, *, by: Author) -> str:
    """Start a job. Returns its id. Raises EventNotFound, ValidationFailed, Conflict, StoreUnavailable."""
    _check(kind, request)
    job_id = str(uuid4())
    with stores_answer():
        if (
            request.event_id
            and await reservations.room_of(stores.postgres, EventId(request.event_id)) is None
        ):
            raise EventNotFound
        request = await _with_questions(stores, kind, request)
        async with stores.postgres.acquire() as connection, connection.transaction():
            if not await jobs.insert(connection, job_id, kind, request, by.subject, by.role):
                raise Conflict(
                    f"The same job is already running for this event, or {UNFINISHED_MAX} jobs are running. "
                    "Wait for them to end."
                )
            after: dict[str, object] = {"kind": kind, "event_id": request.event_id, "status": request.status}
            after |= {"format": request.format if kind in EXPORTS else ""}
            after |= {"made_from": request.made_from, "made_to": request.made_to, "subject": request.subject}
            noted = {name: it for name, it in after.items() if it}
            await audit.record(connection, by, "start", Entity("job", job_id), after=noted)
    await job_queue.enqueue_step(queue, job_id, 0)
    return job_id


async def continue_job(queue: ArqRedis, job_id: str) -> None:
    """Queue a job that was stored together with its subject.

    If the queue is unavailable, a worker finds it.
    """
    await job_queue.enqueue_step(queue, job_id, 0)


async def _with_questions(stores: Stores, kind: JobKind, request: JobRequest) -> JobRequest:
    """Fix the sale's current questions in the request, so that all parts of a file have the same columns."""
    if kind not in ASKED or not request.event_id:
        return request
    form = await buyers.form_of(stores.postgres, request.event_id) or BuyerForm()
    return msgspec.structs.replace(request, questions=[(it.question_id, it.label) for it in form.questions])


def _check(kind: JobKind, request: JobRequest) -> None:
    """Raises ValidationFailed unless the request has what this kind of job needs."""
    if kind not in EXPORTS and not request.event_id:
        raise ValidationFailed("event", "choose an event")
    if kind == "cancel_orders" and request.status not in (None, "held", "confirmed"):
        raise ValidationFailed("status", "must be held or confirmed, or any")
    if kind == "message_buyers":
        for name, text, longest in (
            ("subject", request.subject, SUBJECT_MAX),
            ("text", request.text, TEXT_MAX),
        ):
            if not text or len(text) > longest:
                raise ValidationFailed(name, f"must be 1 to {longest:,} characters")
        if not request.subject.isprintable():
            raise ValidationFailed("subject", "cannot contain newlines")
        if not all(it.isprintable() for it in request.text.replace("\t", " ").split("\n")):
            raise ValidationFailed("text", "must not contain control characters")


async def page(stores: Stores, *, limit: int, offset: int) -> tuple[list[Job], int]:
    """A page of the jobs, newest first, and how many there are in all."""
    with stores_answer():
        return await jobs.select(stores.postgres, limit=limit, offset=offset)


async def get(stores: Stores, job_id: str) -> tuple[Job, list[Failure]]:
    """A job, and its orders that failed. Raises NotFound."""
    with stores_answer():
        job = await jobs.select_one(stores.postgres, job_id)
        if job is None:
            raise NotFound(NO_JOB)
        return job, await jobs.failures(stores.postgres, job_id, FAILURES_MAX)


async def stop(stores: Stores, job_id: str, *, by: Author) -> None:
    """Stop a job; completed steps stay done. Raises NotFound, and Conflict if it has ended."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            if not await jobs.finish(connection, job_id, "stopped"):
                await get(stores, job_id)
                raise Conflict("This job has already ended.")
            await audit.record(connection, by, "stop", Entity("job", job_id), after={})


async def open_file(stores: Stores, job_id: str) -> tuple[Job, AsyncIterator[bytes]]:
    """A job and its file. Raises NotFound, and Conflict if the file is not complete yet."""
    job, _ = await get(stores, job_id)
    if job.kind not in EXPORTS:
        raise NotFound("This job does not create a file.")
    if job.state != "done":
        raise Conflict("The file is not complete yet.")
    with stores_answer():
        first = await jobs.next_part(stores.postgres, job_id, -1)
    if first is None and job.done:
        raise NotFound("The file was deleted after a day. Create a new one.")
    columns = columns_of(job)
    pieces = _pieces(stores, job_id, first)
    if job.request.format == "xlsx":
        return job, spreadsheet.workbook(columns, pieces)
    return job, _with_header(columns, pieces)


async def _with_header(columns: Sequence[str], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield csv_rows([safe(columns)])
    async for it in pieces:
        yield it


async def _pieces(stores: Stores, job_id: str, part: tuple[int, bytes] | None) -> AsyncIterator[bytes]:
    while part is not None:
        number, content = part
        yield gzip.decompress(content)
        part = await jobs.next_part(stores.postgres, job_id, number)
