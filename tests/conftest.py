"""Real stores for every test: an embedded Valkey and PostgreSQL per session, empty when a test begins."""

from __future__ import annotations

import asyncio
import gc
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import coverage
import hypothesis
import pytest
import structlog
import uvloop
from hypothesis.internal.conjecture import providers
from structlog._config import BoundLoggerLazyProxy

from app.runtime import embedded_postgres, embedded_stores, gc_tuning, installation
from app.store.connections import RedisClient, Stores
from tests.support import prepared_postgres
from tests.support.empty_database import Empty, emptying
from tests.support.permanent_keys import PERMANENT
from tests.support.prepared_postgres import TEMPLATE, database, prepare
from tests.support.shared_stores import close_shared, shared_postgres, shared_redis

# Generated cases are the same each time, so that a red test is the fault of what was changed; how long one
# takes says how loaded the machine is.
hypothesis.settings.register_profile(
    "tests", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")
# It would also try the constants of whichever of our modules other tests have imported in this process.
vars(providers)["is_local_module_file"] = lambda _path: False

# Tracebacks as Python prints them, and as our processes log them: with the values of all variables, which is
# what structlog does by itself where Rich is installed, one takes half a second of CPU.
structlog.dev.ConsoleRenderer.get_active().exception_formatter = structlog.dev.plain_traceback

gc_tuning.collect_rarely()  # files of tests and all they import are about to be loaded

pytest_plugins = ["tests.support.profiling", "tests.support.distribution"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", action="store_true", help="keep a picture of every page in artefacts/")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # which a process of xdist has
        prepared_postgres.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        prepared_postgres.end()
    elif measured := coverage.Coverage.current():
        measured.save()  # now: xdist kills a process that takes more than ten seconds to end


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop of the product, which is also the faster one."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What collecting has made stays: the cycle collector need not go through it again and again."""
    gc_tuning.freeze_startup_objects()
    gc.set_threshold(NEW_OBJECTS, 50, 100)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A test that sets logging up does so for itself alone: loggers keep what they were first used with."""
    yield
    if not structlog.is_configured():
        return
    structlog.reset_defaults()
    for module in list(sys.modules.values()):
        logger = vars(module).get("log")
        if isinstance(logger, BoundLoggerLazyProxy):
            vars(logger).pop("bind", None)


NEW_OBJECTS = 200_000  # between two collections: a test makes some thousands, and most go by themselves
NO_TTL = -1  # a key that ended since it was listed has -2


@dataclass(frozen=True)
class Servers:
    """The addresses of the session's stores; `template` is a migrated database to clone, `database_url` one
    for all tests that only write rows."""

    redis_url: str
    postgres_url: str
    template: str
    database_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    folder = Path(tempfile.mkdtemp(prefix="fairgate-test-"))
    folder.chmod(0o711)
    prepare(folder / "postgres")
    valkey = embedded_stores.start_valkey(folder / "valkey")
    postgres = embedded_postgres.start_postgres(folder / "postgres")

    async def execute(statement: str) -> None:
        connection = await asyncpg.connect(postgres.url)
        await connection.execute(statement)
        await connection.close()

    async def ready() -> None:
        await asyncio.gather(embedded_stores.ready(valkey), embedded_stores.ready(postgres))

    try:
        asyncio.run(ready())
        asyncio.run(execute(f"CREATE DATABASE test TEMPLATE {TEMPLATE}"))
        yield Servers(valkey.url, postgres.url, TEMPLATE, database(postgres.url, "test"))
    finally:
        embedded_stores.stop(valkey)
        embedded_stores.stop(postgres)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def shared_connections() -> AsyncIterator[None]:
    """Whoever takes one asks for this, so that all are closed before the event loop is."""
    yield
    await close_shared()


@pytest.fixture
async def redis(servers: Servers, shared_connections: None) -> AsyncIterator[RedisClient]:
    """An empty Redis; afterwards every key left must be on the permanent list or carry a TTL."""
    async with shared_redis(servers.redis_url, timeout_s=20) as client:
        await client.flushall()
        yield client
        leaked = [
            key
            async for key in client.scan_iter(count=1000)
            if key.startswith("{")
            and key.partition("}:")[2] not in PERMANENT
            and await client.ttl(key) == NO_TTL
        ]
        await client.flushall()
    assert not leaked, f"keys without TTL that are not on the permanent list: {leaked}"


@pytest.fixture
async def own_database_url(servers: Servers) -> AsyncIterator[str]:
    """A migrated database for a test that changes the schema."""
    admin = await asyncpg.connect(servers.postgres_url)
    await admin.execute(f"CREATE DATABASE own TEMPLATE {servers.template}")
    yield database(servers.postgres_url, "own")
    await admin.execute("DROP DATABASE own WITH (FORCE)")
    await admin.close()


@pytest.fixture(scope="session")
async def empty(shared_connections: None) -> AsyncIterator[Empty]:
    """Delete all rows of a database."""
    async with emptying() as found:
        yield found


@pytest.fixture
async def database_url(servers: Servers, empty: Empty) -> AsyncIterator[str]:
    """A migrated database without rows; emptied afterwards, which takes a hundredth of making a new one."""
    yield servers.database_url
    await empty(servers.database_url)


@pytest.fixture
async def stores(redis: RedisClient, database_url: str) -> AsyncIterator[Stores]:
    """Both stores, empty."""
    async with shared_postgres(database_url, 20, 10, installation.STATEMENTS_KEPT) as pool:
        yield Stores(redis, pool)
