"""From a document to an HTML answer: the template environment, the security headers, compression.

Templates escape everything; `StrictUndefined` turns a misspelt name into an error instead of an empty space.
Compressing HTML is safe here because no page carries a secret: tokens travel in HttpOnly cookies and forms
are protected by their Origin, not by a token in the page.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from quart import Response, request

from app.core import words
from app.web.assets import load_assets

TEMPLATES = Path(__file__).parents[2] / "templates"
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
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "same-origin",  # `no-referrer` would make the Origin of our own forms `null`
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@cache
def templates() -> Environment:
    """The environment of all pages, made once."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": words.clock,
        "duration": words.duration,
        "money": words.money,
        "number": words.number,
        "rfc3339": words.rfc3339,
        "utc_time": words.utc_time,
        "wait": words.wait,
    }
    environment.globals |= {"asset": load_assets().url, "hidden_unless": hidden_unless}
    return environment


def hidden_unless(shown: bool) -> Markup:
    """The attribute that hides an element, or nothing."""
    return Markup("" if shown else " hidden")


def html(template: str, page: Any) -> str:
    """The page as text."""
    return templates().get_template(template).render(page=page)


def respond(template: str, page: Any, status: int = 200, retry_after_s: int = 0) -> Response:
    """The page as an answer that nobody but this visitor may keep."""
    response = compressed(html(template, page).encode(), "text/html; charset=utf-8")
    response.status_code = status
    response.headers["Cache-Control"] = "private, no-store"
    if retry_after_s:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def compressed(plain: bytes, content_type: str, gzipped: bytes | None = None) -> Response:
    """A body in the encoding the browser takes."""
    takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    body = (gzipped or gzip.compress(plain, 6, mtime=0)) if takes_gzip else plain
    response = Response(body, content_type=content_type)
    response.headers["Vary"] = "Accept-Encoding"
    if takes_gzip:
        response.headers["Content-Encoding"] = "gzip"
    return response
