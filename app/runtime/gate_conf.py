"""The configuration of the nginx that `fairgate gate` runs: `gate.nginx`, filled in and checked."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from app.core.errors import CannotRun

TEMPLATE = Path(__file__).with_name("gate.nginx")
SYSTEM_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Red Hat
    "/etc/ssl/cert.pem",  # BSD, macOS
)
CONNECTIONS_MAX = 16_384  # per nginx process; a visitor takes three during a request
FILES_SPARE = 64
BACKLOG = 4096  # connections the kernel queues in a rush
HTTP2_ON = (1, 25, 1)  # from this version on it is a separate directive
_SERVER_NAME = re.compile(r"^([A-Za-z0-9_.-]{1,253}|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?\Z")


class ProxyFailed(CannotRun):
    """nginx cannot run as requested; the message is one line that says why and what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of `fairgate gate`. Addresses are validated: see `address_of`."""

    origin: SplitResult
    fairgate: SplitResult
    room: str  # "": determined by the site rules
    host: str = "127.0.0.1"
    port: int = 8000
    fail: Literal["closed", "open"] = "closed"
    shop_host: str = ""  # the Host header sent to the shop; "": the visitor's
    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None  # CA certificates for shop and Fairgate
    trusted: tuple[str, ...] = ()  # networks of proxies in front of us
    timeout_s: int = 60
    page: Path | None = None


def address_of(text: str, option: str) -> SplitResult:
    """Parse a server's address: scheme, host, optional port. Raises ProxyFailed."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and _SERVER_NAME.match(parts.netloc) and parts.port != 0
    except ValueError:
        good = None
    if not good or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ProxyFailed(f"{option} takes http(s)://HOST[:PORT], without a path, not {text}")
    return parts


def server_name(text: str, option: str) -> str:
    """Check a host name with an optional port. Raises ProxyFailed."""
    if not _SERVER_NAME.match(text):
        raise ProxyFailed(f"{option} takes HOST[:PORT], not {text}")
    return text


def url_of(plan: Plan) -> str:
    """The new address of the shop."""
    host = f"[{plan.host}]" if ":" in plan.host else plan.host
    return f"{'https' if plan.certificate else 'http'}://{host}:{plan.port}"


def configuration(plan: Plan, folder: Path, version: tuple[int, ...] = ()) -> str:
    """Render nginx's configuration. Raises ProxyFailed."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    files = CONNECTIONS_MAX + FILES_SPARE if files == resource.RLIM_INFINITY else files
    gate = f"/v1/rooms/{plan.room}/gate" if plan.room else "/v1/gate"
    words = {
        "USER": _user(),
        "FOLDER": str(folder),
        "FILES": str(min(files, CONNECTIONS_MAX + FILES_SPARE)),
        "CONNECTIONS": str(max(FILES_SPARE, min(files - FILES_SPARE, CONNECTIONS_MAX))),
        "FAIRGATE": _upstream(plan.fairgate),
        "FAIRGATE_SCHEME": plan.fairgate.scheme,
        "FAIRGATE_HOST": plan.fairgate.netloc,
        "FAIRGATE_NAME": plan.fairgate.hostname or "",
        "FAIRGATE_TLS": _verified(plan, plan.fairgate),
        "ORIGIN": _upstream(plan.origin),
        "ORIGIN_SCHEME": plan.origin.scheme,
        "ORIGIN_NAME": plan.shop_host.partition(":")[0] or plan.origin.hostname or "",
        "ORIGIN_TLS": _verified(plan, plan.origin),
        "SHOP_HOST": plan.shop_host or "$http_host",
        "GATE": f"{gate}?deny=401",
        "LISTEN": _listen(plan, version),
        "TLS": _tls(plan, version),
        "TIMEOUT": str(plan.timeout_s),
        "FROM_PROXIES": " ".join(f"{it} 1;" for it in plan.trusted),
        "REAL_IP": _real_ip(plan),
        "FAIL_OPEN": "proxy_intercept_errors on; error_page 500 502 503 504 = @open;"
        if plan.fail == "open"
        else "",
    }
    return re.sub(r"@([A-Z_]+)@", lambda found: words[found[1]], TEMPLATE.read_text())


def _upstream(address: SplitResult) -> str:
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    return f"{host}:{address.port or (443 if address.scheme == 'https' else 80)}"


def _listen(plan: Plan, version: tuple[int, ...]) -> str:
    address = f"[{plan.host}]:{plan.port}" if ":" in plan.host else f"{plan.host}:{plan.port}"
    ways = "" if plan.certificate is None else " ssl" if version >= HTTP2_ON else " ssl http2"
    return f"{address}{ways} backlog={BACKLOG}"


def _tls(plan: Plan, version: tuple[int, ...]) -> str:
    if plan.certificate is None:
        return ""
    two = "http2 on;" if version >= HTTP2_ON else ""
    key = _file(plan.key or plan.certificate)
    return (
        f'ssl_certificate "{_file(plan.certificate)}"; ssl_certificate_key "{key}"; '
        f"ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:10m; ssl_session_timeout 1d; {two}"
    )


def _verified(plan: Plan, address: SplitResult) -> str:
    """The verification of a server's certificate; an unverified one would be worth nothing."""
    if address.scheme != "https":
        return ""
    files = [plan.authorities] if plan.authorities else [Path(it) for it in SYSTEM_CERTIFICATES]
    authorities = next((it for it in files if it.is_file()), None)
    if authorities is None:
        raise ProxyFailed("no CA certificates were found; name a file with --authorities")
    return (
        f"proxy_ssl_server_name on; proxy_ssl_verify on; proxy_ssl_verify_depth 5; "
        f'proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_trusted_certificate "{_file(authorities)}";'
    )


def _real_ip(plan: Plan) -> str:
    trusted = " ".join(f"set_real_ip_from {it};" for it in plan.trusted)
    return f"{trusted} real_ip_header X-Forwarded-For; real_ip_recursive on;" if trusted else ""


def _file(path: Path) -> str:
    """Escape a file's name for use in quotes. Raises ProxyFailed."""
    text = str(path.expanduser().absolute())
    if not path.is_file():
        raise ProxyFailed(f"there is no file {path}")
    if any(it in text for it in '"\\$\n;{}'):
        raise ProxyFailed(f"nginx cannot read a file with the name {text}")
    return text


def _user() -> str:
    """The user of the processes that handle requests when nginx is started by root."""
    if os.geteuid() != 0:
        return ""
    for name in ("www-data", "nginx", "nobody"):
        with contextlib.suppress(KeyError):
            return f"user {name} {grp.getgrgid(pwd.getpwnam(name).pw_gid).gr_name};"
    return "user root;"
