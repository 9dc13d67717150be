"""REDIS_URL and QUEUE_REDIS_URL: one server (or any node of a Cluster), or a primary that Sentinel knows.

    redis://[user:password@]host[:port][/db][?option=value]      rediss:// for TLS, unix:///path for a socket
    redis+sentinel://[user:password@]host[:port],.../name[/db][?option=value]      rediss+sentinel:// for TLS

User and password are those of the Redis; the Sentinels' own are `sentinel_username` and `sentinel_password`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from redis.asyncio.connection import Connection, SSLConnection, parse_url
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import RedisError

from app.core.store_urls import split_store_url
from app.store.drivers.redis_pool import RedisPool, SentinelRedisPool, Sentinels, fast_connection_class

SENTINEL_PORT = 26_379
_BEHIND_SENTINEL: dict[str, type[Connection]] = {
    "redis+sentinel": SentinelManagedConnection,
    "rediss+sentinel": SentinelManagedSSLConnection,
}
_SCHEMES = ("redis", "rediss", "unix", *_BEHIND_SENTINEL)


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The location of a Redis, and how to connect to it."""

    name: str  # safe to show: no user, no password
    connection_class: type[Any]
    options: dict[str, Any]  # of its connections
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""  # the Sentinels' name for the primary
    sentinel_login: dict[str, Any] = field(default_factory=dict)

    def pool(self, **options: Any) -> RedisPool | SentinelRedisPool:
        """A pool of connections; does not connect yet. Raises ValueError."""
        spoken = fast_connection_class(self.connection_class)
        options |= self.options
        try:
            opened = (
                self._behind_sentinel(spoken, options) if self.sentinels else RedisPool(spoken, **options)
            )
            _try_options(opened)
        except (TypeError, RedisError) as error:
            raise ValueError(_option_refused(error)) from None
        return opened

    def _behind_sentinel(self, spoken: type[Any], options: dict[str, Any]) -> SentinelRedisPool:
        bounds = {it: options[it] for it in options if it.startswith(("socket_", "ssl_"))}
        bounds |= {**self.sentinel_login, "ssl": issubclass(spoken, SSLConnection)}
        pool: Any = SentinelRedisPool  # untyped in redis-py
        sentinels = Sentinels(self.sentinels, bounds)
        for sentinel in sentinels.known:
            configured = sentinel.connection_pool
            sentinel.connection_pool = RedisPool(
                fast_connection_class(configured.connection_class), **configured.connection_kwargs
            )
            _try_options(sentinel.connection_pool)
        sentinel_pool: SentinelRedisPool = pool(self.service, sentinels, connection_class=spoken, **options)
        return sentinel_pool


def _try_options(pool: Any) -> None:
    """Raise for an option that connections do not accept; connects to nothing."""
    pool.make_connection()


def read_redis_address(url: str) -> RedisAddress:
    """Parse a URL. Raises ValueError naming the faulty part."""
    scheme = split_store_url(url).scheme
    if scheme not in _SCHEMES:
        raise ValueError(f"it must begin with one of {', '.join(f'{it}://' for it in _SCHEMES)}")
    return _behind_sentinel(url) if scheme in _BEHIND_SENTINEL else _single_server(url)


def _single_server(url: str) -> RedisAddress:
    options: dict[str, Any] = dict(parse_url(url))
    path = split_store_url(url).path.strip("/")
    if "path" not in options and path and not path.isdigit():
        raise ValueError(f"the database must be a number, not {path!r}")
    name = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    connection_class = options.pop("connection_class", Connection)
    _check_host_names(connection_class, options)
    return RedisAddress(name, connection_class, options)


def _behind_sentinel(url: str) -> RedisAddress:
    parts = split_store_url(url)
    login, _, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if not service or not hosts:
        raise ValueError(f"it must be {parts.scheme}://host:port,host:port/NAME, as the Sentinels call it")
    if db and not db.isdigit():
        raise ValueError(f"the database must be a number, not {db!r}")
    plain = f"redis://{login}@localhost/{db}?{parts.query}"  # lets redis-py parse login, database and options
    options: dict[str, Any] = dict(parse_url(plain))
    del options["host"]
    sentinel_login = {
        it: options.pop(f"sentinel_{it}") for it in ("username", "password") if f"sentinel_{it}" in options
    }
    connection_class = _BEHIND_SENTINEL[parts.scheme]
    _check_host_names(connection_class, options)
    return RedisAddress(
        name=f"{hosts}/{service}",
        connection_class=connection_class,
        options=options,
        sentinels=tuple(_hosts(hosts)),
        service=unquote(service),
        sentinel_login=sentinel_login,
    )


def _hosts(hosts: str) -> Iterator[tuple[str, int]]:
    for host in hosts.split(","):
        parts = urlsplit(f"//{host}")
        if not parts.hostname:
            raise ValueError(f"{host!r} is not host:port")
        yield parts.hostname, parts.port or SENTINEL_PORT


def _check_host_names(connection_class: type[Any], options: dict[str, Any]) -> None:
    """With TLS, check the certificate's host name unless the URL says otherwise."""
    if issubclass(connection_class, SSLConnection):
        options.setdefault("ssl_check_hostname", options.get("ssl_cert_reqs") in (None, "required"))


def _option_refused(error: Exception) -> str:
    message = str(error)
    if "unexpected keyword argument" in message:
        return f"it does not take the option {message.rpartition(' ')[2]}"
    return message
