"""Whether another site's page made the browser send this request: the one rule for all calls and forms.

A browser names where a POST comes from in `Sec-Fetch-Site`, or where it does not send that (plain HTTP, older
browsers) in `Origin`. A client that sends neither is no browser, and has no visitor's cookies to abuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from app.core.errors import ForeignOrigin
from app.web.http.routes import Request

SAFE = ("GET", "HEAD", "OPTIONS")
NOT_FOREIGN = ("same-origin", "none")  # `none`: the visitor's own doing, as a page that is loaded again


def check_origin(request: Request) -> None:
    """Refuse a change that a foreign page made a visitor's browser send.

    Whoever brings their credential in a header, and no cookie, speaks for nobody but themselves: a browser
    adds such a header to a foreign page's request only with our leave. Raises ForeignOrigin.
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
        raise ForeignOrigin("A page of another site sent this. FAIRGATE_CORS_ORIGINS names those that may.")


def is_foreign(request: Request, configured: Sequence[str] = ()) -> bool:
    """Whether a page sent this that is neither ours nor of the `configured` origins."""
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
    """Whether a foreign page loads this as an image, frame or the like, which is no visit."""
    site = request.header(b"sec-fetch-site")
    return site in ("cross-site", "same-site") and request.header(b"sec-fetch-dest") != "document"


def _is_ours(request: Request, origin: str) -> bool:
    """By host: behind a proxy that is not trusted we do not know the scheme."""
    return urlsplit(origin).netloc in (urlsplit(request.origin()).netloc, request.header(b"host"))


def _is_anonymous_script(request: Request) -> bool:
    """A script that says nothing of its visitor. A form, which may set cookies on its way, is no script."""
    return request.header(b"sec-fetch-mode") == "cors" and b"cookie" not in request.headers
