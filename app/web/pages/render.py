"""Renders a document to an HTML response: language, templates, security headers, compression.

Templates escape everything. Compressing HTML is safe because pages contain no secrets: tokens travel in
HttpOnly cookies, and forms are protected by their Origin, not by a token in the page. The few pages with a
`secret` are not compressed.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup
from quart import Response, request

from app import i18n, templating
from app.store.spans import span
from app.web.http.assets import load_assets
from app.web.pages.theme import PLAIN, Look

CONSOLE = "console/"
LANGUAGE_COOKIE = "fairgate_language"  # the language chosen at the foot of a page
TEXTS_MAX = 2_000  # cached per language: more than the templates have
SHARED_MAX = 64  # cached pages that are equal for many: a room has a new one every second, in each language
TEMPLATES = Path(__file__).parents[3] / "templates"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_OURS = CONTENT_SECURITY_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
FRAMED = {  # in the demo, whose page frames two of ours side by side
    "Content-Security-Policy": f"{_OURS}; frame-src 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "same-origin",  # with `no-referrer`, the Origin of our own forms would be `null`
    "X-Frame-Options": "DENY",
}


@cache
def templates(language: str) -> Environment:
    """The template environment of a language, created once."""
    environment = templating.environment(TEMPLATES, language, autoescape=True)
    gettext = _gettext(i18n.catalogue(language).gettext)
    environment.globals |= {
        "_": gettext,
        "gettext": gettext,
        "asset": load_assets().url,
        "hidden_unless": hidden_unless,
        "languages": i18n.OWN_NAMES,
    }
    return environment


def _gettext(translated: Callable[[str], str]) -> Callable[..., Markup]:
    """Like the functions of jinja2.ext.i18n, but texts without variables are built once, not per page."""

    @lru_cache(maxsize=TEXTS_MAX)
    def constant(text: str) -> Markup:
        return Markup(translated(text)) % {}

    def gettext(text: str, **variables: object) -> Markup:
        return Markup(translated(text)) % variables if variables else constant(text)

    return gettext


def hidden_unless(shown: bool) -> Markup:
    """The attribute that hides an element, or nothing."""
    return Markup("" if shown else " hidden")


def html(template: str, page: Any, language: str = i18n.ENGLISH, look: Look = PLAIN) -> str:
    """Render the page as text."""
    with span("render"):
        return templates(language).get_template(template).render(page=page, look=look)


@lru_cache(maxsize=SHARED_MAX)
def _rendered(template: str, page: Any, language: str, look: Look) -> tuple[bytes, bytes]:
    plain = html(template, page, language, look).encode()
    return plain, _gzipped(plain)


def respond(
    template: str,
    page: Any,
    status: int = 200,
    retry_after_s: int = 0,
    *,
    look: Look = PLAIN,
    secret: bool = False,
    shared: bool = False,
    language: str = "",
) -> Response:
    """Render the page as a response that only this visitor may cache.

    Its language is the one given, else the one the room prefers (`look`), else the visitor's. The console is
    English. A page with a `secret` is not compressed. A page that is equal for a crowd (`shared`) is rendered
    once for as long as its document, which must be hashable, does not change.
    """
    language = language or (i18n.ENGLISH if template.startswith(CONSOLE) else requested_language(look.locale))
    kind = "text/html; charset=utf-8"
    if shared:
        plain, gzipped = _rendered(template, page, language, look)
        response = compressed(plain, kind, gzipped)
    else:
        body = html(template, page, language, look).encode()
        response = Response(body, content_type=kind) if secret else compressed(body, kind)
    response.status_code = status
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    if retry_after_s:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def requested_language(locale: str = "") -> str:
    """The language for this request: the reader's choice, the room's, or the browser's."""
    accepted = (tag for tag, quality in request.accept_languages if quality > 0)
    return i18n.choose([request.cookies.get(LANGUAGE_COOKIE, ""), locale, *accepted])


def compressed(plain: bytes, content_type: str, gzipped: bytes | None = None) -> Response:
    """The body in an encoding the browser accepts."""
    takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    body = (gzipped or _gzipped(plain)) if takes_gzip else plain
    response = Response(body, content_type=content_type)
    response.headers["Vary"] = "Accept-Encoding"
    if takes_gzip:
        response.headers["Content-Encoding"] = "gzip"
    return response


def _gzipped(plain: bytes) -> bytes:
    return gzip.compress(plain, 6, mtime=0)
