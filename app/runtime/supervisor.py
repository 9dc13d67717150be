"""`fairgate up`: starts everything one installation needs, keeps it alive, and stops it.

Order: embedded stores (where no address is set), migrations, web and worker processes, `ready`. A child that
dies is restarted; one that cannot be started at all ends `up` with one line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from app import logs
from app.runtime import (
    child_process,
    cpu_policy,
    embedded_postgres,
    embedded_stores,
    gc_tuning,
    installation,
    log_files,
    reloading,
    role_environment,
    schema,
)
from app.runtime.cancelling import cancel
from app.runtime.child_process import Child, as_role
from app.runtime.embedded_stores import EmbeddedStore
from app.runtime.installation import Installation, InstallationRefused, Member
from app.runtime.sockets import OPS_HOST, ServerName, listen, url_of
from app.settings import Settings
from app.store.connections import check_stores

WATCH_EVERY_S = 0.1
READY_TIMEOUT_S = 60.0
READY_ASK_TIMEOUT_S = 3.0
ROLES_STOP_TIMEOUT_S = 2.4  # both within the 5 s that Ctrl-C may take
STORES_STOP_TIMEOUT_S = 1.3

OnReady = Callable[[str, Settings], Coroutine[None, None, None]]


async def until_stopped(_url: str, _settings: Settings) -> None:
    """Wait; the default action of `up` once it is ready."""
    await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of `fairgate up`."""

    settings: Settings
    host: str
    port: int
    server: ServerName
    web: int
    workers: int
    ops_port: int = 0  # of web processes; the workers' is the next one, or also free


@dataclass
class RunningInstallation:
    """The processes of a running installation."""

    data: Path
    supervisor: Member
    url: str
    settings: Settings
    ops_url: str = ""
    worker_ops_url: str = ""
    stores: list[Child] = field(default_factory=list)
    roles: list[Child] = field(default_factory=list)
    listeners: list[socket.socket] = field(default_factory=list)  # for operators
    ready: bool = False

    def save(self) -> None:
        """Record for other commands, and for the next `up` after a crash, what runs where."""
        members = []
        for child in (*self.stores, *self.roles):
            with contextlib.suppress(psutil.NoSuchProcess):  # it just died; the watch will notice
                if child.process is not None:
                    members.append(Member.of(child.name, child.process.pid))
        installation.save(
            self.data,
            Installation(
                self.supervisor,
                self.url,
                self.settings.redis_url,
                self.settings.queue_url,
                self.settings.database_url,
                members,
                self.ops_url,
                self.worker_ops_url,
            ),
        )

    def reload(self) -> None:
        """Make the roles reread their settings."""
        for it in self.roles:
            it.send(signal.SIGHUP)

    def stop(self) -> None:
        """Stop everything: the roles while their stores still answer, then the stores."""
        child_process.stop(self.roles, ROLES_STOP_TIMEOUT_S)
        child_process.stop(self.stores, STORES_STOP_TIMEOUT_S)
        for it in self.listeners:
            it.close()


async def run(plan: Plan, on_ready: OnReady = until_stopped) -> None:
    """Run everything until SIGINT or SIGTERM, SIGHUP at a terminal, or the end of `on_ready`. Raises the
    error that prevented the start."""
    cpu_policy.use_batch_policy()
    gc_tuning.freeze_startup_objects()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    data = installation.prepare(plan.settings.data)
    log_files.prepare(data)
    with installation.locked(data), contextlib.closing(listen(plan.host, plan.port)) as listener:
        for name in installation.stop_leftovers(data):
            _print(f"stopped {name}, left over from a crashed run")
        supervisor = Member.of("up", os.getpid())
        running = RunningInstallation(data, supervisor, url_of(plan.host, listener), plan.settings)
        reloading.on_hangup(plan.settings, then=running.reload)
        work = asyncio.create_task(_work(plan, running, listener, on_ready))
        stop = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if stop.done():
                _print("stopping")
                await cancel(work)
            with contextlib.suppress(asyncio.CancelledError):
                await work
        finally:
            running.stop()
            installation.forget(data)
    _print("stopped")


async def _work(plan: Plan, running: RunningInstallation, listener: socket.socket, on_ready: OnReady) -> None:
    try:
        await _start_stores(running)
        if not await schema.is_current(running.settings.database_url):
            from app.runtime import migrate  # Alembic is slow to import, and stays in memory

            _print("migrating the database")
            await asyncio.to_thread(migrate.up, running.settings.database_url)
        _start_roles(plan, running, listener)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(running))
            await _until_ready(running)
            print(f"ready {running.url}", flush=True)
            await on_ready(running.url, running.settings)
            watching.cancel()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def _start_stores(running: RunningInstallation) -> None:
    """Start the embedded stores and check the others; all answer on return. Raises StoreRefused."""
    given, data = running.settings, running.data
    settings = given.model_copy(
        update={
            "data": data,
            "secret": given.secret if given.secret.get_secret_value() else installation.secret(data),
            "payment_webhook_secret": given.payment_webhook_secret
            if given.payment_webhook_secret.get_secret_value()
            else installation.payment_webhook_secret(data),
        }
    )
    await check_stores(given)  # first, so that a wrong address is reported before anything is started
    addresses = {"REDIS_URL": given.redis_url, "DATABASE_URL": given.database_url}
    if unset := [name for name, value in addresses.items() if not value]:
        embedded_stores.require(f"set {' and '.join(unset)}")
    if not given.redis_url:
        store = await _embed(running, "valkey", embedded_stores.start_valkey)
        settings = settings.model_copy(update={"redis_url": store.url})
    if not given.database_url:
        store = await _embed(running, "postgres", embedded_postgres.start_postgres)
        cached = installation.statement_cache_size(given)
        settings = settings.model_copy(update={"database_url": store.url, "postgres_statements": cached})
    running.settings = settings
    running.save()


