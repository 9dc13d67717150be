"""This machine, its settings, and services other than the stores."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import stat
from difflib import get_close_matches
from importlib.metadata import version
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from aiosmtplib import SMTPException

from app.doctor.finding import Finding, good, note, wrong
from app.notifications.channels import email
from app.settings import Settings
from app.settings_sources import known_variables
from app.version import build, python

OPEN_FILES_MIN = 10_000  # each visitor with an open page holds one
BACKLOG_MIN = 1024  # connections the kernel queues in a rush
DISK_MIN = 2_000_000_000
LIBRARIES = ("asyncpg", "redis", "granian", "hypercorn", "arq")
SECRET_FILES = ("secret", "payment_webhook_secret", "run.json", "valkey/password", "postgres/password")
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


async def versions(_settings: Settings) -> list[Finding]:
    """The versions in use."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    system = f"Python {python()}, {platform.platform()}"
    return [note("versions", f"Fairgate {build()}, {system}; {libraries}")]


async def names_of_settings(_settings: Settings) -> list[Finding]:
    """Variables that resemble ours and are probably misspelt."""
    known = known_variables(Settings)
    found = []
    for name in sorted(os.environ):
        if name.startswith("FAIRG") and name not in known:
            if near := get_close_matches(name, known, n=1, cutoff=0.9):
                found.append(
                    wrong("settings", f"{name} is not a setting", f"set {near[0]}, if that was meant")
                )
    return found or [good("settings", "all settings are valid, and no name looks misspelt")]


async def secrets(settings: Settings) -> list[Finding]:
    """The signing secret is set, and files with secrets are readable by us alone."""
    found = []
    if not settings.secret.get_secret_value():
        do = "set FAIRGATE_SECRET to the output of `openssl rand -hex 32`, the same for all processes"
        found.append(wrong("secret", "FAIRGATE_SECRET is not set, so no place token can be signed", do))
    for path in (settings.data / name for name in SECRET_FILES):
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            found.append(wrong("secret", f"others can read {path}", f"chmod 600 '{path}'"))
    return found or [good("secret", "the secret is set, and files with secrets are not readable by others")]


async def disk(settings: Settings) -> list[Finding]:
    """The data folder, if there is one."""
    if not settings.data.is_dir():
        return [note("data", f"there is no data folder {settings.data}: nothing is embedded here")]
    free = shutil.disk_usage(settings.data).free
    says = f"{free / 1e9:.1f} GB are free for {settings.data}"
    if free < DISK_MIN:
        return [
            wrong(
                "data", says, "free some space, or move the folder (--data): the stores stop when it is full"
            )
        ]
    return [good("data", says)]


async def open_files(_settings: Settings) -> list[Finding]:
    """The limit to which a web process can raise its number of open files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    says = f"a process may have {'any number of' if unlimited else f'{hard:,}'} files open"
    if unlimited or hard >= OPEN_FILES_MIN:
        return [good("open_files", says)]
    do = "raise it (ulimit -Hn 1000000; LimitNOFILE= in systemd): each open queue page takes one"
    return [wrong("open_files", says, do)]


async def waiting_connections(_settings: Settings) -> list[Finding]:
    """How many connections may wait to be accepted, if the kernel reports it."""
    limit = _somaxconn()
    if limit is None:
        return []
    says = f"{limit:,} connections may wait to be accepted"
    if limit >= BACKLOG_MIN:
        return [good("waiting_connections", says)]
    return [
        wrong("waiting_connections", says, "sysctl -w net.core.somaxconn=4096: otherwise a rush is refused")
    ]


def _somaxconn() -> int | None:
    try:
        return int(SOMAXCONN.read_text())
    except OSError:  # another system, or a container without access
        return None


async def public_address(settings: Settings) -> list[Finding]:
    """Our public address, and the proxies trusted for visitors' addresses."""
    url = urlsplit(settings.public_url)
    if not settings.public_url:
        says = "FAIRGATE_PUBLIC_URL is not set: our address is derived from each request"
        address = (
            wrong("public_url", says + ", and e-mails have none", "set it: links in e-mails need it")
            if settings.smtp_url.get_secret_value()
            else note("public_url", says)
        )
    elif url.scheme == "http" and url.hostname not in LOOPBACK:
        address = note("public_url", f"{settings.public_url} is not https: cookies are not marked Secure")
    else:
        address = good("public_url", f"visitors come to {settings.public_url}")
    return [address, _proxies(settings)]


def _proxies(settings: Settings) -> Finding:
    proxies = [ip_network(it, strict=False) for it in settings.trusted_proxies]
    if not proxies:
        says = "no proxy is trusted: behind one, all visitors have its address and are throttled as one"
        return note("trusted_proxies", says)
    if wide := [str(it) for it in proxies if it.prefixlen == 0]:
        do = "name the proxies' own networks: anybody who reaches us directly could claim any address"
        return wrong("trusted_proxies", f"{wide[0]} includes everybody", do)
    return good("trusted_proxies", f"X-Forwarded-* is trusted from {', '.join(settings.trusted_proxies)}")


async def throttles(settings: Settings) -> list[Finding]:
    """Rate limits are on, except in benchmarks."""
    if not settings.rate_limits:
        return [wrong("rate_limits", "all throttles are off", "set FAIRGATE_RATE_LIMITS to on")]
    return [good("rate_limits", "throttles are on")]


async def mail_server(settings: Settings) -> list[Finding]:
    """The mail server accepts a connection and our password; nothing is sent."""
    address = settings.smtp_url.get_secret_value()
    if not address:
        return [note("smtp", "FAIRGATE_SMTP_URL is not set: e-mails are kept at /admin/mail, not sent")]
    where = urlsplit(address).hostname
    try:
        async with email.connected(address):
            return [good("smtp", f"{where} accepts e-mails from {settings.mail_from}")]
    except (SMTPException, OSError) as error:  # TimeoutError is an OSError
        says = f"{where} does not accept our connection: {error or type(error).__name__}"
        return [wrong("smtp", says, "check FAIRGATE_SMTP_URL: host, port, user and password")]


async def payment_gateway(settings: Settings) -> list[Finding]:
    """The payment gateway in use, if any."""
    if settings.simulates_payments:
        says = "the payment gateway is the simulated one: no real money is charged for tickets"
    elif settings.gateway:
        says = f"the payment gateway is {settings.gateway}; rooms marked `test` sell with the simulated one"
    else:
        says = (
            "no payment gateway is configured: holds are confirmed by POST /v1/reservations/ID/confirm-paid, "
            "and rooms marked `test` sell with the simulated one"
        )
    found = [note("payments", says)]
    if not settings.payment_webhook_secret.get_secret_value():
        says = "FAIRGATE_PAYMENT_WEBHOOK_SECRET is not set: webhook messages of the gateway are refused"
        found.append(note("payments.webhook", says))
    return found


CHECKS = (
    versions,
    names_of_settings,
    secrets,
    disk,
    open_files,
    waiting_connections,
    public_address,
    throttles,
    mail_server,
    payment_gateway,
)
