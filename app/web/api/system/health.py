"""Machines' calls at the public port: liveness, readiness, metrics, public keys.

Anybody may check liveness and readiness; the reasons and the metrics are for operators: on a port of their
own (`app/monitoring/ops_server.py`), and here with the operators' token.
"""

from __future__ import annotations

import msgspec

from app.core.errors import NotFound, StoreUnavailable
from app.monitoring import exposition, readiness
from app.web.http.cache_control import NO_STORE, shared
from app.web.http.operators import METRICS, is_operator
from app.web.http.routes import Request, Response, endpoint, json_response

TAG = "Operations"
ALL = ""  # the only key of the readiness cache


class Alive(msgspec.Struct, frozen=True):
    """The process serves."""

    status: str


class Ready(msgspec.Struct, frozen=True, omit_defaults=True):
    """`status` for everybody: `ok` or `unavailable`. For operators also each part: `ok` or the reason."""

    status: str = ""
    redis: str = ""
    postgres: str = ""
    worker: str = ""
    loops: str = ""
    process: str = ""  # `ok` or `stopping`
    warnings: list[str] = []  # parts that work, but are configured so that data may be lost


class KeySet(msgspec.Struct, frozen=True):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


@endpoint("GET", "/livez", tag=TAG, answers={200: Alive})
async def livez(request: Request) -> Response:
    """Liveness: the process serves. Touches no store."""
    return json_response(200, Alive("ok"), [NO_STORE])


@endpoint("GET", "/readyz", tag=TAG, answers={200: Ready, 503: Ready})
async def readyz(request: Request) -> Response:
    """Readiness: whether this process can do its work, at most a second old.

    A process that is stopping is not ready.

    With the operators' token the stores are checked now, and each of them, the workers and the internal loops
    is reported: `ok`, or the reason why not.
    """
    app, stopping = request.app, request.app.draining.started.is_set()
    if is_operator(request):
        readiness_now = await readiness.check(app.stores, app.loops, stopping=stopping)
        return _readiness(readiness_now.ready, Ready(**msgspec.structs.asdict(readiness_now)))
    if stopping:
        return _readiness(False, Ready("unavailable"))
    readiness_now = await app.caches.readiness.get(ALL, lambda: readiness.check(app.stores, app.loops))
    return _readiness(readiness_now.ready, Ready("ok" if readiness_now.ready else "unavailable"))


def _readiness(ready: bool, document: Ready) -> Response:
    headers = [NO_STORE] if ready else [NO_STORE, (b"retry-after", b"1")]
    return json_response(200 if ready else 503, document, headers)


@endpoint("GET", METRICS, tag=TAG, answers={200: b"text/plain"}, errors=(NotFound, StoreUnavailable))
async def prometheus(request: Request) -> Response:
    """Get the metrics in Prometheus' text format, or in OpenMetrics if accepted.

    404 without the operators' token.
    """
    if not is_operator(request):
        raise NotFound
    app, accept = request.app, request.header(b"accept") or ""
    kind, body = await exposition.render(app.stores, app.queues, app.drift, accept)
    return Response(200, body, [NO_STORE], kind.encode())


@endpoint("GET", "/.well-known/jwks.json", tag=TAG, answers={200: KeySet})
async def jwks(request: Request) -> Response:
    """Get the public keys that verify booking tokens and passes."""
    # Short: a key that was just created already signs.
    return json_response(200, request.app.keyring.signer.jwks(), [shared("jwks")])
