"""An installation and its data folder: a lock, a secret, and a file that lists its processes and addresses.

`fairgate up` locks the folder while it runs and keeps `run.json` in it; every other command reads that file
to find the stores. The file survives a `kill -9`, so the next `up` can stop what the crashed one left.
"""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
from pydantic import SecretStr

from app.core.errors import CannotRun
from app.core.notifications.webhook_policy import new_secret
from app.runtime.embedded_stores import STOP_SIGNALS, own_secret
from app.settings import Settings

STARTED_TOLERANCE_S = 2.0  # tolerance for a start time relative to the boot, which is known to the second
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LEFTOVER_TIMEOUT_S = 4.0
STATEMENTS_KEPT = 100  # there is no PgBouncer in front of our own Postgres: saves a round trip per statement


class InstallationRefused(CannotRun):
    """The installation cannot run here; the message is one line that says why and what to do."""


class Member(msgspec.Struct, frozen=True):
    """A process of the installation, identified by its pid and start time.

    The start time distinguishes it from a later process with the same pid. It is relative to the boot,
    because the wall clock may be changed while the process runs; hence the boot is identified, too.
    """

    name: str
    pid: int
    started_s: float
    boot: str

    @classmethod
    def of(cls, name: str, pid: int) -> Member:
        """The live process `pid`."""
        return cls(name, pid, _started_s(psutil.Process(pid)), _boot())

    def find(self) -> psutil.Process | None:
        """The process itself, if it still exists and is the same one."""
        try:
            process = psutil.Process(self.pid)
            near = abs(_started_s(process) - self.started_s) < STARTED_TOLERANCE_S
            same = near and self.boot == _boot()
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def _started_s(process: psutil.Process) -> float:
    return process.create_time() - psutil.boot_time()


def _boot() -> str:
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


class Installation(msgspec.Struct, frozen=True):
    """The running processes and addresses, as stored in `run.json`."""

    supervisor: Member
    url: str
    redis_url: str
    queue_redis_url: str
    database_url: str
    children: list[Member] = []
    ops_url: str = ""  # the operators' port of web processes
    worker_ops_url: str = ""


def prepare(data: Path) -> Path:
    """The data folder, created if necessary. Raises InstallationRefused if it is not writable."""
    data = data.expanduser().absolute()
    try:
        # As root, Postgres runs as another user that must be able to traverse the folder; nobody else needs
        # to.
        data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        os.close(os.open(data / "lock", os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise InstallationRefused(
            f"the data folder {data} is not writable: {error.strerror}; choose another one with --data"
        ) from None
    return data


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Lock the folder for one supervisor. The kernel releases the lock when we end, however that happens."""
    with open(data / "lock", "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InstallationRefused(
                f"already running on {data} (pid {file.read().strip() or 'unknown'}); "
                "stop it first, or choose another folder with --data"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def secret(data: Path) -> SecretStr:
    """The folder's own secret, created on first use."""
    return SecretStr(own_secret(data, "secret"))


def payment_webhook_secret(data: Path) -> SecretStr:
    """The folder's own secret for the payment gateway's signatures, created on first use."""
    return SecretStr(own_secret(data, "payment_webhook_secret", new_secret))


def save(data: Path, installation: Installation) -> None:
    """Write `run.json`, completely or not at all, readable by us alone (it contains the stores'
    passwords)."""
    draft = data / "run.json.new"
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(installation)))
    draft.replace(data / "run.json")


def forget(data: Path) -> None:
    """Remove `run.json`: nothing runs from this folder any longer."""
    (data / "run.json").unlink(missing_ok=True)


def saved(data: Path) -> Installation | None:
    """The content of `run.json`, even if its writer has crashed."""
    try:
        return msgspec.json.decode((data / "run.json").read_bytes(), type=Installation)
    except (FileNotFoundError, NotADirectoryError, PermissionError, msgspec.MsgspecError):
        return None


def running(data: Path) -> Installation | None:
    """The installation that runs from this folder now."""
    state = saved(data.expanduser().absolute())
    return state if state and state.supervisor.find() else None


def stop_leftovers(data: Path) -> list[str]:
    """Stop what a crashed supervisor left running; returns the names. Call with the lock held."""
    crashed = saved(data)
    if crashed is None:
        return []
    left = [(member.name, process) for member in crashed.children if (process := member.find())]
    for name, process in left:
        process.send_signal(STOP_SIGNALS.get(name, signal.SIGTERM))
    _, stubborn = psutil.wait_procs([process for _, process in left], LEFTOVER_TIMEOUT_S)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, LEFTOVER_TIMEOUT_S)
    return [name for name, _ in left]


def statement_cache_size(settings: Settings) -> int:
    """The size of the statement cache for our own Postgres: as configured, or `STATEMENTS_KEPT`."""
    is_set = "postgres_statements" in settings.model_fields_set
    return settings.postgres_statements if is_set else STATEMENTS_KEPT


def resolve(settings: Settings) -> Settings:
    """The settings, with gaps in the environment filled in from the running installation."""
    data = settings.data.expanduser().absolute()
    values: dict[str, object] = {"data": data}
    if now_running := running(data):
        values["redis_url"] = settings.redis_url or now_running.redis_url
        values["database_url"] = settings.database_url or now_running.database_url
        if not settings.database_url:
            values["postgres_statements"] = statement_cache_size(settings)
        if not settings.redis_url:
            values["queue_redis_url"] = settings.queue_redis_url or now_running.queue_redis_url
    if not settings.secret.get_secret_value() and (data / "secret").is_file():
        values["secret"] = secret(data)
    unset = not settings.payment_webhook_secret.get_secret_value()
    if unset and (data / "payment_webhook_secret").is_file():
        values["payment_webhook_secret"] = payment_webhook_secret(data)
    return settings.model_copy(update=values)
