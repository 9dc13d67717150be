"""up, web, worker, env: what starts processes, and where they are."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import typer

from app import listening, log
from app.commands.settled import CommandFailed, Data, read_settings, settings_of, with_addresses

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 or :: for all.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]
Server = Annotated[Literal["hypercorn", "granian"], typer.Option(help="granian is the profile for a rush.")]
Web = Annotated[int, typer.Option(min=1, max=64, help="Web processes.")]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")]

HOST, PORT = "127.0.0.1", 8080


def up(
    *,
    host: Host = HOST,
    port: Port = PORT,
    server: Server = "hypercorn",
    web: Web = 1,
    workers: Workers = 1,
    data: Data = None,
    simulate_payments: Annotated[
        bool, typer.Option("--simulate-payments", help="Sell with a simulated gateway, which takes no money.")
    ] = False,
) -> None:
    """Start everything, with embedded stores unless REDIS_URL / DATABASE_URL are set."""
    from app import supervise

    settings = read_settings(data)
    if simulate_payments:
        settings = settings.model_copy(update={"simulate_payments": "on"})
    log.configure(settings, "up")
    asyncio.run(supervise.run(supervise.Plan(settings, host, port, server, web, workers)))


def demo(
    *,
    fans: Annotated[int, typer.Option(min=0, max=20_000, help="Simulated fans.")] = 400,
    host: Host = HOST,
    port: Port = PORT,
    server: Server = "hypercorn",
    web: Web = 1,
    workers: Workers = 1,
    data: Data = None,
) -> None:
    """What `up` does, plus a concert on sale and a crowd of simulated fans."""
    from app import demo, supervise

    settings = read_settings(data).model_copy(update={"simulate_payments": "on"})
    log.configure(settings, "up")
    plan = supervise.Plan(settings, host, port, server, web, workers)
    asyncio.run(supervise.run(plan, lambda url, running: demo.run(url, running, fans)))


def web(
    *,
    host: Host = HOST,
    port: Port = PORT,
    server: Server = "hypercorn",
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    data: Data = None,
) -> None:
    """Serve HTTP: one web process, on stores that run already."""
    settings = with_addresses(settings_of(data))
    if not settings.secret.get_secret_value():
        raise CommandFailed(
            "FAIRGATE_SECRET is not set: it signs the place tokens; give all processes the same one"
        )
    from app import serve

    log.configure(settings, "web")
    listener = listening.listen(host, port) if fd is None else listening.inherited(fd)
    serve.run(settings, listener, server)


def worker(*, data: Data = None) -> None:
    """Run the admission controller and the reservation processor, on stores that run already."""
    settings = with_addresses(settings_of(data))
    from worker import main

    log.configure(settings, "worker")
    main.run(settings)


def env(*, data: Data = None) -> None:
    """Print REDIS_URL, QUEUE_REDIS_URL and DATABASE_URL of the running installation."""
    settings = with_addresses(settings_of(data))
    print(f"REDIS_URL={settings.redis_url}")
    print(f"QUEUE_REDIS_URL={settings.queue_url}")
    print(f"DATABASE_URL={settings.database_url}")
