"""The lane around Quart: plain ASGI. It serves the hot calls itself and marks every answer.

A call declared `hot` never reaches Quart: its path is split once and looked up in a dict. Nor do our own
files. Everything else goes on to Quart, with X-Request-Id and CORS headers added to whatever comes back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from contextlib import ExitStack, suppress
from typing import Any

from quart import Quart
from structlog.contextvars import bound_contextvars

from app.core.errors import BodyTooLarge, MalformedJson, MethodNotAllowed, RateLimited
from app.store.spans import RECORD, Record
from app.web.http import cache_control, cors, newcomer_pages, request_log, security_headers
from app.web.http.assets import load_assets
from app.web.http.deadlines import BodyPace, too_slow
from app.web.http.dispatch import answer, refuse, request_id_of, request_of
from app.web.http.in_flight import InFlight
from app.web.http.newcomer_pages import Answered, NewcomerPages
from app.web.http.routes import BODILESS, METHODS, STREAM, App, Endpoint, Request, Response, param_names
from app.web.http.streaming import ReaderGone, Receive, Send, broke_off, feed_stream, send_stream, send_within

Scope = MutableMapping[str, Any]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]

FILES = "static"  # /static/{digest}/{name}
FILE_METHODS = "GET, HEAD, OPTIONS"
PARAM_AT = 3  # /v1/rooms/{room_id}/...: a hot path has its one parameter here, or none, and is shorter
BUFFERED = 32 * 1024  # an answer below it is in the connection's buffers, whether anybody reads it or not
BROKEN_OFF = "The body was cut off."  # its sender may still listen: Granian reports broken chunks like this
DRAIN_MAX = 1024 * 1024  # of a body that is too large we read this much, so that its sender sees our answer


class HotLane:
    """An ASGI app around Quart's."""

    def __init__(self, quart: Quart, endpoints: Iterable[Endpoint], in_flight: InFlight) -> None:
        self._quart = quart
        self._in_flight = in_flight
        self._inner: Asgi = quart.asgi_app
        self._assets = load_assets()
        self._newcomer_pages = NewcomerPages()
        self._calls: dict[tuple[str, str], tuple[Endpoint, str]] = {}  # and the name of its parameter
        self._below: dict[tuple[str, ...], tuple[Endpoint, str]] = {}  # also what is below it, by any method
        self._sites: dict[tuple[str, ...], Endpoint] = {}  # the same for paths without a parameter
        for it in endpoints:
            if it.hot:
                parts, names = it.path.split("/"), param_names(it.path)
                if not names:
                    assert it.below, it.path
                    assert len(parts) == PARAM_AT, it.path
                    self._sites[tuple(parts)] = it
                    continue
                [name] = names
                assert parts[PARAM_AT] == f"{{{name}}}", it.path
                parts[PARAM_AT] = "*"
                if it.below:
                    self._below[tuple(parts)] = it, name
                self._calls[it.method, "/".join(parts)] = it, name
                if it.method == "GET":
                    self._calls["HEAD", "/".join(parts)] = it, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, unless its address has too many in flight."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        try:
            counted = self._in_flight.begin(scope.get("client"))
        except RateLimited as error:
            request = request_of(self._quart.extensions["fairgate"], scope, {})
            await _send(request, refuse(error), receive, send)
            return
        try:
            await self._way(scope, receive, send)
        finally:
            if counted:
                self._in_flight.end(counted)

    def _way(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Who answers, this lane or Quart. Not a coroutine: each would cost a microsecond per request."""
        parts = scope["path"].split("/")
        if parts[1:2] == [FILES]:
            return self._file_or_pass_on(parts[2:], scope, receive, send)
        if len(parts) > PARAM_AT:
            param, parts[PARAM_AT] = parts[PARAM_AT], "*"
            found = self._calls.get((scope["method"], "/".join(parts)))
            if found is not None:
                endpoint, name = found
                return self._serve(endpoint, {name: param}, scope, receive, send)
            if len(parts) > PARAM_AT + 1 and (found := self._below.get(tuple(parts[: PARAM_AT + 2]))):
                endpoint, name = found
                return self._serve_bodiless(endpoint, {name: param}, scope, receive, send)
        if (without := self._sites.get(tuple(parts[:PARAM_AT]))) is not None:
            return self._serve_bodiless(without, {}, scope, receive, send)
        if newcomer_pages.is_asked_for(scope, parts):
            return self._queue_page(parts[2], scope, receive, send)
        return self._pass_on(scope, receive, send)

    async def _queue_page(self, room_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The queue page, as rendered a moment ago if it is the same for all newcomers."""
        request = request_of(self._quart.extensions["fairgate"], scope, {"room_id": room_id})
        response = self._newcomer_pages.find(request)
        if response is None:
            await self._pass_on(scope, receive, send, request)
        else:
            await _send(request, response, receive, send)

    async def _file_or_pass_on(self, names: list[str], scope: Scope, receive: Receive, send: Send) -> None:
        if not await self._file(names, scope, receive, send):
            await self._pass_on(scope, receive, send)

    async def _serve(
        self, endpoint: Endpoint, params: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        app: App = self._quart.extensions["fairgate"]
        request = request_of(app, scope, params)
        body = b""
        if _has_body(scope, request):
            try:
                body = await _body(receive, endpoint.body_max, request)
            except (BodyTooLarge, MalformedJson) as error:
                await _send(request, refuse(error), receive, send)
                return
        response = await answer(endpoint, request, body)
        if response.content_type == STREAM and request.method != "HEAD":
            await _send_events(request, response, receive, send)
        else:
            await _send(request, response, receive, send, gates=endpoint.below)

    async def _serve_bodiless(
        self, endpoint: Endpoint, params: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve a call without a body, or a preflight."""
        request = request_of(self._quart.extensions["fairgate"], scope, params)
        if request.method == "OPTIONS":
            response = Response(204, b"", [(b"allow", ", ".join(METHODS).encode())])
        else:
            response = await answer(endpoint, request, b"")
        await _send(request, response, receive, send, gates=True)

    async def _file(self, names: list[str], scope: Scope, receive: Receive, send: Send) -> bool:
        """One of our own files, if the path names one: a queue page loads ten."""
        if len(names) != 2:
            return False
        digest, name = names
        if not self._assets.has(digest, name):
            return False
        request = request_of(self._quart.extensions["fairgate"], scope, {})
        if request.method in ("GET", "HEAD"):
            response = self._assets.answer(digest, name, request.headers.get(b"accept-encoding", b""))
        elif request.method == "OPTIONS":
            response = Response(204, b"", [(b"allow", FILE_METHODS.encode())])
        else:
            response = refuse(MethodNotAllowed(FILE_METHODS))
        await _send(request, response, receive, send)
        return True

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, page: Request | None = None) -> None:
        """Quart answers. `page`: the request, if it is for a queue page, which may be kept for others."""
        headers = dict(scope["headers"])
        request_id = page.request_id if page else request_id_of(headers.get(b"x-request-id"))
        scope["fairgate.request_id"] = request_id
        app: App = self._quart.extensions["fairgate"]
        origins, secure = app.settings.cors_origins, request_of(app, scope, {}).is_secure()
        started, asked_at, record = False, time.perf_counter(), Record()
        answered = Answered(self._newcomer_pages, page, record) if page else None

        async def marked(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if answered:
                answered.note(message)
            if message["type"] == "http.response.start":
                started, seconds = True, time.perf_counter() - asked_at
                if request_log.is_logged(record, message["status"], seconds):
                    request_log.write(request_id, scope["method"], record, message["status"], seconds)
                told = [*message["headers"], (b"x-request-id", request_id.encode())]
                if not cache_control.has_cache_control(told):
                    told.append(cache_control.PRIVATE)
                told = security_headers.added(told, secure=secure)
                message["headers"] = cors.added(told, origins, headers.get(b"origin")) if origins else told
            await send_within(app.settings.send_timeout_s, send, message)

        recorded = RECORD.set(record)
        try:
            with bound_contextvars(request_id=request_id):
                await self._inner(scope, receive, marked)
        except ReaderGone:
            return
        except Exception as error:  # Quart answers what goes wrong before an answer begins
            if not started:
                raise
            broke_off(error, request_id)
            return
        finally:
            RECORD.reset(recorded)
        if not started:  # Quart takes broken chunks for a reader who left, and says nothing
            await _send(request_of(app, scope, {}), refuse(MalformedJson(BROKEN_OFF)), receive, send)


def _has_body(scope: Scope, request: Request) -> bool:
    """Whether a body may follow. HTTP/1 announces one in its headers; asking for none costs a turn."""
    length = request.headers.get(b"content-length")
    if length is None:
        return b"transfer-encoding" in request.headers or scope["http_version"] not in ("1.1", "1.0")
    return length != b"0"


async def _body(receive: Receive, body_max: int, request: Request) -> bytes:
    announced, timeout_s = request.headers.get(b"content-length"), request.app.settings.body_timeout_s
    try:
        async with asyncio.timeout(timeout_s) as limit:
            message = await receive()
            body: bytes = message.get("body", b"")
            # Granian always says that there may be more, and asking it costs 15 us.
            whole = not message.get("more_body") or announced == b"%d" % len(body)
            if message["type"] == "http.request" and whole:  # all at once, as a rule
                if len(body) > body_max:
                    raise BodyTooLarge(f"At most {body_max // 1024} KiB are accepted here.")
                return body
            return await _rest_of_body(message, receive, body_max, BodyPace(limit, timeout_s))
    except TimeoutError:
        raise too_slow(timeout_s) from None
    except asyncio.CancelledError:  # Granian cancels the message, not us, when what follows is no body
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise MalformedJson(BROKEN_OFF) from None


async def _rest_of_body(
    message: MutableMapping[str, Any], receive: Receive, body_max: int, pace: BodyPace
) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise MalformedJson(BROKEN_OFF)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= body_max:
            chunks.append(chunk)
        if not message.get("more_body") or size > DRAIN_MAX:
            break
        pace.came(size)
        message = await receive()
    if size > body_max:
        raise BodyTooLarge(f"At most {body_max // 1024} KiB are accepted here.")
    return b"".join(chunks)


async def _send_events(request: Request, response: Response, receive: Receive, send: Send) -> None:
    """Event streams stay open, so they are counted by the visitor's address, behind our proxies too."""
    with ExitStack() as counted:
        try:
            counted.enter_context(request.app.open_streams.one_more(request.client))
        except RateLimited as error:
            response = refuse(error)
        await _send(request, response, receive, send)


async def _send(
    request: Request, response: Response, receive: Receive, send: Send, *, gates: bool = False
) -> None:
    body = response.body
    headers = [(b"x-request-id", request.request_id.encode()), *response.headers]
    if response.status not in BODILESS:
        headers.append((b"content-type", response.content_type))
        if isinstance(body, bytes):
            headers.append((b"content-length", str(len(body)).encode()))
    if not cache_control.has_cache_control(headers):
        headers.append(cache_control.PRIVATE)
    # A gate's answer is handed on to the browser as one of the shop's host, of which we know nothing.
    headers += security_headers.SECURE if request.is_secure() and not gates else security_headers.ALWAYS
    origins = request.app.settings.cors_origins
    if origins:
        headers = cors.added(headers, origins, request.headers.get(b"origin"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if request.method == "HEAD":
        body = b""
    if isinstance(body, bytes):
        message = {"type": "http.response.body", "body": body, "more_body": False}
        if len(body) < BUFFERED:
            await send(message)
            return
        with suppress(ReaderGone):
            await send_within(request.app.settings.send_timeout_s, send, message)
    elif callable(body):
        await feed_stream(body, receive, send, request.app.settings.send_timeout_s)
    else:
        await send_stream(body, receive, send, request.app.settings.send_timeout_s, request.request_id)
