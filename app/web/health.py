"""What operators ask: alive, ready, metrics, public keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from app import stats
from app.core.clock import now_ms
from app.core.errors import StoreUnavailable
from app.stats import WORKER_SEEN_MS
from app.store import presence, state
from app.store.connections import STORE_AWAY, RedisClient
from app.store.keys import WORKERS
from app.web import exposition
from app.web.caching import shared
from app.web.http import Request, Response, endpoint, json_response

TAG = "Operations"
READY_TIMEOUT_S = 1.0
NO_STORE = [(b"cache-control", b"no-store")]


class Alive(msgspec.Struct, frozen=True):
    """The process serves."""

    status: str


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """`ok`, or why not."""

    redis: str
    postgres: str
    worker: str
    loops: str
    warnings: list[str] = []  # what works, and is set up so that it may lose something


class KeySet(msgspec.Struct, frozen=True):
    """Public keys (RFC 7517)."""

    keys: list[dict[str, str]]


@endpoint("GET", "/livez", tag=TAG, answers={200: Alive})
async def livez(request: Request) -> Response:
    """Tell that this process serves; touches nothing."""
    return json_response(200, Alive("ok"), NO_STORE)


@endpoint("GET", "/readyz", tag=TAG, answers={200: Readiness, 503: Readiness})
async def readyz(request: Request) -> Response:
    """Ask each store whether it can be written, with a deadline, and whether our loops and a worker's run."""
    stores = request.app.stores
    redis, postgres, worker, warnings = await asyncio.gather(
        _checked(_ok(state.write_redis(stores.redis))),
        _checked(_ok(state.write_postgres(stores.postgres))),
        _checked(_worker(stores.redis)),
        _warnings(stores.redis),
    )
    loops = _broken(request.app.loops.breaking())
    found = Readiness(redis, postgres, worker, loops, warnings)
    ready = {redis, postgres, worker, loops} == {"ok"}
    return json_response(
        200 if ready else 503, found, NO_STORE if ready else [*NO_STORE, (b"retry-after", b"1")]
    )


@endpoint("GET", "/metrics", tag=TAG, answers={200: b"text/plain"}, errors=(StoreUnavailable,))
async def prometheus(request: Request) -> Response:
    """Read the metrics, in Prometheus' text format."""
    body = await exposition.render(request.app.stores, request.app.line, request.app.drift)
    return Response(200, body, NO_STORE, CONTENT_TYPE_LATEST.encode())


@endpoint("GET", "/.well-known/jwks.json", tag=TAG, answers={200: KeySet})
async def jwks(request: Request) -> Response:
    """Read the public keys that booking and access tokens are checked with."""
    # Short: a key that was made a moment ago signs already.
    return json_response(200, request.app.keyring.signer.jwks(), [shared("jwks")])


async def _checked(check: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            return await check
    except TimeoutError:
        return f"no answer within {READY_TIMEOUT_S:.0f} s"
    except STORE_AWAY as error:
        return str(error) or type(error).__name__


async def _ok(check: Awaitable[None]) -> str:
    await check
    return "ok"


async def _warnings(redis: RedisClient) -> list[str]:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            return await state.redis_faults(redis)
    except STORE_AWAY:  # which is told already
        return []


async def _worker(redis: RedisClient) -> str:
    alive = await stats.workers(redis)
    if not alive:
        return f"no worker was seen in the last {WORKER_SEEN_MS // 1000} s"
    return _broken(await presence.breaking(redis, WORKERS, now_ms() - WORKER_SEEN_MS))


def _broken(names: str) -> str:
    return f"breaks again and again, see the log: {names}" if names else "ok"
