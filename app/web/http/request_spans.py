"""The server span of a sampled request: named after its route, with the attributes of its log line.

A caller's `traceparent` only counts if it came through one of our proxies. Otherwise anybody could have all
of their requests sampled, which is expensive.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from app.store.spans import RECORD, Record
from app.store.traces import Span, Tracer
from app.web.http.client_ip import is_trusted_proxy
from app.web.http.request_log import WATCHED, ids_of
from app.web.http.routes import STREAM, App
from app.web.http.streaming import Receive, Send

Scope = MutableMapping[str, Any]
Way = Callable[[Scope, Receive, Send], Awaitable[None]]


def begin_span(app: App, tracer: Tracer, scope: Scope) -> Span | None:
    """The span of this request, None if it is not sampled."""
    if app.trusted:
        for name, value in scope["headers"]:
            if name == b"traceparent":
                peer = scope.get("client")
                if peer and is_trusted_proxy(peer[0], app.trusted):
                    return tracer.request(value.decode("latin-1"))
                break
    return tracer.request(None)


async def serve_traced(span: Span, way: Way, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a sampled request. The span of an event stream ends when the stream begins."""
    record, status = Record(span), 0
    scope["fairgate.record"] = record

    async def noted(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            if (b"content-type", STREAM) in message["headers"]:
                _end(span, record, scope, status)
        await send(message)

    recorded = RECORD.set(record)
    try:
        await way(scope, receive, noted)
    except BaseException as broke:
        record.error = broke if isinstance(broke, Exception) else None
        raise
    finally:
        RECORD.reset(recorded)
        _end(span, record, scope, status)


def _end(span: Span, record: Record, scope: Scope, status: int) -> None:
    if record.call in WATCHED:  # frequent polls are not worth a trace
        return
    method, route = scope["method"], record.route
    span.name = f"{method} {route}".rstrip()
    ids = ids_of(record.ids)
    span.attributes |= {
        "http.request.method": method,
        "url.scheme": scope["scheme"],
        **({"http.route": route, "url.path": _path(route, ids)} if route else {}),
        **({"http.response.status_code": status} if status else {}),
        **{f"fairgate.{name}": value for name, value in ids.items()},
    }
    error = type(record.error).__name__ if record.error else str(status) if status >= 500 else ""
    span.end(error if status >= 500 or not status else "")


def _path(route: str, ids: dict[str, str]) -> str:
    """The path with its ids; other parameters, which may be secrets, are replaced by their names."""
    for name, value in ids.items():
        route = route.replace(f"{{{name}}}", value).replace(f"<{name}>", value)
    return route
