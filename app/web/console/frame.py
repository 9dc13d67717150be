"""The console at `/admin`: declares its pages and forms with the roles they need, and its navigation.

A page is a function of the request and the signed-in user; a form also gets its fields:

    @console_page("/admin/orders", section="Orders")
    async def orders(request: Request, staff: Staff) -> Response:
        return respond("console/orders.html", OrdersPage(staff, ...))

    @console_form("/admin/orders/<reservation_id>/refund", section="Orders", role="admin")
    async def refund(request: Request, staff: Staff, form: dict[str, str]) -> Response:
        ...
        return see("/admin/orders")

Its document has a field `staff`, its template extends `console/frame.html`, and its module is listed in
`registry.py`. A refusal that a form does not handle itself is shown as a console page.

Forms are protected from cross-site requests by their origin, not by a token in the page: the browser has to
state that a page of ours sent the form (`pages/entry.py`; unlike there, a browser that states nothing is
refused, too), and the cookie is `SameSite=Strict`, so other sites' forms are sent without it. This keeps
secrets out of compressed pages, and also protects the sign-in form, when no session exists yet to which a
token could be bound.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from quart import Quart, Response, current_app

from app.core.accounts.scopes import Scope
from app.core.errors import Refusal, Retryable, RoleRequired
from app.core.model import Role
from app.web.console.console_routes import CONSOLE, NAVIGATION, ConsoleRoute, declare, scope_of
from app.web.console.page_access import SET_UP, lacks_factor_now, staff_for_route
from app.web.console.proofs import unproved
from app.web.console.staff import Staff, signed_in
from app.web.console.words import message_of
from app.web.http.deadlines import PAGE_TIMEOUT_S
from app.web.http.origins import names_its_page
from app.web.http.routes import BODY_MAX, Request
from app.web.pages.entry import add_page, foreign_form, page
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond

__all__ = ["CONSOLE", "NAVIGATION", "ConsoleRoute", "console_form", "console_page"]
PageHandler = Callable[[Request, Staff], Awaitable[Response]]
FormHandler = Callable[[Request, Staff, dict[str, str]], Awaitable[Response]]
P = TypeVar("P", bound=PageHandler)
F = TypeVar("F", bound=FormHandler)


class SignInPage(msgspec.Struct, frozen=True):
    """The sign-in form; `problem`: why signing in failed."""

    to: str  # the page to go to afterwards
    problem: str = ""
    provider: str = ""  # name of the OpenID Connect provider, if there is one


class RefusedPage(msgspec.Struct, frozen=True):
    """A request that was refused."""

    staff: Staff
    title: str
    detail: str
    back: str


SIGNED_OUT = "You are no longer signed in. Nothing was changed."


def console_page(
    path: str,
    *,
    section: str = "",
    role: Role = "operator",
    scope: Scope | None = None,
    of_sales: bool = False,
    within_s: float = PAGE_TIMEOUT_S,
) -> Callable[[P], P]:
    """Declare a page for staff with at least this role, to be answered within `within_s`.

    A page about one sale is also open to those whose rights in that sale include `scope`; see `scope_of`.
    """

    def declared(view: P) -> P:
        async def answer(request: Request) -> Response:
            sign_in = await signed_in(request)
            if sign_in is None:
                return sign_in_form(_address(request), status=200 if request.path == "/admin" else 401)
            staff, allowed = await staff_for_route(request, sign_in, route)
            if not route.path.startswith(SET_UP) and await lacks_factor_now(request, staff):
                return redirect_to(SET_UP)
            if not allowed:
                return _refused(staff, RoleRequired(f"This page needs the role {role}."), "/admin")
            try:
                return await view(request, staff)
            except Retryable:
                raise
            except Refusal as refusal:
                return _refused(staff, refusal, NAVIGATION.get(section, "/admin"))

        route = ConsoleRoute(
            *("GET", path, section, role, view.__name__, answer, within_s),
            *(scope_of("GET", path, role, scope, of_sales), of_sales),
        )
        declare(route)
        return view

    return declared


def console_form(
    path: str,
    *,
    section: str = "",
    role: Role = "operator",
    scope: Scope | None = None,
    of_sales: bool = False,
    within_s: float = PAGE_TIMEOUT_S,
    body_max: int = BODY_MAX,
) -> Callable[[F], F]:
    """Declare a form's action for staff with at least this role; rights in single sales as for pages."""

    def declared(form: F) -> F:
        async def answer(request: Request) -> Response:
            if not names_its_page(request):
                return foreign_form(request)
            sign_in, fields = await signed_in(request), await read_form(body_max)
            back = request.path.rpartition("/")[0]
            if sign_in is None:
                return sign_in_form(back, SIGNED_OUT, 401)
            staff, allowed = await staff_for_route(request, sign_in, route)
            try:
                await _check_may(request, staff, route, allowed)
                if (asking := await unproved(request, staff, sign_in, route.path, fields, back)) is not None:
                    return asking
                return await form(request, staff, fields)
            except Retryable:
                raise
            except Refusal as refusal:
                return _refused(staff, refusal, back)

        route = ConsoleRoute(
            *("POST", path, section, role, form.__name__, answer, within_s),
            *(scope_of("POST", path, role, scope, of_sales), of_sales),
        )
        declare(route)
        return form

    return declared


async def _check_may(request: Request, staff: Staff, route: ConsoleRoute, allowed: bool) -> None:
    """Raise RoleRequired unless the page is open to them."""
    if not route.path.startswith(SET_UP) and await lacks_factor_now(request, staff):
        raise RoleRequired("Set up a second factor first: this installation asks for one.")
    if not allowed:
        raise RoleRequired(f"Only an account with the role {route.role} can do this.")


def within(staff: Staff, section: str) -> Staff:
    """Highlight another section, for a page that turns out to belong there."""
    entries = [msgspec.structs.replace(it, current=it.label == section) for it in staff.entries]
    return msgspec.structs.replace(staff, entries=entries)


def sign_in_form(to: str, problem: str = "", status: int = 200) -> Response:
    """Render the sign-in form, which leads on to the page `to`."""
    settings = current_app.extensions["fairgate"].settings
    provider = urlsplit(settings.oidc_issuer).hostname or ""
    return respond("console/sign_in.html", SignInPage(to, problem, provider), status)


def _address(request: Request) -> str:
    query = request.query.decode("latin-1")
    return f"{request.path}?{query}" if query else request.path


def _refused(staff: Staff, refusal: Refusal, back: str) -> Response:
    document = RefusedPage(staff, refusal.title(), message_of(refusal), back)
    return respond("console/refused.html", document, refusal.status)


def register_console(app: Quart) -> None:
    """Add the console's pages and forms."""
    for route in CONSOLE:
        name = f"console_{route.method.lower()}_{route.name}"
        if route.method == "GET":
            add_page(app, route.path, name, route.answer, route.within_s)
        else:
            app.add_url_rule(route.path, name, page(route.answer), methods=[route.method])
