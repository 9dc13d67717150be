"""Settings: read from the environment, refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"FAIRGATE_{name}", raising=False)


def test_without_any_setting_everything_is_embedded() -> None:
    settings = Settings()
    assert settings.redis_url == settings.queue_url == settings.database_url == ""
    assert settings.secret.get_secret_value() == ""
    assert settings.throttled


@pytest.mark.parametrize("name", ["redis_url", "queue_redis_url", "database_url"])
def test_a_store_address_is_taken_with_and_without_the_prefix(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name.upper(), "plain")
    assert getattr(Settings(), name) == "plain"
    monkeypatch.setenv(f"FAIRGATE_{name.upper()}", "prefixed")
    assert getattr(Settings(), name) == "prefixed"


def test_the_queue_is_on_the_same_server_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://one")
    assert Settings().queue_url == "redis://one"
    monkeypatch.setenv("QUEUE_REDIS_URL", "redis://two")
    assert Settings().queue_url == "redis://two"


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_CORS_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("FAIRGATE_TRUSTED_PROXIES", "10.0.0.0/8,2001:db8::/32")
    settings = Settings()
    assert settings.cors_origins == ["https://a.example", "https://b.example"]
    assert settings.trusted_proxies == ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JOIN_RATE_PER_ADDRESS", "-1"),
        ("JOIN_RATE_PER_ADDRESS", "many"),
        ("BACKLOG_MAX", "0"),
        ("RATE_LIMITS", "maybe"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,nonsense"),
        ("RESERVE_WAIT_S", "0"),
        ("LOG_FORMAT", "xml"),
        ("SMTP_URL", "http://mail.example.org"),
        ("SMTP_URL", "smtp://"),
        ("MAIL_FROM", "Tickets"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"FAIRGATE_{name}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"][0] for error in refused.value.errors()] == [name.lower()]


def test_a_mail_server_needs_a_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_SMTP_URL", "smtp://fairgate:do-not-tell@mail.example.org:587")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"][0] for error in refused.value.errors()] == ["mail_from"]
    monkeypatch.setenv("FAIRGATE_MAIL_FROM", "Tickets <tickets@example.org>")
    assert "do-not-tell" not in repr(Settings())


def test_the_secret_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_SECRET", "do-not-tell")
    assert "do-not-tell" not in repr(Settings())
    assert Settings().secret.get_secret_value() == "do-not-tell"


def test_the_data_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_DATA", "/srv/fairgate")
    assert Settings().data == Path("/srv/fairgate")
