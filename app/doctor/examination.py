"""Runs every check, each with a deadline; an unavailable store is a finding, too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from urllib.parse import parse_qsl, unquote

import asyncpg
from redis.exceptions import RedisError

from app.core.errors import CannotRun, Refusal
from app.core.store_urls import split_store_url
from app.doctor import host, postgres, redis, sale
from app.doctor.finding import Finding, good, wrong
from app.settings import Settings
from app.store.connections import STORE_AWAY, Stores, check_stores, connect_postgres, connect_redis

DEADLINE_S = 10.0
NOT_ANSWERED: tuple[type[Exception], ...] = (
    *STORE_AWAY,
    CannotRun,
    Refusal,
    RedisError,
    asyncpg.PostgresError,
)
START = "check {} and whether the store runs; or start `fairgate up`, or give its folder with --data"


async def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order of the checks; without secrets from the settings."""
    findings = await _all({it.__name__: it(settings) for it in host.CHECKS})
    async with AsyncExitStack() as held:
        there_redis = there_postgres = None
        try:
            _check_address("REDIS_URL", settings.redis_url, settings)
            there_redis = await connect_redis(settings.redis_url, settings.store_timeout_s)
            held.push_async_callback(there_redis.aclose)
            findings += await _all({it.__name__: it(there_redis, settings) for it in redis.CHECKS})
        except CannotRun as error:
            findings.append(wrong("redis", str(error), START.format("REDIS_URL")))
        findings += await _queue(settings)
        try:
            _check_address("DATABASE_URL", settings.database_url, settings)
            there_postgres = await connect_postgres(settings.database_url, settings.store_timeout_s, 4)
            held.callback(there_postgres.terminate)
            findings += await _all({it.__name__: it(there_postgres, settings) for it in postgres.CHECKS})
        except CannotRun as error:
            findings.append(wrong("postgres", str(error), START.format("DATABASE_URL")))
        migrated = not any(it.name == "migrations" and it.state == "wrong" for it in findings)
        if there_redis is not None and there_postgres is not None and migrated:
            stores = Stores(there_redis, there_postgres)
            findings += await _all({it.__name__: it(stores, settings) for it in sale.CHECKS})
    secrets = secrets_of(settings)
    return [_redacted(it, secrets) for it in findings]


async def _all(checks: Mapping[str, Awaitable[list[Finding]]]) -> list[Finding]:
    results = await asyncio.gather(*(_run_check(name, check) for name, check in checks.items()))
    return [it for some in results for it in some]


async def _run_check(name: str, check: Awaitable[list[Finding]]) -> list[Finding]:
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await check
    except NOT_ANSWERED as error:  # a check without permission, or whose store became unavailable
        do = "check the permissions of its user, and whether it is overloaded"
        return [wrong(name, f"could not be checked: {error or f'no answer in {DEADLINE_S:.0f} s'}", do)]


def _check_address(variable: str, url: str, settings: Settings) -> None:
    if not url:
        raise CannotRun(f"{variable} is not set, and nothing runs in {settings.data}")


async def _queue(settings: Settings) -> list[Finding]:
    if not settings.queue_redis_url:
        return []
    try:
        await check_stores(settings.model_copy(update={"redis_url": "", "database_url": ""}))
    except CannotRun as error:
        return [wrong("queue", str(error), START.format("QUEUE_REDIS_URL"))]
    return [good("queue", "the job queue answers")]


def secrets_of(settings: Settings) -> list[str]:
    """All secrets in the settings, the longest first."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    texts = {it.get_secret_value() for it in values if hasattr(it, "get_secret_value")}
    addresses = (settings.redis_url, settings.queue_redis_url, settings.database_url)
    for url in (*addresses, settings.smtp_url.get_secret_value()):
        password = split_store_url(url).netloc.rpartition("@")[0].partition(":")[2]
        texts |= {password, unquote(password)}
        texts |= {value for name, value in parse_qsl(split_store_url(url).query) if "password" in name}
    return sorted(texts - {""}, key=len, reverse=True)


def _redacted(finding: Finding, secrets: Sequence[str]) -> Finding:
    says, do = finding.says, finding.do
    for secret in secrets:
        says, do = says.replace(secret, "***"), do.replace(secret, "***")
    return Finding(finding.name, finding.state, says, do)
