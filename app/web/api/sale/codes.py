"""Access and discount codes of an event: staff create, list, download and switch them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.catalogue import codes, events
from app.core.account import Account, Author
from app.core.catalogue.codes import AT_ONCE_MAX, CodeSet, CodesPatch, CodeUse, NewCodes
from app.core.errors import (
    AlreadyExists,
    BadHeader,
    CodeSetNotFound,
    Conflict,
    EventNotFound,
    IdempotencyKeyReused,
    StoreUnavailable,
)
from app.core.formats import NAME
from app.core.model import EventId
from app.core.text.csv_rows import csv_rows
from app.jobs import control as jobs
from app.web.api.orders.orders import CSV
from app.web.documents.sale import Page
from app.web.http.cache_control import NO_STORE
from app.web.http.idempotency import respond_once
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import App, Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import ADMIN, OPERATOR, author

TAG = "Staff: events"
SETS = "/v1/events/{event_id}/codes"
ONE_SET = f"{SETS}/{{set_id}}"


class CodesQuery(PageQuery, frozen=True):
    """Which codes of a set: those that contain `q`."""

    q: Annotated[str, Meta(max_length=32, pattern=NAME)] = ""


async def create_set(app: App, event_id: EventId, new: NewCodes, by: Author) -> tuple[CodeSet, str | None]:
    """Create codes at once, or with a job if there are many; returns the set, and the job."""
    if new.count <= AT_ONCE_MAX:
        return await codes.create(app.stores, event_id, new, by=by), None
    code_set, job_id = await codes.begin(app.stores, event_id, new, by=by)
    await jobs.continue_job(app.job_queue, job_id)
    return code_set, job_id


@endpoint(
    "GET",
    SETS,
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    query=PageQuery,
    answers={200: Page[CodeSet]},
    errors=(EventNotFound, StoreUnavailable),
)
async def list_codes(request: Request, account: Account, query: PageQuery) -> Response:
    """List an event's sets of codes, newest first, with their terms and usage."""
    event, _ = await events.event(request.app.stores, EventId(request.params["event_id"]))
    return page_response(request, query, await codes.sets(request.app.stores, event.event_id))


@endpoint(
    "POST",
    SETS,
    tag=TAG,
    auth=ADMIN,
    scope="events:write",
    body=NewCodes,
    body_needed=True,
    answers={201: CodeSet, 202: CodeSet},
    headers=("Idempotency-Key",),
    errors=(EventNotFound, AlreadyExists, Conflict, IdempotencyKeyReused, BadHeader, StoreUnavailable),
)
async def create_codes(request: Request, account: Account, body: NewCodes) -> Response:
    """Create one code to announce (`code`), or a number (`count`, up to 50,000) of unguessable ones.

    More than 1,000 are created in the background: 202, and the set shows the progress as `made` of `wanted`.
    """

    async def create() -> Response:
        event_id = EventId(request.params["event_id"])
        code_set, job_id = await create_set(request.app, event_id, body, author(request, account))
        location = (b"location", f"{request.path}/{code_set.set_id}".encode())
        return json_response(202 if job_id else 201, code_set, [location])

    return await respond_once(request, account, body, create)


@endpoint(
    "GET",
    ONE_SET,
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    answers={200: CodeSet},
    errors=(EventNotFound, CodeSetNotFound, StoreUnavailable),
)
async def read_codes(request: Request, account: Account) -> Response:
    """Get a set of codes."""
    return json_response(200, await codes.read_set(request.app.stores, *_of(request)))


@endpoint(
    "PATCH",
    ONE_SET,
    tag=TAG,
    auth=ADMIN,
    scope="events:write",
    body=CodesPatch,
    answers={200: CodeSet},
    errors=(EventNotFound, CodeSetNotFound, StoreUnavailable),
)
async def switch_codes(request: Request, account: Account, body: CodesPatch) -> Response:
    """Switch a set of codes off, or on again. Existing orders are not affected."""
    by = author(request, account)
    return json_response(200, await codes.switch_set(request.app.stores, *_of(request), body.active, by=by))


@endpoint(
    "GET",
    f"{ONE_SET}/uses",
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    query=CodesQuery,
    answers={200: Page[CodeUse]},
    errors=(EventNotFound, CodeSetNotFound, StoreUnavailable),
)
async def list_code_uses(request: Request, account: Account, query: CodesQuery) -> Response:
    """List the codes of a set, each with its number of held or paid orders."""
    stores, of = request.app.stores, _of(request)
    await codes.read_set(stores, *of)
    uses, total = await codes.codes_page(stores, *of, text=query.q, limit=query.per_page, offset=query.offset)
    return page_response(request, query, uses, total)


@endpoint(
    "PATCH",
    f"{ONE_SET}/uses/{{code}}",
    tag=TAG,
    auth=ADMIN,
    scope="events:write",
    body=CodesPatch,
    answers={204: None},
    errors=(EventNotFound, CodeSetNotFound, StoreUnavailable),
)
async def switch_code(request: Request, account: Account, body: CodesPatch) -> Response:
    """Switch one code off, or on again."""
    code, by = request.params["code"].upper(), author(request, account)
    await codes.switch_code(request.app.stores, *_of(request), code, body.active, by=by)
    return empty()


@endpoint(
    "GET",
    f"{ONE_SET}/codes.csv",
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    answers={200: CSV},
    errors=(EventNotFound, CodeSetNotFound, StoreUnavailable),
)
async def download_codes(request: Request, account: Account) -> Response:
    """Download all codes of a set as CSV, with their usage."""
    stores, of = request.app.stores, _of(request)
    await codes.read_set(stores, *of)
    name = f'attachment; filename="{of[0]}-codes.csv"'.encode()
    return Response(200, await csv_of(request.app, *of), [(b"content-disposition", name), NO_STORE], CSV)


async def csv_of(app: App, event_id: EventId, set_id: str) -> bytes:
    """All codes of a set as CSV."""
    async with app.exporting:
        found = [it async for it in codes.all_codes(app.stores, event_id, set_id)]
    rows = [(it.code, it.used, it.uses_max, "on" if it.active else "off") for it in found]
    return csv_rows([("code", "used", "uses", "state"), *rows])


def _of(request: Request) -> tuple[EventId, str]:
    return EventId(request.params["event_id"]), request.params["set_id"]
