"""The entry point of every page: checks the origin of forms, and turns errors into pages.

Two protections from cross-site requests need nothing in the page: our cookies are `SameSite=Lax`, so browsers
do not send them with another site's POST, and a POST is refused unless the browser states that a page of ours
sent it (`origins.py`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import quote

from quart import Quart, Response, current_app
from quart import request as quart_request
from werkzeug.exceptions import NotFound as NotFoundError

from app.core.errors import NotFound, Refusal, Retryable
from app.core.formats import OPAQUE
from app.core.model import RoomId
from app.store.spans import RECORD
from app.web.http import deadlines
from app.web.http.dispatch import PARAMS, refuse, request_of
from app.web.http.newcomer_pages import asks_for_json
from app.web.http.origins import is_foreign
from app.web.http.problems import refusal_of
from app.web.http.quart_adapter import quart_response
from app.web.http.routes import Request
from app.web.http.staff_access import is_staff_call
from app.web.pages.documents import ErrorPage
from app.web.pages.render import FRAMED, SECURITY_HEADERS, respond

_PARAMS = {name: pattern for name, (pattern, _) in PARAMS.items()} | {
    "digest": re.compile(r"[0-9a-f]{0,12}"),
    "theme_file": re.compile(r"[a-z.]{1,20}"),
    "confirm_token": re.compile(r"[\w-]{22}"),
    "job_id": re.compile(r"[0-9a-f-]{36}"),
    "mail_id": re.compile(r"[0-9a-f-]{36}"),
    "sign_in_id": re.compile(r"[0-9a-f-]{36}"),
    "account_id": re.compile(OPAQUE),
    "invitation_id": re.compile(OPAQUE),
    "passkey_id": re.compile(r"[0-9a-f-]{36}"),
    "customer_id": re.compile(r"[A-Za-z0-9-]{1,40}"),  # as shops' connectors send it, in any case
    "ch_token": re.compile(r"[\w.-]{1,120}"),
    "queue_id": re.compile(r"[\w-]{0,64}"),
    "error_code": re.compile(r"[a-z]{1,20}"),
    "set_aside_id": re.compile(r"[0-9]{1,18}"),
}
RETRY_MAX_S = 30

Handler = Callable[[Request], Awaitable[Response]]


def page(handler: Handler, within_s: float = deadlines.PAGE_TIMEOUT_S) -> Callable[..., Awaitable[Response]]:
    """Make a Quart view of a page. Errors become pages, too."""

    @wraps(handler)
    async def view(**params: str) -> Response:
        request = _request(params)
        if record := RECORD.get():
            record.call, record.ids = quart_request.endpoint or "", params
            record.route = quart_request.url_rule.rule if quart_request.url_rule else ""
            record.of_a_crowd = request.method in ("GET", "HEAD") and record.call.startswith("page_")
        try:
            if request.method == "OPTIONS":
                return Response(status=204, headers={"Allow": "GET, HEAD, OPTIONS"})
            if not all(_PARAMS[name].fullmatch(value) for name, value in params.items()):
                raise NotFound
            if request.method == "POST" and is_foreign(request):
                return with_page_headers(foreign_form(request))
            if handler is not _without_slash and not request.path.startswith("/admin/"):
                await _may_be_seen(request)
            # Pages query the stores several times in a row; a form's time also includes receiving its body.
            longest_s = within_s if request.method != "POST" else deadlines.CALL_TIMEOUT_S
            async with deadlines.answered_within(longest_s):
                return with_page_headers(await handler(request))
        except Exception as error:  # entry point: every error becomes a page
            if asks_for_json(request):
                return quart_response(refuse(error))
            return with_page_headers(error_page(request, refusal_of(error)))

    return view


async def _may_be_seen(request: Request) -> None:
    """Treat what is hidden as missing, also for forms, which do not check their room's existence
    themselves."""
    if (unseen := request.app.hidden.refusal_for(request.params)) and not await is_staff_call(request):
        raise unseen
    if request.method == "POST" and "room_id" in request.params:
        await request.app.status_board.current(RoomId(request.params["room_id"]))


def add_page(
    app: Quart, path: str, name: str, handler: Handler, within_s: float = deadlines.PAGE_TIMEOUT_S
) -> None:
    """Add a page to the app, and redirect its address with a trailing slash, as people type it."""
    for at, view, of in ((path, handler, name), (f"{path}/", _without_slash, f"{name}_slash")):
        if at != "//":
            made = page(view, within_s)
            app.add_url_rule(at, of, made, methods=["GET", "OPTIONS"], provide_automatic_options=False)


async def _without_slash(request: Request) -> Response:
    # The path is one of our routes and begins with one of our words, so it cannot be `//host`.
    query = f"?{request.query.decode('latin-1')}" if request.query else ""
    response = Response(status=308)
    response.headers["Location"] = quote(request.path.removesuffix("/")) + query
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _request(params: dict[str, str]) -> Request:
    scope: Any = quart_request.scope
    return request_of(current_app.extensions["fairgate"], scope, params)


async def not_found(error: NotFoundError) -> Response:
    """Answer an unknown address: a page for browsers, a problem document for everybody else."""
    request = _request({})
    if request.path.startswith("/v1/") or "text/html" not in (request.header(b"accept") or ""):
        return quart_response(refuse(error))
    return with_page_headers(error_page(request, NotFound()))


def with_page_headers(response: Response) -> Response:
    """Add the headers that every page carries."""
    demo = current_app.extensions["fairgate"].settings.demo
    for name, value in (SECURITY_HEADERS | (FRAMED if demo else {})).items():
        response.headers.setdefault(name, value)  # setdefault, because the door's page may use the camera
    return response


def foreign_form(request: Request) -> Response:
    """The response to a form that another site sent."""
    document = ErrorPage(403, "foreign_form", _page_of(request), request.request_id)
    return respond("error.html", document, 403)


def error_page(request: Request, refusal: Refusal) -> Response:
    """Render a refusal that no page handles itself."""
    retry_after_s = min(RETRY_MAX_S, max(1, refusal.retry_after_s)) if isinstance(refusal, Retryable) else 0
    back = _page_of(request) if retry_after_s or refusal.status == 500 else "/"
    document = ErrorPage(refusal.status, refusal.code, back, request.request_id, retry_after_s)
    return respond("error.html", document, refusal.status, retry_after_s)


def _page_of(request: Request) -> str:
    """The page of a request: a form is posted to an address below its page."""
    return request.path if request.method in ("GET", "HEAD") else request.path.rpartition("/")[0] or "/"
