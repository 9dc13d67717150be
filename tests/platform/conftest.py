"""Data folders for installations started from outside."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from app.store.connections import Stores
from tests.conftest import Servers
from tests.platform.outside import Ended, Run, Up, fairgate, up
from tests.support.prepared_postgres import prepare


@contextlib.contextmanager
def new_folder() -> Iterator[Path]:
    """A data folder that does not exist yet; whatever still runs from it is stopped at the end."""
    parent = Path(tempfile.mkdtemp(prefix="fairgate-up-"))
    parent.chmod(0o711)
    try:
        yield parent / 'its "data" folder'
    finally:
        for process in psutil.process_iter(["cmdline"]):
            if str(parent) in " ".join(process.info["cmdline"] or []):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        shutil.rmtree(parent)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder for one test."""
    with new_folder() as folder:
        yield folder


@pytest.fixture(scope="package")
async def installation() -> AsyncIterator[Up]:
    """One `fairgate up` with embedded stores, for tests that leave it running."""
    with new_folder() as folder:
        prepare(folder / "postgres")
        running = await up(folder)
        yield running
        await running.stop()


@pytest.fixture
def run(stores: Stores, servers: Servers, database_url: str, tmp_path: Path) -> Run:
    """Runs a command on its own empty stores."""

    async def on_stores(*arguments: str, code: int = 0) -> Ended:
        ended = await fairgate(
            *arguments, REDIS_URL=servers.redis_url, DATABASE_URL=database_url, FAIRGATE_DATA=str(tmp_path)
        )
        assert "Traceback" not in ended.err
        assert ended.code == code, ended.err
        assert len(ended.err.splitlines()) == (code != 0)
        return ended

    return on_stores


@pytest.fixture
def redis_server_url(servers: Servers) -> str:
    """A Redis run by somebody else."""
    return servers.redis_url
