"""The language form at the foot of every page, and the cookie that stores the choice."""

from __future__ import annotations

from urllib.parse import urlsplit

from quart import Response

from app import i18n
from app.web.http.routes import Request
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import LANGUAGE_COOKIE

KEPT_S = 365 * 86_400


async def choose_language(request: Request) -> Response:
    """Store the language and show the page again. An unknown language resets the choice to the browser's."""
    language = (await read_form()).get("language", "")
    response = redirect_to(_return_path(request))
    known = language in i18n.LANGUAGES
    response.set_cookie(
        LANGUAGE_COOKIE,
        language if known else "",
        max_age=KEPT_S if known else 0,
        path="/",
        samesite="Lax",
        secure=request.is_secure(),
        httponly=True,
    )
    return response


def _return_path(request: Request) -> str:
    """The page the form was on; it is ours, because forms of other sites are refused."""
    at = urlsplit(request.header(b"referer") or "")
    if not at.path.startswith("/") or at.path.startswith(("//", "/\\")):
        return "/"
    return f"{at.path}?{at.query}" if at.query else at.path
