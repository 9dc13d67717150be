"""arq's queue, shared by all workers. Jobs are JSON, never pickled."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from arq.connections import ArqRedis, RedisSettings
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import SSLConnection
from redis.exceptions import RedisError, WatchError

from app.settings import Settings
from app.store.connections import REDIS_AWAY, queue_pool
from app.store.drivers.redis_address import read_redis_address

QUEUE = "fairgate:jobs"
STEP_JOB = "step_job"
QUEUE_AWAY: tuple[type[Exception], ...] = (*REDIS_AWAY, WatchError)  # or in mid-transaction


class _Transaction(Pipeline):
    """A transaction that ends without an error if the server does not answer UNWATCH. redis-py would keep its
    connection then, and arq return the slot of the job twice, which ends the worker."""

    async def reset(self) -> None:
        connection: Any = self.connection
        try:
            await super().reset()  # type: ignore[no-untyped-call]
        except QUEUE_AWAY:
            await connection.disconnect(nowait=True)  # so that the server forgets what was watched
            self.watching = False
            await super().reset()  # type: ignore[no-untyped-call]


class _Queue(ArqRedis):
    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return _Transaction(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def _failure(value: object) -> str:
    """What msgspec cannot encode. Only an exception is allowed: arq makes one the result of a job that fails
    before it starts."""
    if isinstance(value, BaseException):
        return repr(value)
    raise TypeError(f"a job takes and returns plain JSON, not {type(value).__name__}")


encode = msgspec.json.Encoder(enc_hook=_failure).encode
decode: Any = msgspec.json.Decoder().decode


def open_queue(settings: Settings) -> ArqRedis:
    """The queue; does not connect yet. Raises StoreRefused."""
    queue = _Queue(queue_pool(settings))
    queue.auto_close_connection_pool = True
    queue.default_queue_name = QUEUE
    queue.job_serializer, queue.job_deserializer = encode, decode
    return queue


async def enqueue_step(queue: ArqRedis, job_id: str, steps: int | None = None, after_s: float = 0.0) -> None:
    """Queue the next step of a job. With the number of steps done, repeated calls enqueue it once.

    A worker that continues its own job enqueues without a number, because a numbered step may find the job
    taken and end. If the queue is unavailable this does nothing: a worker finds the job in the table.
    """
    name = None if steps is None else f"{job_id}:{steps}"
    with suppress(*QUEUE_AWAY, RedisError):
        await queue.enqueue_job(STEP_JOB, job_id, _job_id=name, _defer_by=after_s or None)


def redis_settings(settings: Settings) -> RedisSettings:
    """The same address in the form arq's own commands take. `open_queue` has refused invalid ones."""
    address = read_redis_address(settings.queue_url)
    options = address.options
    tls = {name: it for name, it in options.items() if name in _TLS}
    return RedisSettings(
        host=list(address.sentinels) or options.get("host", "localhost"),
        port=options.get("port", 6379),
        unix_socket_path=options.get("path"),
        database=options.get("db", 0),
        username=options.get("username"),
        password=options.get("password"),
        ssl=issubclass(address.connection_class, SSLConnection),
        sentinel=bool(address.sentinels),
        sentinel_master=address.service,
        **tls,
    )


_TLS = frozenset(it for it in RedisSettings.__dataclass_fields__ if it.startswith("ssl_"))
