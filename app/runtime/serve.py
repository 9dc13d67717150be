"""Serves the app with Hypercorn or Granian. The only module that knows which.

One process, one event loop, one listening socket that is already bound (see `listening`).
"""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import uvloop
from quart import Quart

from app import logs, loops
from app.main import create_app
from app.monitoring import ops_server
from app.monitoring.ops_server import Ops
from app.runtime import cpu_policy, gc_tuning, reloading
from app.runtime.sockets import ServerName
from app.settings import Settings
from app.store.connections import connected
from app.web.http.draining import Draining
from app.web.http.routes import App

Serve = Callable[[Quart, socket.socket, Draining], Coroutine[Any, Any, None]]

OPEN_FILES = 1_000_000
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


def serve_with(server: ServerName) -> Serve:
    """The function that serves an app with this server, which only now is imported."""
    if server == "granian":
        from app.runtime import granian_server

        return granian_server.serve
    from app.runtime import hypercorn_server

    return hypercorn_server.serve


async def _run(
    settings: Settings, listener: socket.socket, server: ServerName, ops_listener: socket.socket | None
) -> None:
    serve = serve_with(server)
    async with connected(settings):
        pass  # fails with one line instead of a traceback from the app's start-up
    app = create_app(settings)
    await app.startup()
    running: App = app.extensions["fairgate"]
    draining = running.draining
    at_once = _on_signals(draining)
    reloading.on_hangup(settings)
    gc_tuning.freeze_startup_objects()
    ops = Ops(running.stores, running.queues, running.loops, draining.started.is_set)
    operators = (
        [running.loops.start("ops", partial(ops_server.serve, ops, ops_listener))] if ops_listener else []
    )
    serving = asyncio.create_task(serve(app, listener, draining))
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
        if draining.started.is_set() or number == signal.SIGINT:
            at_once.set()
        draining.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return at_once


async def _drained(
    serving: asyncio.Task[None], draining: Draining, at_once: asyncio.Event, delay_s: float
) -> None:
    """Wait for a signal, then for the delay, then for requests and streams to end. Returns early if the
    server ends by itself."""
    log, grace_s = logs.get(__name__), draining.grace_s
    signalled, hurried = asyncio.create_task(draining.started.wait()), asyncio.create_task(at_once.wait())
    await asyncio.wait({serving, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        log.info("stopping", delay_s=0 if at_once.is_set() else delay_s, grace_s=grace_s)
        await asyncio.wait({serving, hurried}, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
    draining.closing.set()
    await asyncio.wait({serving}, timeout=grace_s + CLOSE_TIMEOUT_S)
    if not serving.done():
        log.warning("requests or streams are cut off", grace_s=grace_s)
    for task in (signalled, hurried):
        task.cancel()
