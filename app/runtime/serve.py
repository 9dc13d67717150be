"""Serves the app with Hypercorn or Granian. The only module that knows either.

One process, one event loop, one listening socket that is already bound (see `listening`).
"""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import h11
import hypercorn.protocol
import uvloop
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server as EmbeddedGranian
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config as HypercornConfig
from hypercorn.events import Closed
from hypercorn.protocol.h11 import H11Protocol
from quart import Quart

from app import logs, loops
from app.main import create_app
from app.monitoring import ops_server
from app.monitoring.ops_server import Ops
from app.runtime import cpu_policy, gc_tuning, reloading
from app.runtime.sockets import BACKLOG, ServerName
from app.settings import Settings
from app.store.connections import connected
from app.web.http.draining import Draining
from app.web.http.routes import App

Asgi = Callable[[Any, Any, Any], Awaitable[None]]

OPEN_FILES = 1_000_000
REQUESTS_AT_ONCE = 20_000  # Granian's backpressure; each SSE viewer counts as one
KEEP_ALIVE_S = 75.0  # longer than the poll interval of a waiting page
HEADERS_MAX = 64 * 1024  # a browser keeps up to 180 cookies for a host, and each room has its own
CLOSE_TIMEOUT_S = 0.5  # beyond the grace period, for the server to close what is left
SHUTDOWN_S = 1.0  # for our loops and stores


def run(
    settings: Settings, listener: socket.socket, server: ServerName, ops_listener: socket.socket | None
) -> None:
    """Serve until SIGTERM or SIGINT, then drain. Raises StoreRefused if a store cannot be used at the
    start."""
    cpu_policy.use_batch_policy()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, OPEN_FILES)), hard))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, listener, server, ops_listener))


async def _run(
    settings: Settings, listener: socket.socket, server: ServerName, ops_listener: socket.socket | None
) -> None:
    async with connected(settings):
        pass  # fails with one line instead of a traceback from the app's start-up
    app = create_app(settings)
    await app.startup()
    running: App = app.extensions["fairgate"]
    draining = running.draining
    at_once = _on_signals(draining)
    reloading.on_hangup(settings)
    gc_tuning.freeze_startup_objects()
    ops = Ops(running.stores, running.queues, running.loops, draining.asked.is_set)
    operators = (
        [running.loops.start("ops", partial(ops_server.serve, ops, ops_listener))] if ops_listener else []
    )
    serving = asyncio.create_task(SERVERS[server](app, listener, draining))
    logs.get(__name__).info("serving", server=server, address=listener.getsockname()[:2])
    await _drained(serving, draining, at_once, settings.shutdown_delay_s)
    ended = serving.done()
    serving.cancel()
    await loops.end(operators)
    await asyncio.wait_for(app.shutdown(), SHUTDOWN_S)
    if ended:
        await serving  # raises the error that ended it, if it was not the signal


def _on_signals(draining: Draining) -> asyncio.Event:
    """Start draining on SIGTERM and SIGINT. The returned event is set to skip the delay: on Ctrl-C, or a
    second signal."""
    at_once, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        if draining.asked.is_set() or number == signal.SIGINT:
            at_once.set()
        draining.ask()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return at_once


async def _drained(
    serving: asyncio.Task[None], draining: Draining, at_once: asyncio.Event, delay_s: float
) -> None:
    """Wait for a signal, then for the delay, then for requests and streams to end. Returns early if the
    server ends by itself."""
    log, grace_s = logs.get(__name__), draining.grace_s
    asked, hurried = asyncio.create_task(draining.asked.wait()), asyncio.create_task(at_once.wait())
    await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        log.info("stopping", delay_s=0 if at_once.is_set() else delay_s, grace_s=grace_s)
        await asyncio.wait({serving, hurried}, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
    draining.closing.set()
    await asyncio.wait({serving}, timeout=grace_s + CLOSE_TIMEOUT_S)
    if not serving.done():
        log.warning("requests or streams are cut off", grace_s=grace_s)
    for task in (asked, hurried):
        task.cancel()


async def _hypercorn(app: Quart, listener: socket.socket, draining: Draining) -> None:
    protocols: Any = hypercorn.protocol
    protocols.H11Protocol = _Http1  # there is no setting for it
    config = HypercornConfig()
    config.bind = [f"fd://{listener.fileno()}"]
    config.backlog = BACKLOG
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.keep_alive_max_requests = 1_000_000
    config.h11_max_incomplete_size = HEADERS_MAX
    config.graceful_timeout = draining.grace_s
    config.include_server_header = False
    config.errorlog = logging.getLogger("hypercorn.error")

    async def serving(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for step in ("startup", "shutdown"):  # we start and stop the app ourselves
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    await hypercorn_serve(serving, config, shutdown_trigger=draining.closing.wait, mode="asgi")


class _Http1(H11Protocol):
    """HTTP/1 only, as with Granian: HTTP/2 ends at the proxy that speaks TLS to browsers.

    No browser uses it without TLS, and anybody who does can open and reset streams by the hundred: nine
    hundred in half a second kept the process from serving others for eleven seconds.
    """

    async def _check_protocol(self, event: h11.Request) -> None:
        """Ignore an offer of h2c: the request is answered as HTTP/1."""

    async def _create_stream(self, request: h11.Request) -> None:
        if request.http_version in (b"1.0", b"1.1"):
            await super()._create_stream(request)
            return
        await self._send_error_response(505)
        await self.send(Closed())


class _Granian(EmbeddedGranian):
    """Granian in our event loop, on a socket that is already bound."""

    def __init__(self, listener: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        holder: Any = SocketHolder  # its stub omits the constructor
        self._shd = holder(self._listener.fileno(), False, BACKLOG)


async def _granian(app: Quart, listener: socket.socket, draining: Draining) -> None:
    server: Any = _Granian(
        listener,
        app.asgi_app,
        interface=Interfaces.ASGINL,  # without lifespan: we start and stop the app ourselves
        backlog=BACKLOG,
        backpressure=REQUESTS_AT_ONCE,
        http=HTTPModes.http1,  # detecting HTTP/2 costs 12 KB per open connection
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig={"loggers": {}, "handlers": {}, "formatters": {}},
    )
    serving = asyncio.create_task(server.serve())
    closed = asyncio.create_task(draining.closing.wait())
    await asyncio.wait({serving, closed}, return_when=asyncio.FIRST_COMPLETED)
    server.stop()
    await serving


SERVERS: dict[ServerName, Callable[[Quart, socket.socket, Draining], Coroutine[Any, Any, None]]] = {
    "hypercorn": _hypercorn,
    "granian": _granian,
}
