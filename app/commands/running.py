"""up, web, worker, env: starting processes, and their addresses."""

from __future__ import annotations

import asyncio
import socket
from typing import Annotated, Literal

import typer

from app import logs
from app.commands.command_settings import CommandFailed, Data, read_settings, settings_of, with_addresses
from app.runtime import installation, sockets
from app.settings import SIMULATED

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 or :: for all.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")]
Server = Annotated[
    Literal["hypercorn", "granian"], typer.Option(help="Web server; granian is faster in a rush.")
]
Web = Annotated[int, typer.Option(min=1, max=64, help="Number of web processes.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Number of worker processes.")]

OpsPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port for operators: /livez, /readyz, /metrics; 0 picks a free one."),
]
UpOpsPort = Annotated[
    int,
    typer.Option(
        min=0,
        max=65534,
        help="Port for operators on the loopback, the next one for workers; 0 picks free ones.",
    ),
]
OpsHost = Annotated[str, typer.Option(help="Address of the operators' port; do not make it public.")]
OpsFd = Annotated[int | None, typer.Option(hidden=True)]

HOST, PORT = "127.0.0.1", 8080


def up(
    *,
    host: Host = HOST,
    port: Port = PORT,
    server: Server = "hypercorn",
    web: Web = 1,
    workers: Workers = 1,
    ops_port: UpOpsPort = 0,
    data: Data = None,
    simulate_payments: Annotated[
        bool, typer.Option("--simulate-payments", help="Sell with a simulated gateway, which takes no money.")
    ] = False,
) -> None:
    """Start everything, with embedded stores unless REDIS_URL and DATABASE_URL are set."""
    from app.runtime import supervisor

    settings = read_settings(data)
    if simulate_payments:
        settings = settings.model_copy(update={"payments": SIMULATED})
    logs.configure(settings, "up")
    asyncio.run(supervisor.run(supervisor.Plan(settings, host, port, server, web, workers, ops_port)))


def web(
    *,
    host: Host = HOST,
    port: Port = PORT,
    server: Server = "hypercorn",
    ops_port: OpsPort = None,
    ops_host: OpsHost = sockets.OPS_HOST,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    ops_fd: OpsFd = None,
    data: Data = None,
) -> None:
    """Run one web process on existing stores."""
    settings = with_addresses(settings_of(data))
    if not settings.secret.get_secret_value():
        raise CommandFailed(
            "FAIRGATE_SECRET is not set: it signs the place tokens and must be the same for all processes"
        )
    from app.runtime import serve
    from app.store.spans import with_trace_ids

    logs.configure(settings, "web", with_trace_ids)
    listener = sockets.listen(host, port) if fd is None else sockets.inherited(fd)
    serve.run(settings, listener, server, _ops_listener(ops_host, ops_port, ops_fd))


def worker(
    *,
    ops_port: OpsPort = None,
    ops_host: OpsHost = sockets.OPS_HOST,
    ops_fd: OpsFd = None,
    data: Data = None,
) -> None:
    """Run one worker on existing stores: admission, reservations, payments, e-mails, webhooks."""
    settings = with_addresses(settings_of(data))
    from app.store.spans import with_trace_ids
    from worker import main

    logs.configure(settings, "worker", with_trace_ids)
    main.run(settings, _ops_listener(ops_host, ops_port, ops_fd))


def _ops_listener(host: str, port: int | None, fd: int | None) -> socket.socket | None:
    """The listener for operators: inherited from our supervisor, or on the requested port, if any."""
    if fd is not None:
        return sockets.inherited(fd)
    if port is None:
        return None
    listener = sockets.listen(host, port, option="--ops-port")
    logs.get(__name__).info("serving operators", address=sockets.url_of(host, listener))
    return listener


def env(*, data: Data = None) -> None:
    """Print REDIS_URL, QUEUE_REDIS_URL, DATABASE_URL and the operator ports of a running installation."""
    settings = with_addresses(settings_of(data))
    print(f"REDIS_URL={settings.redis_url}")
    print(f"QUEUE_REDIS_URL={settings.queue_url}")
    print(f"DATABASE_URL={settings.database_url}")
    if running := installation.running(settings.data):
        print(f"OPS_URL={running.ops_url}")
        print(f"WORKER_OPS_URL={running.worker_ops_url}")
