"""The Quart side: every call of the contract as a Quart route, all ending in the same `answer`.

One view per path knows its methods, so that OPTIONS and 405 are handled the same way everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from quart import Quart, current_app, request
from quart import Response as QuartResponse

from app.core.errors import BodyTooLarge, MethodNotAllowed
from app.web.http import cors
from app.web.http.deadlines import body_paced
from app.web.http.dispatch import answer, refuse, request_of
from app.web.http.routes import BODILESS, METHODS, App, Endpoint, Response

DRAIN_MAX = 1024 * 1024  # how much more of an oversized body is read, and for how long
DRAIN_S = 2.0

View = Callable[..., Awaitable[QuartResponse]]


def register_endpoints(quart: Quart, endpoints: Iterable[Endpoint]) -> None:
    """Register a Quart route for every path, and problem documents for every error."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for it in endpoints:
        by_path.setdefault(it.path, {})[it.method] = it
    views = set()
    for path, by_method in by_path.items():
        views.add(path.replace(".", "_"))
        quart.add_url_rule(
            path.replace("{", "<").replace("}", ">"),
            endpoint=path.replace(".", "_"),
            view_func=_view(quart, by_method),
            provide_automatic_options=False,
        )
    for rule in quart.url_map.iter_rules():
        if rule.endpoint in views:
            rule.methods = None  # any method: the view handles those not supported
    quart.register_error_handler(Exception, _on_error)


def allowed(by_method: dict[str, Endpoint]) -> str:
    """The Allow header of a path."""
    methods = set(by_method) | {"OPTIONS"} | ({"HEAD"} if "GET" in by_method else set())
    return ", ".join(method for method in METHODS if method in methods)


def quart_response(response: Response) -> QuartResponse:
    """Convert our response to Quart's."""
    assert not callable(response.body)  # only the hot lane serves streams
    converted = QuartResponse(response.body, response.status)
    converted.headers.clear()
    for name, value in response.headers:
        converted.headers.add(name.decode(), value.decode("latin-1"))
    if response.status not in BODILESS:
        converted.headers["Content-Type"] = response.content_type.decode()
        if isinstance(response.body, bytes):
            converted.headers["Content-Length"] = str(len(response.body))
    if request.method == "HEAD":
        converted.set_data(b"")
        if isinstance(response.body, bytes) and response.status not in BODILESS:
            converted.headers["Content-Length"] = str(len(response.body))
    converted.timeout = None
    return converted


def _view(quart: Quart, by_method: dict[str, Endpoint]) -> View:
    allow = allowed(by_method)

    async def view(**params: str) -> QuartResponse:
        app: App = quart.extensions["fairgate"]
        method = "GET" if request.method == "HEAD" and "GET" in by_method else request.method
        if method == "OPTIONS":
            return quart_response(_options(app, allow))
        endpoint = by_method.get(method)
        if endpoint is None:
            return quart_response(refuse(MethodNotAllowed(allow)))
        scope: Any = request.scope
        body = await read_body(endpoint.body_max)
        return quart_response(await answer(endpoint, request_of(app, scope, params), body))

    return view


def _options(app: App, allow: str) -> Response:
    headers = [(b"allow", allow.encode())]
    if app.settings.cors_origins and "Access-Control-Request-Method" in request.headers:
        headers += cors.preflight(allow)
    return Response(204, b"", headers)


async def read_body(body_max: int) -> bytes:
    """Read the whole body; refuses it while reading if it is too long or stalls.

    All bodies served by Quart are read here. Raises BodyTooLarge, MalformedJson.
    """
    app: App = current_app.extensions["fairgate"]
    chunks: list[bytes] = []
    size = request.content_length or 0
    if size <= body_max:
        size = 0
        async with body_paced(app.settings.body_timeout_s) as pace:
            async for chunk in request.body:
                size += len(chunk)
                if size > body_max:
                    break
                chunks.append(chunk)
                pace.received(size)
    if size > body_max:
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await _drain()
        raise BodyTooLarge(f"At most {body_max // 1024} KiB are accepted here.")
    return b"".join(chunks)


async def _drain() -> None:
    """Keep reading for a while: a client cut off while sending never sees our response."""
    size = 0
    async for chunk in request.body:
        size += len(chunk)
        if size > DRAIN_MAX:
            return


async def _on_error(error: Exception) -> QuartResponse:
    return quart_response(refuse(error))
