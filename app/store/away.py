"""Classifies store errors: the store is unavailable, or it answered.

An unavailable store is tried again: callers get a 503, loops continue. An answer is about the data or the
request; where none is expected it is our own bug: a 500, and a traceback in the log. Errors are judged by the
store's reply (Redis: the first word; Postgres: the SQLSTATE), including replies of newer servers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from asyncpg import exceptions as asyncpg_errors
from redis.exceptions import ClusterError, RedisClusterException, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.core.errors import StoreUnavailable

# Redis -----------------------------------------------------------------------------------------------------

# Errors about the data or the command. Any other word is about the server itself.
REDIS_ANSWERS = frozenset(
    "ERR WRONGTYPE NOSCRIPT BUSYGROUP NOGROUP BUSYKEY UNBLOCKED EXECABORT CROSSSLOT NOPERM NOPROTO NOTBUSY"
    " MOVED ASK".split()
)
# Another server must be asked, or this one after reconnecting: the connection is unusable.
REDIS_ELSEWHERE = frozenset("READONLY MASTERDOWN NOMASTERLINK REDIRECT LOADING NOAUTH WRONGPASS".split())
# `ERR` is generic. These are about the server, or about somebody who killed our script.
_REDIS_ERR_AWAY = ("max number of clients", "script killed", "killed by user", "without quorum")


class RedisUnable(ResponseError):
    """The server answers, but cannot serve the command now: BUSY, OOM, MISCONF, NOREPLICAS, CLUSTERDOWN
    ..."""


class RedisElsewhere(RedisConnectionError):
    """Wrong server or connection. As it counts as a lost connection, it is retried once on a fresh one."""


def redis_error(message: str) -> RedisError | None:
    """The error for a Redis reply that means the store is unavailable; None for any other reply."""
    word, _, rest = message.partition(" ")
    if word in REDIS_ELSEWHERE:
        return RedisElsewhere(message)
    if word == "ERR":
        detail = rest.lower()
        return RedisUnable(message) if any(it in detail for it in _REDIS_ERR_AWAY) else None
    # Errors of third-party scripts or of proxies need not begin with an upper-case word.
    return None if word in REDIS_ANSWERS or not (word.isalpha() and word.isupper()) else RedisUnable(message)


REDIS_AWAY: tuple[type[Exception], ...] = (
    RedisConnectionError,  # also: RedisElsewhere
    RedisTimeoutError,
    RedisUnable,
    ClusterError,  # down, or its nodes redirect us in a circle
    RedisClusterException,  # no node answers
    OSError,
    TimeoutError,
)

# Postgres --------------------------------------------------------------------------------------------------

# Connection; authorization and catalog (rejected at the door: passwords are changed, databases moved);
# transaction rollback (deadlock, serialization: nothing was written); insufficient resources; operator
# intervention (shutdown, cancelled, time-outs); system error; snapshot too old.
_SQLSTATE_CLASSES_AWAY = frozenset(("08", "28", "3D", "40", "53", "57", "58", "72"))
_SQLSTATES_AWAY = frozenset(
    (
        "25006",  # read-only: a standby, or a server made read-only
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "55P03",  # lock_timeout
    )
)


def postgres_away(sqlstate: str) -> bool:
    """Whether this SQLSTATE means that the database is unavailable."""
    return sqlstate[:2] in _SQLSTATE_CLASSES_AWAY or sqlstate in _SQLSTATES_AWAY


def postgres_connection_unusable(error: BaseException) -> bool:
    """Whether the connection that raised this error must not be used again: a new one may work."""
    sqlstate = getattr(error, "sqlstate", None) or ""
    if sqlstate[:2] in ("08", "57"):
        return sqlstate != "57014"  # a single statement was cancelled
    return sqlstate in ("25006", "25P03", "25P04")


def _away_classes() -> list[type[Exception]]:
    classes: list[Any] = [getattr(asyncpg_errors, name) for name in asyncpg_errors.__all__]
    return [it for it in classes if postgres_away(getattr(it, "sqlstate", None) or "")]


POSTGRES_AWAY: tuple[type[Exception], ...] = (
    *_away_classes(),
    asyncpg.TargetServerAttributeNotMatched,  # no host is the primary at the moment
    asyncpg.InvalidCachedStatementError,  # the schema was migrated: a retry succeeds
    asyncpg.OutdatedSchemaCacheError,
    OSError,
    TimeoutError,
)
STORE_AWAY: tuple[type[Exception], ...] = (*REDIS_AWAY, *POSTGRES_AWAY)


@contextmanager
def stores_answer() -> Iterator[None]:
    """Turn the errors of an unavailable store into StoreUnavailable."""
    try:
        yield
    except STORE_AWAY as error:
        raise StoreUnavailable from error
