"""Settings come from the environment, secret files, and one configuration file; every name is checked."""

from __future__ import annotations

import ast
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from app import cli, logs
from app.core.assurance.notes import COSIGNER, Verifier
from app.runtime import reloading
from app.settings import Settings
from app.settings_sources import CONFIG, BadConfig, variables_of
from tests.support.beacon import a_chain
from tests.support.pass_certificates import pass_certificates

ROOT = Path(__file__).parents[1]
SECRETS = [name for name, it in Settings.model_fields.items() if it.annotation is SecretStr]
WHSEC = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and none of our variables."""
    for name in [it for it in os.environ if it.startswith("FAIRGATE_")]:
        monkeypatch.delenv(name)
    for name in ("REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@cache
def wallet_files() -> dict[str, str]:
    """Existing certificates, as the settings read them."""
    return pass_certificates(Path(mkdtemp(prefix="fairgate-passes-")))


def other_values() -> dict[str, object]:
    """A non-default value for every setting."""
    file = "of the file, long enough"
    values: dict[str, object] = {
        **{name: "redis://file/0" for name in ("redis_url", "queue_redis_url")},
        **{"database_url": "postgresql://file/db", "data": "/file", "public_url": "https://file.example"},
        **{"security_contact": "mailto:a@file.example", "cors_origins": ["https://file.example"]},
        **{"trusted_proxies": ["10.0.0.0/8"], "dns_servers": ["10.0.0.53"], "payments": "simulated"},
        **{
            "payment_webhook_secret": WHSEC,
            "payments_key": "of the file",
            "payments_url": "http://file.example",
        },
        **{"smtp_url": "smtp://file.example", "mail_from": "a@file.example", "log_level": "debug"},
        **wallet_files(),
        **{"second_factor": "admins", "oidc_issuer": "https://file.example", "oidc_client_id": "file"},
        **{"oidc_client_secret": "of the file", "oidc_domains": ["file.example"]},
        **{"oidc_groups_claim": "of_file", "oidc_roles": "file=admin"},
        **{"captcha": "turnstile", "captcha_site_key": "file", "captcha_secret": "of the file"},
        **{
            "beacon_relays": ["https://file.example"],
            "witnesses": [f"https://file.example {Verifier('file.example', COSIGNER, bytes(32)).vkey}"],
            "beacon_chain": msgspec.json.encode(a_chain(1)).decode(),
            "captcha_url": "https://file.example/verify",
            "log_format": "json",
            "log_file": "/file.log",
            "secret": file,
            "ops_token": file,
        },
    }
    for name, field in Settings.model_fields.items():
        values.setdefault(name, not field.default if isinstance(field.default, bool) else 7)
    return values


def test_every_setting_can_be_in_the_file_and_the_environment_wins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = other_values()
    (folder / "fairgate.yaml").write_text(json.dumps(values))  # JSON is also YAML
    found = Settings()
    for name, value in values.items():
        read = getattr(found, name)
        shown = read.get_secret_value() if isinstance(read, SecretStr) else read
        assert shown == value or str(shown) == value, name
    monkeypatch.setenv("FAIRGATE_LOG_LEVEL", "error")
    monkeypatch.setenv("REDIS_URL", "redis://environment/0")
    assert (Settings().log_level, Settings().redis_url) == ("error", "redis://environment/0")


def test_the_file_is_found_by_name_in_the_folder_and_may_be_toml(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "fairgate.toml").write_text('log_level = "error"\ntrusted_proxies = ["10.0.0.0/8"]\n')
    assert (Settings().log_level, Settings().trusted_proxies) == ("error", ["10.0.0.0/8"])
    (folder / "another.yaml").write_text("log_level: debug\n")
    monkeypatch.setenv(CONFIG, "another.yaml")
    assert Settings().log_level == "debug"


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_can_be_in_a_file_of_its_own(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = {"payment_webhook_secret": WHSEC, "smtp_url": "smtp://mail.example"}.get(name, "0123456789abcdef")
    (folder / "it").write_text(f"{value}\n")
    monkeypatch.setenv("FAIRGATE_MAIL_FROM", "a@example.org")
    monkeypatch.setenv(f"FAIRGATE_{name.upper()}_FILE", "it")
    assert getattr(Settings(), name).get_secret_value() == value
    monkeypatch.setenv(f"FAIRGATE_{name.upper()}", value)
    with pytest.raises(BadConfig, match="both set"):
        Settings()


def test_store_addresses_have_passwords_and_can_be_in_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "it").write_text("redis://:secret@file/0")
    for variable in variables_of("redis_url", Settings.model_fields["redis_url"]):
        monkeypatch.setenv(f"{variable}_FILE", "it")
        assert Settings().redis_url == "redis://:secret@file/0"
        monkeypatch.delenv(f"{variable}_FILE")


WRONG = {
    "unknown key": ("fairgate.yaml", b"log_levle: debug", "log_levle, which is not a setting"),
    "bad value": ("fairgate.yaml", b"log_level: loud", "log_level in fairgate.yaml is wrong"),
    "no mapping": ("fairgate.yaml", b"- log_level", "a list of settings"),
    "no yaml": ("fairgate.yaml", b"log_level: [debug", "not valid YAML: line"),
    "no text": ("fairgate.yaml", b"\xff\xfe", "cannot be read"),
    "an object": ("fairgate.yaml", b"secret: !!python/object/apply:os.getcwd []", "not valid YAML: line"),
    "no toml": ("fairgate.toml", b"log_level = ", "not valid TOML"),
    "huge": ("fairgate.yaml", b"#" * 300_000, "larger than 256 KiB"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_wrong_is_one_line_that_names_it(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, content, expected = WRONG[case]
    (folder / name).write_bytes(content)
    assert cli.run(["config", "check"]) == cli.WRONG_USAGE
    [line] = capsys.readouterr().err.splitlines()
    assert expected in line


def test_files_that_are_not_there_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable in (CONFIG, "FAIRGATE_SECRET_FILE"):
        monkeypatch.setenv(variable, "nowhere.yaml")
        assert cli.run(["config", "check"]) == cli.WRONG_USAGE
        [line] = capsys.readouterr().err.splitlines()
        assert "cannot be read: No such file" in line
        monkeypatch.delenv(variable)


def test_show_tells_where_each_comes_from_and_hides_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "fairgate.yaml").write_text("audit_keep_days: 30\ndatabase_url: postgresql://u:hidden@db/x\n")
    (folder / "it").write_text("a very hidden secret")
    monkeypatch.setenv("FAIRGATE_SECRET_FILE", "it")
    monkeypatch.setenv("FAIRGATE_LOG_LEVEL", "debug")
    assert cli.run(["config", "show", "--json"]) == cli.DONE
    output = capsys.readouterr().out
    assert "hidden" not in output
    shown = json.loads(output)
    assert {name: it["source"] for name, it in shown.items()} == {
        **{"audit_keep_days": "fairgate.yaml", "database_url": "fairgate.yaml"},
        **{"secret": "FAIRGATE_SECRET_FILE", "log_level": "FAIRGATE_LOG_LEVEL"},
    }
    assert cli.run(["config", "show", "--all"]) == cli.DONE
    table = capsys.readouterr().out
    assert "hidden" not in table
    assert {line.split()[0] for line in table.splitlines()} >= set(Settings.model_fields)


def test_check_finds_variables_that_are_no_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["config", "check"]) == cli.DONE
    monkeypatch.setenv("FAIRGATE_LOGLEVEL", "debug")
    assert cli.run(["config", "check"]) == cli.FAILED
    assert "FAIRGATE_LOGLEVEL is not a setting; did you mean FAIRGATE_LOG_LEVEL?" in capsys.readouterr().err


@contextmanager
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What has been logged since the last call."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure(Settings(log_format="json", log_level="info"), "web")
    try:
        yield lambda: [json.loads(it) for it in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers = handlers
        root.setLevel(level)


def test_a_reload_applies_each_setting_or_says_that_it_needs_a_restart(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "fairgate.yaml"
    with logged(capsys) as read_output:
        for name, value in other_values().items():
            file.write_text("{}")
            before, running = Settings(), Settings()
            unchanged = getattr(running, name)
            needed = {
                "smtp_url": {"mail_from": "a@file.example"},
                "captcha": {"captcha_site_key": "file", "captcha_secret": "of the file"},
                "oidc_issuer": {"oidc_client_id": "file"},
                "wallet_certificate": wallet_files(),
            }.get(name, {})
            file.write_text(json.dumps({name: value} | needed))
            after = reloading.reload(before, running)
            applied = name in Settings.RELOADED
            assert (getattr(running, name) == getattr(after, name)) is applied, name
            assert (getattr(running, name) == unchanged) is not applied, name
            first, *later = read_output()
            assert (name in first["changed"]) is applied
            assert [name in it["settings"] for it in later] == ([] if applied else [True])


def test_a_reload_of_settings_that_are_wrong_changes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, running = Settings(), Settings()
    (folder / "fairgate.yaml").write_text("log_level: loud\nbacklog_max: 7\n")
    with logged(capsys) as read_output:
        assert reloading.reload(before, running) is before
        assert running == before
        assert logging.getLogger().level == logging.INFO
        [line] = read_output()
    assert (line["level"], line["settings"]) == ("error", ["log_level"])


def test_nothing_remembers_a_setting_that_is_reloaded() -> None:
    """They are read from the settings at each use, never when creating something that lasts."""
    remembered = []
    for path in (*(ROOT / "app").rglob("*.py"), *(ROOT / "worker").rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and (
                function.name in ("__init__", "__post_init__", "create_app", "_app", "_opened")
                or function.name.startswith("open_")
            ):
                found = [it.attr for it in ast.walk(function) if isinstance(it, ast.Attribute)]
                remembered += [(path.name, it) for it in found if it in Settings.RELOADED]
    assert remembered == []
