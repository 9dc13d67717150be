"""Whether the request was sent by another site's page: the one rule for all calls and forms.

Browsers name the origin of a POST in `Sec-Fetch-Site` or, where they do not send that (plain HTTP, older
browsers), in `Origin`. A client that sends neither is not a browser, and has no visitor's cookies to abuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from app.core.errors import ForeignOrigin
from app.web.http.routes import Request

SAFE = ("GET", "HEAD", "OPTIONS")
NOT_FOREIGN = ("same-origin", "none")  # `none`: the visitor's own action, such as reloading a page


def check_origin(request: Request) -> None:
    """Refuse a change that a foreign page made a visitor's browser send.

    A request with its credential in a header, and no cookie, is not affected: a browser only adds such a
    header to a foreign page's request with our permission. Raises ForeignOrigin.
    """
    headers = request.headers
    if b"origin" not in headers and b"sec-fetch-site" not in headers:
        return
    if b"cookie" not in headers and (b"authorization" in headers or b"x-place-token" in headers):
        return
    configured = request.app.settings.cors_origins
    if "*" in configured and _is_anonymous_script(request):
        return
    if is_foreign(request, configured):
        raise ForeignOrigin(
            "A page of another site sent this. FAIRGATE_CORS_ORIGINS lists the permitted ones."
        )


def is_foreign(request: Request, configured: Sequence[str] = ()) -> bool:
    """Whether the sending page is neither ours nor of the `configured` origins."""
    site, origin = request.header(b"sec-fetch-site"), request.header(b"origin")
    if site in NOT_FOREIGN or (site is None and origin is None):
        return False
    if origin is not None and origin in configured:
        return False
    return site is not None or not _is_ours(request, origin or "")


def names_its_page(request: Request) -> bool:
    """Whether the request names its origin, as every browser's POST does."""
    return request.header(b"sec-fetch-site") is not None or request.header(b"origin") is not None


def is_part_of_foreign_page(request: Request) -> bool:
    """Whether a foreign page embeds this as an image, frame or the like, which is not a visit."""
    site = request.header(b"sec-fetch-site")
    return site in ("cross-site", "same-site") and request.header(b"sec-fetch-dest") != "document"


def _is_ours(request: Request, origin: str) -> bool:
    """Compare by host: behind an untrusted proxy we do not know the scheme."""
    return urlsplit(origin).netloc in (urlsplit(request.origin()).netloc, request.header(b"host"))


def _is_anonymous_script(request: Request) -> bool:
    """Whether it is a script's request without credentials. A form, whose response may set cookies, is
    not."""
    return request.header(b"sec-fetch-mode") == "cors" and b"cookie" not in request.headers
