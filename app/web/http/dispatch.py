"""From request to response, the same for every call: parameters, credential, query, body, route, errors.

The hot lane and the Quart adapter both end here; neither adds rules of its own.
"""

from __future__ import annotations

import itertools
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from app import metrics
from app.core.errors import (
    CodeSetNotFound,
    EventNotFound,
    NotFound,
    Refusal,
    ReservationNotFound,
    RoomNotFound,
    StoreUnavailable,
    TicketTypeNotFound,
)
from app.core.formats import OPAQUE, SLUG
from app.store.spans import RECORD, Record
from app.web.http import cache_control
from app.web.http import request_log as lines
from app.web.http.bodies import parse_body, parse_query
from app.web.http.client_ip import client_address, forwarded_scheme
from app.web.http.deadlines import CALL_TIMEOUT_S, answered_within
from app.web.http.key_rights import check_rights
from app.web.http.misses import MISSES
from app.web.http.origins import SAFE, check_origin
from app.web.http.problems import problem_response, refusal_of
from app.web.http.routes import App, Endpoint, NoBody, NoQuery, Request, Response
from app.web.http.staff_access import STAFF_ONLY, is_staff_call

_SLUG = re.compile(SLUG)
_OPAQUE = re.compile(OPAQUE)
_NUMBER = re.compile(r"^[0-9]{1,18}\Z")
_SANE = re.compile(rb"^[A-Za-z0-9._~:/+=@,-]{1,128}\Z")
PARAMS: dict[str, tuple[re.Pattern[str], type[Refusal]]] = {
    "room_id": (_SLUG, RoomNotFound),
    "event_id": (_SLUG, EventNotFound),
    "ticket_type_id": (_SLUG, TicketTypeNotFound),
    "reservation_id": (_OPAQUE, ReservationNotFound),
    "ticket_id": (_OPAQUE, NotFound),
    "visitor_id": (_OPAQUE, NotFound),
    "webhook_id": (_OPAQUE, NotFound),
    "key_id": (_OPAQUE, NotFound),
    "sid": (_OPAQUE, NotFound),
    "invite_id": (_OPAQUE, NotFound),
    "set_id": (_OPAQUE, CodeSetNotFound),
    "code": (_OPAQUE, CodeSetNotFound),
    "alert_id": (_NUMBER, NotFound),
    "name": (_OPAQUE, NotFound),
    "customer_id": (_SLUG, NotFound),
}
CREDENTIALS = (b"authorization", b"x-place-token")
_process = secrets.token_hex(5)
_count = itertools.count(1)


def request_id_of(sent: bytes | None) -> str:
    """The request's own X-Request-Id if it is valid, else a new one."""
    if sent and _SANE.match(sent):
        return sent.decode()
    return f"{_process}-{next(_count):x}"


def request_of(app: App, scope: Mapping[str, Any], params: dict[str, str]) -> Request:
    """Build the request from an ASGI scope; reads the headers in one pass."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if scope["http_version"] not in ("1.1", "1.0") and b"cookie" in headers:
        # HTTP/2 may send each cookie as a separate header.
        headers[b"cookie"] = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    if len(headers) != len(scope["headers"]):
        _combined(headers, scope["headers"])
    peer = scope.get("client")
    client, scheme = peer[0] if peer else "", scope["scheme"]
    if app.trusted:
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        proto = headers.get(b"x-forwarded-proto", b"").decode("latin-1")
        scheme = forwarded_scheme(scheme, client, proto, app.trusted)
        client = client_address(client, lines, app.trusted)
    return Request(
        app,
        scope["method"],
        scope["path"],
        params,
        scope["query_string"],
        headers,
        scheme,
        client,
        scope.get("fairgate.request_id") or request_id_of(headers.get(b"x-request-id")),
    )


def _combined(headers: dict[bytes, bytes], sent: Iterable[tuple[bytes, bytes]]) -> None:
    """Combine repeated headers: a credential sent twice becomes invalid, since neither may win."""
    for name in CREDENTIALS:
        values = [value for it, value in sent if it == name]
        if len(values) > 1:
            headers[name] = b", ".join(values)


async def answer(endpoint: Endpoint, request: Request, body: bytes) -> Response:
    """Run the call. Never raises: every failure becomes a problem document."""
    started = time.perf_counter()
    record = RECORD.get()
    if record is not None:
        record.call, record.route, record.ids = endpoint.name, endpoint.path, request.params
    try:
        if endpoint.hot:
            response = await _run(endpoint, request, body)
        else:
            async with answered_within(CALL_TIMEOUT_S):
                response = await _run(endpoint, request, body)
    except Exception as error:  # the outermost handler of every request
        if record is None and not isinstance(error, Refusal):
            record = Record()
            RECORD.set(record)
        response = refuse(error)
        if isinstance(error, MISSES):
            request.app.throttles.misses.note(request.client)
        if response.status == NotFound.status and endpoint.name in cache_control.PUBLIC:
            response.headers.insert(0, cache_control.GONE)
    seconds = time.perf_counter() - started
    traced = record.span.ids["trace_id"] if record and record.span else None
    metrics.count_answer(endpoint.name, response.status, seconds, traced)
    if endpoint.hot and (response.status >= 500 or seconds >= lines.SLOW_S or lines.is_sampled()):
        record = record or Record()
        record.call, record.ids = endpoint.name, request.params
        lines.write(request.request_id, request.method, record, response.status, seconds)
    return response


def refuse(error: Exception) -> Response:
    """The response to a request that ended in an exception."""
    refusal = refusal_of(error)
    if isinstance(refusal, StoreUnavailable):
        metrics.STORE_FAILURES.labels("call").inc()
    metrics.count_refusal(refusal.code)
    return problem_response(refusal)


async def _run(endpoint: Endpoint, request: Request, body: bytes) -> Response:
    for name, value in request.params.items():
        pattern, missing = PARAMS[name]
        if not pattern.match(value):
            raise missing
    if request.app.throttles.misses.guessed:
        request.app.throttles.misses.check(request.client, request.params)
    if endpoint.method not in SAFE:
        check_origin(request)
    arguments: list[Any] = [request]
    if endpoint.auth is not None:
        signed = (body,) if endpoint.auth.signs_body else ()
        caller = await endpoint.auth.read(request, *signed)
        if endpoint.auth.takes_keys:
            await check_rights(endpoint, request, caller)
        arguments.append(caller)
    if endpoint.below and request.path.count("/") > endpoint.path.count("/"):
        arguments.append(endpoint.query())
    elif endpoint.query is not NoQuery:
        arguments.append(parse_query(endpoint, request))
    elif request.query:
        parse_query(endpoint, request)
    if endpoint.body is not NoBody:
        arguments.append(parse_body(endpoint, request, body))
    elif body:
        parse_body(endpoint, request, body)
    # Last, so that hidden things are refused exactly like nonexistent ones: credential and body come first.
    if endpoint.auth not in STAFF_ONLY and (unseen := request.app.hidden.refusal_for(request.params)):
        await for_staff_alone(request, unseen)
    response = await endpoint.run(*arguments)
    if request.app.throttles.misses.guessed:
        request.app.throttles.misses.note_found(request.params)
    return response


async def for_staff_alone(request: Request, unseen: type[Refusal]) -> None:
    """Make hidden things look nonexistent to everybody but staff. Raises `unseen`."""
    if not await is_staff_call(request):
        raise unseen
