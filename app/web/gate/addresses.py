"""The address that a site's visitor requested, and to which addresses we may redirect."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from app.core.model import RoomSettings
from app.web.http.client_ip import first_of
from app.web.http.routes import Request

ADDRESS_MAX = 2000
ADDRESS_HEADERS = (
    *("X-Original-URL", "X-Original-Method", "X-Original-Fetch-Mode"),
    *("X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-Method"),
)
_ROOMS = "/v1/rooms/"
_SAFE = "/~!$&'()*+,;=:@%"


def requested_address(request: Request, return_to: str) -> str:
    """The address the visitor requested, as the proxy states it, unvalidated; "" if it states none.

    nginx sends it in `X-Original-URL`, Traefik and Caddy in `X-Forwarded-Proto/-Host/-Uri`; Envoy appends the
    path to ours and keeps the host. Each forwards whatever visitors send in the others' headers. If two
    headers state different paths, both are ignored, or visitors could name a path that a rule lets through.
    """
    parts = _gate_parts(request)
    below = request.path.split("/", parts)[parts:]
    if below:
        query = request.query.decode("latin-1")
        path = f"/{quote(below[0], safe=_SAFE)}{'?' if query else ''}{query}"
        return f"{_proto(request)}://{request.header(b'host') or ''}{path}"
    original, uri = request.header(b"x-original-url"), request.header(b"x-forwarded-uri")
    if original:
        path = "/" + original.partition("://")[2].partition("/")[2]
        return original if uri in (None, path) else ""
    if host := first_of(request.header(b"x-forwarded-host") or ""):
        return f"{_proto(request)}://{host}{uri or '/'}"
    return return_to


def requested_method(request: Request) -> str:
    """The method the visitor used; "" if two headers disagree."""
    if request.path.count("/") >= _gate_parts(request):
        return request.method
    original, forwarded = request.header(b"x-original-method"), request.header(b"x-forwarded-method")
    if original and forwarded and original != forwarded:
        return ""
    return original or forwarded or request.method


def _gate_parts(request: Request) -> int:
    """Number of slashes in the gate's own path, with a trailing one."""
    return 5 if request.path.startswith(_ROOMS) else 3  # /v1/rooms/{room_id}/gate, /v1/gate


def _proto(request: Request) -> str:
    return first_of(request.header(b"x-forwarded-proto") or "").lower() or request.scheme


def is_safe(address: str) -> bool:
    """Whether it is safe in a header and parsed the same way by everybody."""
    return (
        len(address) <= ADDRESS_MAX
        and address.isascii()
        and address.isprintable()
        and " " not in address
        and "\\" not in address
    )


def allowed(address: str, settings: RoomSettings) -> str:
    """The address if it is on a host of the room, else "", which prevents open redirects."""
    if not is_safe(address):
        return ""
    host = host_of(address) if address.lower().startswith(("http://", "https://")) else ""
    hosts = {host_of(f"//{it}") for it in settings.allowed_return_hosts} | {host_of(settings.target_url)}
    return address if host in hosts and host else ""


def host_of(address: str) -> str:
    """Host and port of a web address, without the scheme's default port; "" for any other address."""
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("", "http", "https") or not parts.hostname or parts.username is not None:
            return ""
        own = {"": (80, 443), "http": (80,), "https": (443,)}[parts.scheme]
        return parts.hostname if parts.port is None or parts.port in own else f"{parts.hostname}:{parts.port}"
    except ValueError:
        return ""


def queue_host(request: Request) -> str:
    """Our own host and port, as sent to connectors."""
    return urlsplit(request.origin()).netloc
