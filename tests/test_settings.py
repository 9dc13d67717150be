"""Settings: read from the environment, refused by name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from app import cli
from app.core.assurance.beacon import QUICKNET
from app.core.assurance.notes import COSIGNER, Verifier
from app.settings import Settings

GO_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"  # of a log
WITNESS = Verifier("paper.example/w1", COSIGNER, bytes(32)).vkey
CHANGED_CHAIN = msgspec.json.encode(msgspec.structs.replace(QUICKNET, period=30)).decode()


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"FAIRGATE_{name}", raising=False)


def test_without_any_setting_everything_is_embedded() -> None:
    settings = Settings()
    assert settings.redis_url == settings.queue_url == settings.database_url == ""
    assert settings.secret.get_secret_value() == ""
    assert settings.rate_limits


@pytest.mark.parametrize("name", ["redis_url", "queue_redis_url", "database_url"])
def test_a_store_address_is_taken_with_and_without_the_prefix(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = "postgresql" if name == "database_url" else "redis"
    monkeypatch.setenv(name.upper(), f"{scheme}://plain")
    assert getattr(Settings(), name) == f"{scheme}://plain"
    monkeypatch.setenv(f"FAIRGATE_{name.upper()}", f"{scheme}://prefixed")
    assert getattr(Settings(), name) == f"{scheme}://prefixed"


def test_the_queue_is_on_the_same_server_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://one")
    assert Settings().queue_url == "redis://one"
    monkeypatch.setenv("QUEUE_REDIS_URL", "redis://two")
    assert Settings().queue_url == "redis://two"


@pytest.mark.parametrize("name", ["rate_limits", "webhooks_private", "simulate_payments"])
def test_a_switch_is_on_or_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spellings = {"on": True, "true": True, "1": True, "ON": True, "off": False, "false": False, "0": False}
    for text, meant in spellings.items():
        monkeypatch.setenv(f"FAIRGATE_{name.upper()}", text)
        assert getattr(Settings(), name) is meant


def test_one_gateway_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_SIMULATE_PAYMENTS", "on")
    assert Settings().gateway == Settings(payments="simulated").gateway == "simulated"
    with pytest.raises(ValidationError, match="names another gateway"):
        Settings(payments="acme")


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_CORS_ORIGINS", "https://a.example, https://b.example,")
    monkeypatch.setenv("FAIRGATE_TRUSTED_PROXIES", "10.0.0.0/8,2001:db8::/32")
    monkeypatch.setenv("FAIRGATE_DNS_SERVERS", "192.0.2.1, [2001:db8::1]:5353")
    settings = Settings()
    assert settings.dns_servers == ["192.0.2.1", "[2001:db8::1]:5353"]
    assert settings.cors_origins == ["https://a.example", "https://b.example"]
    assert settings.trusted_proxies == ["10.0.0.0/8", "2001:db8::/32"]


REDIS = ["nonsense", "http://redis", "redis://host:port", "redis://user:do-not-tell/x@host", "redis://[::1"]
TYPED = {  # each with an invalid value; a number is tried with text and beyond its limits
    "redis_url": REDIS,
    "queue_redis_url": REDIS,
    "database_url": [
        "nonsense",
        "mysql://db",
        "postgresql://db:port/x",
        "postgresql://a:1,b:99999/x",
        "host=db",
    ],
    "security_contact": ["security@example.org", "http://example.org", "mailto:a@example.org\nExpires: 1"],
    "public_url": [
        "queue.example.org",
        "ftp://queue.example.org",
        "https://",
        "https://queue.example.org?x=1",
        "https://queue.example.org/tickets",
        "https://queue.example.org/#top",
        "https://queue.example.org:https",
        "https://queue.example.org:0",
        "https://me@queue.example.org",
        "https://queue example.org",
    ],
    "secret": ["short-do-not"],
    "ops_token": ["short-do-not"],
    "cors_origins": ["shop.example", "https://shop.example/", "https://shop.example,*.example"],
    "trusted_proxies": ["10.0.0.0/8,nonsense", "10.0.0.0/99"],
    "dns_servers": ["ns.example", "192.0.2.1:0", "2001:db8::1", "192.0.2.1,nonsense", "192.0.2.1/24"],
    "rate_limits": ["maybe"],
    "payments": ["Acme!", "nowhere", "stripe,invoice,stripe", "stripe,simulated"],
    "payments_url": ["api.stripe.com", "https://api.example.org/"],
    "captcha": ["cloudflare"],
    "captcha_site_key": ["two words"],
    "captcha_url": ["captcha.example", "http://captcha.example/verify", "https://"],
    "simulate_payments": ["maybe"],
    "beacon_relays": ["api.drand.sh", "https://api.drand.sh,https://", "https://api.drand.sh/?chain=1"],
    "beacon_chain": ["quicknet", "{}", CHANGED_CHAIN],
    "witnesses": ["https://paper.example", f"paper.example {WITNESS}", "https://paper.example " + GO_KEY],
    "demo": ["perhaps"],
    "webhooks_private": ["yes"],
    "payment_webhook_secret": ["do-not-tell", "whsec_do-not-tell", "whsec_c2hvcnQ="],
    "smtp_url": ["http://mail.example.org", "smtp://", "smtp://user:do-not/tell@host", "smtp://host:0"],
    "mail_from": ["Tickets", "Tickets <tickets>", "a..b@example.org"],
    "wallet_certificate": ["/nowhere/pass.pem"],
    "second_factor": ["everybody"],
    "oidc_issuer": ["login.example.org", "ftp://login.example.org", "https://"],
    "oidc_groups_claim": ["two words"],
    "oidc_roles": ["it", "it=king", "=admin"],
    "oidc_create": ["maybe"],
    "log_level": ["chatty"],
    "log_format": ["xml"],
}
FREE = {
    "data",
    "log_file",
    "payments_key",
    "captcha_secret",
    "oidc_client_id",
    "oidc_client_secret",
    "oidc_domains",
    "wallet_key",
    "wallet_key_password",
    "wallet_intermediates",
}  # any text
NUMBERS = [name for name, field in Settings.model_fields.items() if field.annotation in (int, float)]
BAD = [(name, value) for name, values in TYPED.items() for value in values]
BAD += [(name, value) for name in NUMBERS for value in ("many", "-1", "1e12", "nan")]


def test_every_setting_that_can_be_mistyped_is_tried() -> None:
    assert {name for name, _ in BAD} | FREE == set(Settings.model_fields)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_one_line_that_names_it_and_2(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"FAIRGATE_{name.upper()}", value)
    assert cli.run(["env"]) == cli.WRONG_USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"fairgate: the setting FAIRGATE_{name.upper()} is wrong: ")
    assert err.count("\n") == 1
    assert "do-not" not in err


def test_the_name_is_the_one_that_is_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "nonsense")
    monkeypatch.setenv("FAIRGATE_BACKLOG_MAX", "0")
    assert cli.run(["env"]) == cli.WRONG_USAGE
    err = capsys.readouterr().err
    assert "the setting REDIS_URL is wrong" in err
    assert "; the setting FAIRGATE_BACKLOG_MAX is wrong" in err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public_url", "https://queue.example.org/"),
        ("public_url", "http://[2001:db8::1]:8080"),
        ("redis_url", "rediss://user:p%2Fw@[::1]:6380/0?ssl_cert_reqs=none"),
        ("redis_url", "unix:///run/redis/redis.sock?db=1"),
        ("redis_url", "redis+sentinel://:pw@a:26379,b:26379/main"),
        ("database_url", "postgresql://user:p%40w@a:5432,b/fairgate?sslmode=require"),
        ("database_url", "postgres:///fairgate?host=/run/postgresql"),
        ("cors_origins", "*"),
        ("cors_origins", "https://shop.example:8443,http://localhost:3000"),
        ("trusted_proxies", "10.0.0.1, 2001:db8::/32"),
    ],
)
def test_a_good_value_is_taken(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"FAIRGATE_{name.upper()}", value)
    assert getattr(Settings(), name)


def test_a_mail_server_needs_a_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_SMTP_URL", "smtp://fairgate:do-not-tell@mail.example.org:587")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"][0] for error in refused.value.errors()] == ["mail_from"]
    monkeypatch.setenv("FAIRGATE_MAIL_FROM", "Tickets <tickets@example.org>")
    assert "do-not-tell" not in repr(Settings())


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"captcha": "turnstile"}, ["captcha_site_key", "captcha_secret"]),
        ({"captcha": "turnstile", "captcha_site_key": "site"}, ["captcha_secret"]),
        ({"oidc_issuer": "https://login.example.org"}, ["oidc_client_id"]),
    ],
)
def test_a_provider_needs_what_it_knows_us_by(given: dict[str, str], missing: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**given)  # type: ignore[arg-type]  # as texts, like in the environment
    assert [error["loc"][0] for error in refused.value.errors()] == missing
    assert {error["msg"].partition(" with ")[0] for error in refused.value.errors()} == {
        "Value error, is required"
    }


def test_the_secret_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_SECRET", "do-not-tell-anybody")
    assert "do-not-tell" not in repr(Settings())
    assert Settings().secret.get_secret_value() == "do-not-tell-anybody"


def test_the_data_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRGATE_DATA", "/srv/fairgate")
    assert Settings().data == Path("/srv/fairgate")
