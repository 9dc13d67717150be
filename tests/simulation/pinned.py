"""The two stores with a pinned clock, and a fuse that kills the caller.

None of our code is replaced: real operations run on real stores. Redis receives the time in the argument that
every script has for it; Postgres finds a `now()` in our own schema before the built-in one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from typing import Any

import asyncpg
from redis.asyncio import Redis

from app.runtime.installation import STATEMENTS_KEPT
from app.store.connections import RedisClient, Stores, connect_postgres, connect_redis
from app.store.pipelining import done_together, run_together
from app.store.scripts import loader

COUNTED_CALLS = ("execute", "executemany", "fetch", "fetchrow", "fetchval")

CLOCK = """
    CREATE SCHEMA simulated;
    CREATE TABLE simulated.clock (at timestamptz NOT NULL);
    INSERT INTO simulated.clock VALUES (now());
    CREATE FUNCTION simulated.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT at FROM simulated.clock';
    DO $$ DECLARE it record; BEGIN
        FOR it IN SELECT table_name, column_name FROM information_schema.columns
                  WHERE table_schema = 'public' AND column_default = 'now()' LOOP
            EXECUTE format('ALTER TABLE %I ALTER %I SET DEFAULT simulated.now()',
                           it.table_name, it.column_name);
        END LOOP;
    END $$
"""
OPTIONS = "options=-csearch_path%3Dsimulated,public,pg_catalog%20-csynchronous_commit%3Doff"
EMPTY = """
    SELECT 'TRUNCATE ' || string_agg(format('%I', tablename), ', ') FROM pg_tables
    WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'agreed')