async def _embed(
    running: RunningInstallation, name: str, start: Callable[..., EmbeddedStore]
) -> EmbeddedStore:
    folder, began = running.data / name, time.monotonic()
    fresh = "" if folder.exists() else " for the first time"
    _print(f"starting {name} in {folder}{fresh}")
    store = start(folder)
    port = int((folder / "port").read_text())
    child = Child(
        name, lambda: start(folder, port=port).process, embedded_stores.STOP_SIGNALS[name], store.process
    )
    running.stores.append(child)
    await embedded_stores.ready(store)
    _print(f"{name} answers on 127.0.0.1:{port} after {time.monotonic() - began:.1f} s")
    return store


def _start_roles(plan: Plan, running: RunningInstallation, listener: socket.socket) -> None:
    for_web = listen(OPS_HOST, plan.ops_port, "--ops-port")
    for_workers = listen(OPS_HOST, plan.ops_port + 1 if plan.ops_port else 0, "--ops-port")
    running.listeners += [for_web, for_workers]
    running.ops_url, running.worker_ops_url = url_of(OPS_HOST, for_web), url_of(OPS_HOST, for_workers)
    public, operators = listener.fileno(), for_web.fileno()
    web = ["web", "--server", plan.server, "--fd", str(public), "--ops-fd", str(operators)]
    running.roles += [_role(running, web, (public, operators)) for _ in range(plan.web)]
    of_worker = for_workers.fileno()
    worker = ["worker", "--ops-fd", str(of_worker)]
    running.roles += [_role(running, worker, (of_worker,)) for _ in range(plan.workers)]
    for role in running.roles:
        role.start()
    running.save()
    _print(f"starting web ({plan.server}) x {plan.web} and worker x {plan.workers}")
    _print(
        f"for operators: /metrics and /readyz of web at {running.ops_url}, "
        f"of worker at {running.worker_ops_url}"
    )


def _role(running: RunningInstallation, arguments: list[str], files: tuple[int, ...]) -> Child:
    environment = role_environment.of(arguments[0], running.settings, running.data, running.url)

    def launch() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*child_process.program(), *arguments],
            env=environment,
            pass_fds=files,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches only us, and we stop them in order
            preexec_fn=as_role(),
        )

    return Child(arguments[0], launch)


async def _watch(running: RunningInstallation) -> None:
    logger = logs.get(__name__)
    while True:
        for child in (*running.stores, *running.roles):
            if (code := child.bury()) is not None:
                if not running.ready and code > 0:
                    raise InstallationRefused(
                        f"{child.name} could not start (exit code {code}); see its output above"
                    )
                logger.warning("a child process died", child=child.name, code=code)
            if child.due:
                try:
                    child.start()
                except OSError as error:
                    child.postpone()
                    logger.error("a child process cannot be started", child=child.name, reason=str(error))
                    continue
                running.save()
                logger.warning("restarted a child process", child=child.name)
        log_files.rotate(running.data)
        await asyncio.sleep(WATCH_EVERY_S)


async def _until_ready(running: RunningInstallation) -> None:
    """Wait until a web process serves and its `/readyz` finds the stores and a worker."""
    deadline, answer = time.monotonic() + READY_TIMEOUT_S, "no answer"
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, HTTPException):
            status, answer = await asyncio.to_thread(_get, running.ops_url, "/readyz")
            if status == 200 and (await asyncio.to_thread(_get, running.url, "/livez"))[0] == 200:
                running.ready = True
                return
        await asyncio.sleep(WATCH_EVERY_S)
    raise InstallationRefused(f"not ready within {READY_TIMEOUT_S:.0f} s; /readyz says: {answer[:200]}")


def _get(url: str, path: str) -> tuple[int, str]:
    """Status and text of a page at our own address; a wildcard address is reached on the loopback."""
    reachable = urlsplit(url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:"))
    client = HTTPConnection(reachable.hostname or "", reachable.port, timeout=READY_ASK_TIMEOUT_S)
    with contextlib.closing(client):
        client.request("GET", path)
        response = client.getresponse()
        return response.status, response.read().decode()


def _print(line: str) -> None:
    print(f"fairgate: {line}", file=sys.stderr, flush=True)
