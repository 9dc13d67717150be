"""`fairgate doctor` finds what is wrong, explains what to do, and reveals no secrets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from pydantic import SecretStr

from app import cli
from app.core.tokens.signing_key import SigningKey
from app.doctor import examination
from app.doctor.finding import Finding
from app.doctor.redis import compared
from app.runtime import migrate
from app.set_aside import failures
from app.settings import Settings
from app.store.connections import RedisClient, Stores
from app.store.sql.accounts import signing_keys
from tests.conftest import Servers

SECRET = "do-not-tell-anybody"  # part of every secret
WEBHOOK_SECRET = "whsec_ZG8tbm90LXRlbGwtYW55Ym9keS1vZi10aGlz"


@pytest.fixture
def settings(servers: Servers, database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        redis_url=servers.redis_url, database_url=database_url, data=tmp_path, secret=SecretStr("s" * 40)
    )


async def wrongs(settings: Settings, **changed: Any) -> dict[str, Finding]:
    """What is wrong with these settings, by name, except that no web process and no worker runs here."""
    found = await examination.examine(Settings(**{**settings.model_dump(), **changed}))
    bad = [it for it in found if it.state == "wrong"]
    assert all(it.do for it in bad), "each says what to do"
    assert not any(it.do for it in found if it.state != "wrong")
    return {it.name: it for it in bad if it.name not in ("web", "worker")}


async def test_nothing_is_wrong_with_what_is_as_it_should_be(stores: Stores, settings: Settings) -> None:
    assert await wrongs(settings) == {}


async def test_without_processes_it_says_which_to_start(stores: Stores, settings: Settings) -> None:
    found = {it.name: it for it in await examination.examine(settings)}
    assert found["web"].do == "start one: fairgate web"
    assert found["worker"].do == "start one: fairgate worker"


@pytest.mark.parametrize(
    ("option", "value", "finding"),
    [
        ("maxmemory-policy", "allkeys-lru", "redis.maxmemory_policy"),
        ("maxmemory", "1000000", "redis.memory"),
        ("appendonly", "no", "redis.durable"),
        ("appendfsync", "no", "redis.fsync"),
    ],
)
async def test_a_redis_that_forgets_is_found(
    stores: Stores, settings: Settings, redis: RedisClient, option: str, value: str, finding: str
) -> None:
    client: Any = redis
    before = (await client.config_get(option))[option]
    await client.config_set(option, value)
    try:
        assert list(await wrongs(settings)) == [finding]
    finally:
        await client.config_set(option, before)


@pytest.mark.parametrize(
    ("option", "finding"),
    [
        ("synchronous_commit=off", "postgres.durable"),
        ("default_transaction_read_only=on", "postgres.writable"),
    ],
)
async def test_a_postgres_that_forgets_or_takes_nothing_is_found(
    stores: Stores, settings: Settings, option: str, finding: str
) -> None:
    url = f"{settings.database_url}?options={quote(f'-c {option}')}"
    assert list(await wrongs(settings, database_url=url)) == [finding]


async def test_pools_that_want_more_connections_than_there_are(stores: Stores, settings: Settings) -> None:
    found = await wrongs(settings, postgres_pool_max=200)
    assert list(found) == ["postgres.connections"]
    assert "FAIRGATE_POSTGRES_POOL_MAX" in found["postgres.connections"].do


@pytest.fixture
async def own_database(own_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(own_database_url)
    yield connection
    await connection.close()


async def test_a_schema_of_another_release_is_found(
    redis: RedisClient, settings: Settings, own_database_url: str, own_database: asyncpg.Connection
) -> None:
    newest = was = migrate.revisions()[0]
    for version, do in (("0001", "fairgate migrate --phase before"), ("9999", "run the release")):
        await own_database.execute(
            "UPDATE alembic_version SET version_num = $1 WHERE version_num = $2", version, was
        )
        was = version
        found = await wrongs(settings, database_url=own_database_url)
        assert list(found) == ["migrations"]
        assert {version, newest} <= set(found["migrations"].says.replace(",", "").split())
        assert found["migrations"].do.startswith(do)


async def test_an_old_key_is_found(stores: Stores, settings: Settings) -> None:
    async with stores.postgres.acquire() as connection, connection.transaction():
        await signing_keys.insert_first_key(connection, SigningKey.new())
    assert await wrongs(settings) == {}
    await stores.postgres.execute("UPDATE signing_keys SET created_at = now() - interval '400 days'")
    assert (await wrongs(settings))["keys"].do == "fairgate keys rotate"


async def test_what_was_set_aside_is_found(stores: Stores, settings: Settings) -> None:
    await failures.set_aside(stores, "webhook", "w/1/1", "ValueError: x", content="", room_id=None)
    found = await wrongs(settings)
    assert list(found) == ["set_aside"]
    assert "1 of kind webhook" in found["set_aside"].says


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"secret": ""}, "secret"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, "trusted_proxies"),
        ({"trusted_proxies": ["10.0.0.0/8", "::/0"]}, "trusted_proxies"),
        ({"rate_limits": False}, "rate_limits"),
        (
            {
                "smtp_url": "smtp://127.0.0.1:1",
                "mail_from": "a@example.org",
                "public_url": "https://q.example",
            },
            "smtp",
        ),
        ({"redis_url": "redis://127.0.0.1:1"}, "redis"),
        ({"queue_redis_url": "redis://127.0.0.1:1"}, "queue"),
        ({"database_url": "postgresql://127.0.0.1:1/x"}, "postgres"),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
async def test_a_wrong_setting_is_found(
    stores: Stores, settings: Settings, changed: dict[str, Any], finding: str
) -> None:
    assert list(await wrongs(settings, **changed)) == [finding]


async def test_a_mistyped_name_and_an_open_secret_are_found(
    stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRGATE_PUBLIK_URL", "https://queue.example")
    monkeypatch.setenv("FAIRGATE_SERVICE_HOST", "10.0.0.1")  # Kubernetes sets such variables
    (settings.data / "secret").write_text("x")
    (settings.data / "secret").chmod(0o644)
    found = await wrongs(settings)
    assert set(found) == {"settings", "secret"}
    assert "FAIRGATE_PUBLIC_URL" in found["settings"].do


@pytest.mark.parametrize(
    ("theirs", "word"), [(100_500, None), (98_000, "2.0 s behind"), (103_500, "3.4 s ahead of")]
)
def test_clocks_are_compared(theirs: int, word: str | None) -> None:
    found = compared("clock", "Redis", theirs, before=100_000, after=100_100)
    assert (found.state == "wrong") is (word is not None)
    assert word is None or word in found.says


def secret_settings() -> dict[str, str]:
    """Every setting that is a secret or may contain one, with a secret in it."""
    secret_fields = {name for name, field in Settings.model_fields.items() if field.annotation is SecretStr}
    assert secret_fields == {
        "secret",
        "payment_webhook_secret",
        "payments_key",
        "captcha_secret",
        "smtp_url",
        "ops_token",
        "oidc_client_secret",
        "wallet_key_password",
    }, "add the new setting to this test"
    return {
        "FAIRGATE_SECRET": SECRET,
        "FAIRGATE_PAYMENT_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "FAIRGATE_PAYMENTS_KEY": SECRET,
        "FAIRGATE_CAPTCHA_SECRET": SECRET,
        "FAIRGATE_OPS_TOKEN": SECRET,
        "FAIRGATE_WALLET_KEY_PASSWORD": SECRET,
        "FAIRGATE_SMTP_URL": f"smtp://fairgate:{SECRET}@127.0.0.1:1",
        "FAIRGATE_MAIL_FROM": "tickets@example.org",
        "REDIS_URL": f"redis://fairgate:{SECRET}@127.0.0.1:1/0",
        "QUEUE_REDIS_URL": f"redis+sentinel://:{SECRET}@127.0.0.1:1/main?sentinel_password={SECRET}",
        "DATABASE_URL": f"postgresql://fairgate:{SECRET}@127.0.0.1:1/x",
    }


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_no_secret_is_told(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in secret_settings().items():
        monkeypatch.setenv(name, value)
    assert cli.run(["doctor", "--data", str(tmp_path), *options]) == cli.FAILED
    out, err = capsys.readouterr()
    for secret in (SECRET, WEBHOOK_SECRET, WEBHOOK_SECRET.removeprefix("whsec_")):
        assert secret not in out + err
    assert err.count("\n") == 1
    if options:
        report = json.loads(out)
        assert not report["well"]
        assert {"redis", "postgres", "queue", "smtp"} <= {it["name"] for it in report["findings"]}


def test_where_nothing_runs_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("REDIS_URL", "DATABASE_URL", "FAIRGATE_REDIS_URL", "FAIRGATE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert cli.run(["doctor", "--data", str(tmp_path / "none")]) == cli.FAILED
    out, err = capsys.readouterr()
    assert "REDIS_URL is not set, and nothing runs in" in out
    assert "fairgate up" in out
    assert err == "fairgate: 3 things are wrong: secret, redis, postgres\n"