"""


class Killed(BaseException):
    """The process died here. Not an Exception, so that none of our code catches it and continues."""


class Fuse:
    """How many more store calls there will be before the process dies; None: no limit."""

    def __init__(self) -> None:
        self.calls_left: int | None = None
        self.blown = False

    def count_call(self) -> None:
        """Count one call. Raises Killed."""
        if self.calls_left == 0:
            self.blown = True
            raise Killed
        if self.calls_left is not None:
            self.calls_left -= 1


class PinnedRedis:
    """A Redis client that gives scripts the pinned time; for everything else it acts as the client itself."""

    def __init__(self, redis: RedisClient, fuse: Fuse) -> None:
        self._redis: Any = redis
        self._fuse = fuse
        self.now_ms = 0

    async def evalsha(self, sha: str, count: int, *arguments: Any) -> Any:
        """Like the client's, at the pinned time."""
        self._fuse.count_call()
        return await self._redis.evalsha(sha, count, *self._at_pinned_time(_script(sha), count, arguments))

    async def eval(self, text: str, count: int, *arguments: Any) -> Any:
        """Like the client's. EVALSHA was tried first, so the arguments already have the pinned time."""
        script = next(it for it in _scripts().values() if it.text == text)
        return await self._redis.eval(text, count, *self._at_pinned_time(script, count, arguments))

    def pipeline(self) -> PinnedPipeline:
        """Like the client's: many commands in one round trip, scripts at the pinned time."""
        return PinnedPipeline(self, self._redis.pipeline(transaction=False), self._fuse)

    def at_pinned_time(self, command: tuple[Any, ...]) -> tuple[Any, ...]:
        """The command, with the pinned time if it is a script that takes one."""
        if command[0] != "EVALSHA":
            return command
        name, sha, count, *arguments = command
        return name, sha, count, *self._at_pinned_time(_script(sha), int(count), tuple(arguments))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._redis, name)
        if not callable(found):
            return found

        def counted(*arguments: Any, **options: Any) -> Any:
            self._fuse.count_call()
            return found(*arguments, **options)

        return counted

    def _at_pinned_time(
        self, script: loader.Script, count: int, arguments: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        if "now_ms" not in script.scalars:
            return arguments
        at = count + script.scalars.index("now_ms")
        return (*arguments[:at], self.now_ms, *arguments[at + 1 :])


class PinnedPipeline:
    """Commands for one round trip, which counts as one call for the fuse."""

    def __init__(self, redis: PinnedRedis, pipeline: Any, fuse: Fuse) -> None:
        self._redis, self._pipeline, self._fuse = redis, pipeline, fuse

    def execute_command(self, *command: Any) -> None:
        self._pipeline.execute_command(*self._redis.at_pinned_time(command))

    async def execute(self, **options: Any) -> Any:
        self._fuse.count_call()
        return await self._pipeline.execute(**options)


@cache
def _scripts() -> dict[str, loader.Script]:
    return {it.sha: it for it in (loader.script(path.stem) for path in loader.SCRIPTS.glob("*.lua"))}


def forget_scripts() -> None:
    """Read the scripts again, from wherever they are now."""
    loader.script.cache_clear()
    _scripts.cache_clear()


def _script(sha: str) -> loader.Script:
    return _scripts()[sha]


class FusedPostgres:
    """A pool whose statements burn the fuse; a connection taken out of it burns it once."""

    def __init__(self, pool: asyncpg.Pool, fuse: Fuse) -> None:
        self._pool: Any = pool
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        if name in (*COUNTED_CALLS, "acquire"):
            self._fuse.count_call()
        return getattr(self._pool, name)


class PinnedStores:
    """Both stores, sharing one settable clock and one fuse."""

    def __init__(
        self, redis: RedisClient, binary: Redis, postgres: asyncpg.Pool, observer: asyncpg.Pool
    ) -> None:
        self.plain = Stores(redis, observer)
        self._binary = binary  # a client that decodes nothing
        self._fuse = Fuse()
        self._redis = PinnedRedis(redis, self._fuse)
        fused: tuple[Any, Any] = self._redis, FusedPostgres(postgres, self._fuse)
        self.stores = Stores(*fused)

    async def set_clock(self, now_ms: int) -> None:
        """Set the time in both stores."""
        self._redis.now_ms = now_ms
        await self.plain.postgres.execute(
            "UPDATE simulated.clock SET at = to_timestamp($1::bigint / 1000.0)", now_ms
        )

    @contextmanager
    def dies_after(self, calls: int | None) -> Iterator[Fuse]:
        """The code inside is killed after this many calls; None: never."""
        self._fuse.calls_left, self._fuse.blown = calls, False
        try:
            yield self._fuse
        except Killed:
            pass
        finally:
            self._fuse.calls_left = None

    async def dump(self) -> dict[str, tuple[int, bytes]]:
        """Every key with its TTL and its serialized value."""
        raw: Any = self._binary
        keys = await raw.keys("*")
        replies = await run_together(raw, [(it, key) for key in keys for it in ("PTTL", "DUMP")])
        return {
            key.decode(): (max(0, ttl_ms), value)
            for key, ttl_ms, value in zip(keys, replies[::2], replies[1::2], strict=True)
        }

    async def load(self, dump: dict[str, tuple[int, bytes]]) -> None:
        """Load these keys and no others."""
        raw: Any = self._binary
        restored = [("RESTORE", key, ttl_ms, value) for key, (ttl_ms, value) in dump.items()]
        await done_together(raw, [("FLUSHALL",), *restored])

    async def empty(self) -> None:
        """Delete all rows and keys."""
        await self.plain.redis.flushall()
        truncate: str = await self.plain.postgres.fetchval(EMPTY)
        await self.plain.postgres.execute(truncate)


@asynccontextmanager
async def pinned_stores(redis_url: str, database_url: str) -> AsyncIterator[PinnedStores]:
    """Both stores under one clock. The database gets its own schema for that."""
    redis, binary = await connect_redis(redis_url, timeout_s=5), Redis.from_url(redis_url)
    connection = await asyncpg.connect(database_url)
    await connection.execute(CLOCK)
    await connection.close()
    url = f"{database_url}?{OPTIONS}"
    pool = await connect_postgres(url, timeout_s=5, connections_max=4, statements=STATEMENTS_KEPT)
    observer = await connect_postgres(url, timeout_s=5, connections_max=2, statements=STATEMENTS_KEPT)
    try:
        yield PinnedStores(redis, binary, pool, observer)
    finally:
        await redis.flushall()
        await redis.aclose()
        await binary.aclose()
        pool.terminate()
        observer.terminate()
