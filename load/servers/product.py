"""The product under test: `fairgate up` as a child process on its own data folder, and its staff."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from app.core.errors import CannotRun
from app.core.tokens.place_tokens import PlaceSigner
from app.runtime import child_process, installation
from app.runtime.sockets import ServerName
from app.settings import Settings
from app.store.connections import Stores, connected

READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
ASK_TIMEOUT_S = 30.0
JUDGE_TIMEOUT_S = 600.0  # the verdict reads every reservation in one query; there may be a million


class NotStarted(CannotRun):
    """The product did not start; the message is one line with its last output."""


@dataclass(frozen=True, slots=True)
class Product:
    """A running installation: its address, a client with an admin's credential, its stores and its folder."""

    url: str
    data: Path
    staff: httpx.AsyncClient
    stores: Stores

    async def post(self, path: str, document: Mapping[str, object] | None = None) -> None:
        """Make one POST of the staff API that has to succeed."""
        await self.call("POST", path, document)

    async def call(
        self, method: str, path: str, document: Mapping[str, object] | None = None
    ) -> httpx.Response:
        """Make one call of the staff API that has to succeed."""
        response = await self.staff.request(method, path, json=document)
        if response.is_error:
            raise NotStarted(f"{method} {path}: {response.status_code} {response.text[:300]}")
        return response

    @property
    def metrics_url(self) -> str:
        """The address of its web processes' metrics."""
        saved = installation.saved(self.data)
        return f"{saved.ops_url if saved else ''}/metrics"

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The live processes by role and store; Postgres with all its own."""
        saved = installation.saved(self.data)
        living: defaultdict[str, list[psutil.Process]] = defaultdict(list)
        for member in saved.children if saved else ():
            process = member.find()
            living[member.name] += [process, *process.children(recursive=True)] if process else []
        return dict(living)

    def cpu_s(self) -> dict[str, float]:
        """Seconds of CPU used so far, by role and store."""
        return {name: sum(map(_cpu_s, living)) for name, living in self.processes().items()}

    def memory(self, role: str) -> int:
        """Resident memory of a role's processes now, in bytes."""
        return sum(int(process.memory_info().rss) for process in self.processes()[role])

    def place_signer(self) -> PlaceSigner:
        """A signer of this installation's place tokens."""
        return PlaceSigner(installation.secret(self.data).get_secret_value().encode())

    @contextmanager
    def frozen(self, role: str) -> Iterator[None]:
        """Suspend the processes of a role meanwhile."""
        living = self.processes()[role]
        for process in living:
            process.suspend()
        try:
            yield
        finally:
            for process in reversed(living):
                process.resume()


def _cpu_s(process: psutil.Process) -> float:
    """CPU of a process, including children that have ended, such as a vacuum of Postgres: otherwise it could
    fall."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


@contextmanager
def data_folder() -> Iterator[Path]:
    """Create our own data folder, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="fairgate-bench-"))
    folder.chmod(0o711)  # as root, Postgres runs as another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running(
    data: Path, server: ServerName, *, web: int = 1, workers: int = 1, **environment: str
) -> AsyncIterator[Product]:
    """Run `fairgate up` on `data` and a free port, with only these settings; stopped on the way out."""
    command = [*child_process.program(), "up", "--server", server, "--port", "0", "--data", str(data)]
    command += ["--simulate-payments", "--web", str(web), "--workers", str(workers)]
    clean = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    process = _launch(command, {**clean, **environment}, data / "up.log")
    try:
        url = await asyncio.to_thread(_ready, process, data / "up.log")
        settings = installation.resolve(Settings(data=data))
        settings = settings.model_copy(update={"store_timeout_s": JUDGE_TIMEOUT_S})
        async with _staff(url, data) as staff, connected(settings) as stores:
            yield Product(url, data, staff, stores)
    finally:
        await asyncio.to_thread(_stop, process)


def _is_ours(name: str) -> bool:
    """Whether a variable is a setting of the user's environment, which must not affect the measurement."""
    return name.startswith("FAIRGATE_") or name in ("REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_URL")


def _launch(command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with open(log, "wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches only the benchmark, which stops it in order
        )


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + READY_TIMEOUT_S
    lines: list[str] = []
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        lines = log.read_text(errors="replace").splitlines()
        for line in lines:
            if line.startswith("ready http"):
                return line.removeprefix("ready ")
        if ended:
            break
        time.sleep(0.05)
    raise NotStarted(f"`fairgate up` did not become ready: {lines[-1] if lines else 'it printed nothing'}")


@asynccontextmanager
async def _staff(url: str, data: Path) -> AsyncIterator[httpx.AsyncClient]:
    command = [*child_process.program(), "token", "--role", "admin", "--sub", "benchmark"]
    process = await asyncio.create_subprocess_exec(
        *command, "--data", str(data), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    token, output = await asyncio.wait_for(process.communicate(), ASK_TIMEOUT_S)
    if process.returncode:
        raise NotStarted(f"`fairgate token` failed: {output.decode().strip()}")
    headers = {"Authorization": f"Bearer {token.decode().strip()}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=ASK_TIMEOUT_S, trust_env=False
    ) as staff:
        yield staff


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
