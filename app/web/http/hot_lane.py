"""The lane in front of Quart: plain ASGI. It serves the hot calls itself and completes every response.

A call declared `hot` never reaches Quart: its path is split once and looked up in a dict. Nor do our own
files. Everything else is passed to Quart, with X-Request-Id and CORS headers added to the response.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from contextlib import ExitStack, suppress
from typing import Any

from quart import Quart
from structlog.contextvars import bound_contextvars

from app.core.errors import BodyTooLarge, MalformedJson, MethodNotAllowed, NotFound, RateLimited
from app.store.spans import RECORD, Record
from app.web.http import cache_control, cors, newcomer_pages, request_log, security_headers
from app.web.http.assets import load_assets
from app.web.http.deadlines import Waits
from app.web.http.dispatch import answer, refuse, request_id_of, request_of
from app.web.http.hot_body import BROKEN_OFF, has_body, read_body
from app.web.http.in_flight import InFlight
from app.web.http.known_paths import KnownPaths, is_metrics, may_know_path
from app.web.http.newcomer_pages import NewcomerPages, ResponseCollector
from app.web.http.request_spans import begin_span, serve_traced
from app.web.http.routes import BODILESS, METHODS, App, Endpoint, Events, Request, Response, param_names
from app.web.http.streaming import ReaderGone, Receive, Send, broke_off, feed_stream, send_stream, send_within

Scope = MutableMapping[str, Any]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]

FILES = "static"  # /static/{digest}/{name}
FILE_METHODS = "GET, HEAD, OPTIONS"
PARAM_AT = 3  # /v1/rooms/{room_id}/...: hot paths have their only parameter here, or none and are shorter
BUFFERED = 32 * 1024  # smaller responses fit into the connection's buffers, whether anybody reads them or not


class HotLane:
    """An ASGI app around Quart's."""

    def __init__(self, quart: Quart, endpoints: Iterable[Endpoint], in_flight: InFlight) -> None:
        self._quart = quart
        self._in_flight = in_flight
        self._bodies = Waits()
        self._inner: Asgi = quart.asgi_app
        self._assets = load_assets()
        self._newcomer_pages = NewcomerPages()
        self._paths = KnownPaths(it.rule for it in quart.url_map.iter_rules())
        self._calls: dict[tuple[str, str], tuple[Endpoint, str]] = {}  # with the name of its parameter
        # including paths below, with any method
        self._below: dict[tuple[str, ...], tuple[Endpoint, str]] = {}
        self._sites: dict[tuple[str, ...], Endpoint] = {}  # the same for paths without a parameter
        self._streams: set[str] = set()
        for endpoint in endpoints:
            if any(isinstance(answers, Events) for answers in endpoint.answers.values()):
                self._streams.add(endpoint.name)
            if endpoint.hot:
                parts, names = endpoint.path.split("/"), param_names(endpoint.path)
                if not names:
                    assert endpoint.below, endpoint.path
                    assert len(parts) == PARAM_AT, endpoint.path
                    self._sites[tuple(parts)] = endpoint
                    continue
                [name] = names
                assert parts[PARAM_AT] == f"{{{name}}}", endpoint.path
                parts[PARAM_AT] = "*"
                if endpoint.below:
                    self._below[tuple(parts)] = endpoint, name
                self._calls[endpoint.method, "/".join(parts)] = endpoint, name
                if endpoint.method == "GET":
                    self._calls["HEAD", "/".join(parts)] = endpoint, name

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
            app: App = self._quart.extensions["fairgate"]
            tracer = app.stores.tracer
            if tracer is None:
                await self._way(scope, receive, send)
            elif tracer.passes and not app.trusted:  # what `begin_span` would decide, without a call
                tracer.passes -= 1
                await self._way(scope, receive, send)
            elif (span := begin_span(app, tracer, scope)) is None:
                await self._way(scope, receive, send)
            else:
                await serve_traced(span, self._way, scope, receive, send)
        finally:
            if counted:
                self._in_flight.end(counted)

    def _way(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Choose who responds, this lane or Quart. Not a coroutine, which would cost a microsecond per
        request."""
        parts = scope["path"].split("/")
        if parts[1:2] == [FILES]:
            return self._file_or_pass_on(parts[2:], scope, receive, send)
        if len(parts) > PARAM_AT:
            param, parts[PARAM_AT] = parts[PARAM_AT], "*"
            call = self._calls.get((scope["method"], "/".join(parts)))
            if call is not None:
                endpoint, name = call
                return self._serve(endpoint, {name: param}, scope, receive, send)
            if len(parts) > PARAM_AT + 1 and (call := self._below.get(tuple(parts[: PARAM_AT + 2]))):
                endpoint, name = call
                return self._serve_bodiless(endpoint, {name: param}, scope, receive, send)
        if (without := self._sites.get(tuple(parts[:PARAM_AT]))) is not None:
            return self._serve_bodiless(without, {}, scope, receive, send)
        if newcomer_pages.is_queue_page(scope, parts):
            return self._queue_page(parts[2], scope, receive, send)
        if is_metrics(scope) or not self._paths.has(scope["path"].split("/")):
            return self._nowhere_or_pass_on(scope, receive, send)
        return self._pass_on(scope, receive, send)

    async def _queue_page(self, room_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The queue page, as rendered a moment ago if it is the same for all newcomers."""
        request = request_of(self._quart.extensions["fairgate"], scope, {"room_id": room_id})
        response = self._newcomer_pages.find(request)
        if response is None:
            await self._pass_on(scope, receive, send, request)
        else:
            await _send(request, response, receive, send)

    async def _nowhere_or_pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = request_of(self._quart.extensions["fairgate"], scope, {})
        if may_know_path(request):
            await self._pass_on(scope, receive, send)
        else:
            await _send(request, refuse(NotFound()), receive, send)

    async def _file_or_pass_on(self, names: list[str], scope: Scope, receive: Receive, send: Send) -> None:
        if not await self._file(names, scope, receive, send):
            await self._pass_on(scope, receive, send)

    async def _serve(
        self, endpoint: Endpoint, params: dict[str, str], scope: Scope, receive: Receive, send: Send
    ) -> None:
        app: App = self._quart.extensions["fairgate"]
        request = request_of(app, scope, params)
        body = b""
        if has_body(scope, request):
            try:
                body = await read_body(receive, endpoint.body_max, request, self._bodies)
            except (BodyTooLarge, MalformedJson) as error:
                await _send(request, refuse(error), receive, send)
                return
        if endpoint.name in self._streams and request.method != "HEAD":
            await _serve_stream(endpoint, request, receive, send)
            return
        response = await answer(endpoint, request, body)
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
        """Let Quart respond. `page`: the request for a queue page, which may be cached for others."""
        headers = dict(scope["headers"])
        request_id = page.request_id if page else request_id_of(headers.get(b"x-request-id"))
        scope["fairgate.request_id"] = request_id
        app: App = self._quart.extensions["fairgate"]
        origins, secure = app.settings.cors_origins, request_of(app, scope, {}).is_secure()
        started, began, record = False, time.perf_counter(), scope.get("fairgate.record") or Record()
        answered = ResponseCollector(self._newcomer_pages, page, record) if page else None

        async def marked(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if answered:
                answered.note(message)
            if message["type"] == "http.response.start":
                started, seconds = True, time.perf_counter() - began
                if request_log.is_logged(record, message["status"], seconds):
                    request_log.write(request_id, scope["method"], record, message["status"], seconds)
                sent = [*message["headers"], (b"x-request-id", request_id.encode()), *app.draining.headers]
                if not cache_control.has_cache_control(sent):
                    sent.append(cache_control.PRIVATE)
                sent = security_headers.added(sent, secure=secure)
                message["headers"] = cors.added(sent, origins, headers.get(b"origin")) if origins else sent
            await send_within(app.settings.send_timeout_s, send, message)

        recorded = RECORD.set(record)
        try:
            with bound_contextvars(request_id=request_id):
                await self._inner(scope, receive, marked)
        except ReaderGone:
            return
        except Exception as error:  # Quart handles failures before the response starts
            if not started:
                raise
            broke_off(error, request_id)
            return
        finally:
            RECORD.reset(recorded)
        if not started:  # Quart takes invalid chunks for a client that left, and sends nothing
            await _send(request_of(app, scope, {}), refuse(MalformedJson(BROKEN_OFF)), receive, send)


async def _serve_stream(endpoint: Endpoint, request: Request, receive: Receive, send: Send) -> None:
    """Streams are counted by the visitor's address, behind our proxies, too, before anything is looked up."""
    with ExitStack() as counted:
        try:
            counted.enter_context(request.app.open_streams.one_more(request.client))
            response = await answer(endpoint, request, b"")
        except RateLimited as error:
            response = refuse(error)
        await _send(request, response, receive, send)


async def _send(
    request: Request, response: Response, receive: Receive, send: Send, *, gates: bool = False
) -> None:
    body, always = response.body, request.app.draining.headers
    headers = [(b"x-request-id", request.request_id.encode()), *response.headers, *always]
    if response.status not in BODILESS:
        headers.append((b"content-type", response.content_type))
        if isinstance(body, bytes):
            headers.append((b"content-length", str(len(body)).encode()))
    if not cache_control.has_cache_control(headers):
        headers.append(cache_control.PRIVATE)
    # A proxy passes the gate's response on to the browser as part of the shop's host, of which we know
    # nothing.
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
