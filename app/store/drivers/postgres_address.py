"""DATABASE_URL, in libpq's format. Unsupported parts are refused by name rather than ignored.

postgresql://[user:password@]host[:port],.../database[?sslmode=verify-full&sslrootcert=...&application_name=...]
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from app.core.store_urls import split_store_url

DEFAULT_PORT = 5432

# asyncpg reads these from the address as libpq does.
_READ = frozenset(
    "user password dbname passfile service krbsrvname gsslib sslmode sslcert sslkey sslpassword sslrootcert"
    " sslcrl sslnegotiation ssl_min_protocol_version ssl_max_protocol_version".split()
)
_SENT_TO_SERVER = frozenset(("application_name", "options", "client_encoding"))
_OURS = frozenset(("host", "port", "connect_timeout", "target_session_attrs", "fallback_application_name"))
# Accepted with these values, which request what we do anyway.
_MEANT_ANYWAY = {
    "channel_binding": ("disable", "prefer"),
    "gssencmode": ("disable", "prefer"),
    "load_balance_hosts": ("disable",),
    "sslcertmode": ("allow", "disable"),
    "sslcompression": ("0",),
    "sslsni": ("1",),
}
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_SESSIONS = ("any", "read-write", "primary")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """The location of a database, and how to connect to it."""

    name: str  # safe to show: no user, no password
    hosts: tuple[tuple[str, int], ...]  # tried in this order; empty: asyncpg's default
    options: dict[str, Any]  # for asyncpg.connect
    connect_timeout_s: float | None  # per host


def read_postgres_address(url: str) -> PostgresAddress:
    """Parse a URL. Raises ValueError naming the faulty part."""
    parts = split_store_url(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("it must begin with postgresql://")
    query = parts.query.replace("+", "%2B")  # libpq does not decode a plus
    params = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    _refuse_unknown(params)
    login, _, netloc = parts.netloc.rpartition("@")
    hosts = tuple(_hosts(params.get("host") or netloc, params.get("port", "")))
    timeout_s = float(params.get("connect_timeout") or 0)
    read = {name: value for name, value in params.items() if name in _READ}
    options: dict[str, Any] = {
        "target_session_attrs": _session(params.get("target_session_attrs"), len(hosts)),
        "server_settings": _server_settings(params),
    }
    if read.get("sslrootcert") == "system":
        options["ssl"] = _as_the_system_trusts(read)
    _check_files(read)
    options["dsn"] = f"postgresql://{f'{login}@' if login else ''}{parts.path}" + (
        f"?{urlencode(read, quote_via=quote)}" if read else ""
    )
    database = params.get("dbname") or unquote(parts.path.strip("/"))
    where = ",".join(host if host.startswith("/") else f"{host}:{port}" for host, port in hosts)
    return PostgresAddress(f"{where or 'its default place'}/{database}", hosts, options, timeout_s or None)


def _refuse_unknown(params: dict[str, str]) -> None:
    for name, value in params.items():
        if name in _MEANT_ANYWAY:
            if value not in _MEANT_ANYWAY[name]:
                raise ValueError(f"{name}={value} is not supported; remove it")
        elif name not in _READ | _SENT_TO_SERVER | _OURS:
            raise ValueError(f"the parameter {name} is not supported; remove it")
    if params.get("client_encoding", "UTF8").upper().replace("-", "") not in ("UTF8", "AUTO"):
        raise ValueError("client_encoding can only be UTF8")


def _hosts(hosts: str, ports: str) -> list[tuple[str, int]]:
    if not hosts:
        return [("localhost", int(ports))] if ports else []
    found, numbers = [], [int(it or DEFAULT_PORT) for it in ports.split(",")] if ports else []
    if len(numbers) > 1 and len(numbers) != hosts.count(",") + 1:
        raise ValueError("there must be as many ports as hosts, or one")
    for i, host in enumerate(hosts.split(",")):
        if unquote(host).startswith("/"):  # the directory of a Unix socket
            found.append((unquote(host), numbers[i % len(numbers)] if numbers else DEFAULT_PORT))
            continue
        parts = urlsplit(f"//{host}")
        if not parts.hostname:
            raise ValueError(f"{host!r} is not a host")
        found.append((parts.hostname, parts.port or (numbers[i % len(numbers)] if numbers else DEFAULT_PORT)))
    return found


def _session(session: str | None, hosts: int) -> str:
    """Which of several servers to use: one that accepts writes."""
    if session is None:
        return "read-write" if hosts > 1 else "any"
    if session not in _SESSIONS:
        raise ValueError(f"target_session_attrs must be one of {', '.join(_SESSIONS)}: Fairgate writes")
    return session


def _server_settings(params: dict[str, str]) -> dict[str, str]:
    settings = {name: params[name] for name in ("application_name", "options") if params.get(name)}
    settings.setdefault("application_name", params.get("fallback_application_name") or "fairgate")
    return settings


def _check_files(read: dict[str, str]) -> None:
    for name in _FILES:
        if name in read and not os.access(read[name], os.R_OK):
            raise ValueError(f"{name}: {read[name]} cannot be read")


def _as_the_system_trusts(read: dict[str, str]) -> ssl.SSLContext:
    """The context for `sslrootcert=system`: any authority the system trusts, with a matching host name."""
    if read.pop("sslmode", "verify-full") != "verify-full":
        raise ValueError("sslrootcert=system needs sslmode=verify-full")
    del read["sslrootcert"]
    _check_files(read)
    context = ssl.create_default_context()
    if certificate := read.pop("sslcert", None):
        try:
            context.load_cert_chain(certificate, read.pop("sslkey", None), read.pop("sslpassword", None))
        except ssl.SSLError as error:
            raise ValueError(f"sslcert: {certificate} cannot be used: {error}") from None
    return context
