"""The console at `/admin`: how its pages and forms are declared, for which role, and its navigation.

A page is a function of the request and of whoever asks; a form is also handed its fields:

    @console_page("/admin/orders", section="Orders")
    async def orders(request: Request, staff: Staff) -> Response:
        return respond("console/orders.html", OrdersPage(staff, ...))

    @console_form("/admin/orders/<reservation_id>/refund", section="Orders", role="admin")
    async def refund(request: Request, staff: Staff, form: dict[str, str]) -> Response:
        ...
        return see("/admin/orders")

Its document has a field `staff`, its template extends `console/frame.html`, its module is named in
`console_pages.py`. A refusal a form does not show in its own words becomes a page of the console.

Forms are protected against other sites by where they come from, not by a token in the page: the browser has
to say that a page of ours sent the form (`page_entry.py`; here one that says nothing is refused, too), and
the cookie is `SameSite=Strict`, so it does not come with another site's form at all. That needs no secret in
a compressed page, and works for signing in, when there is no session yet that a token could belong to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import msgspec
from quart import Quart, Response

from app.core.errors import Refusal, Retryable, RoleRequired
from app.core.model import Role
from app.web.console.staff import Entry, Staff, signed_in, staff_of
from app.web.http.credentials import STAFF
from app.web.http.deadlines import PAGE_TIMEOUT_S
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import add_page, foreign_form, page
from app.web.pages.form_fields import read_form
from app.web.pages.render import respond

NAVIGATION = {  # the sections in their order; one is shown once there is a page at its address
    "Sales": "/admin",
    "New sale": "/admin/sales/new",
    "Sites": "/admin/sites",
    "Orders": "/admin/orders",
    "Jobs": "/admin/jobs",
    "Mail": "/admin/mail",
    "Webhooks": "/admin/webhooks",
    "Audit": "/admin/audit",
    "Users": "/admin/users",
    "Keys": "/admin/keys",
    "Alerts": "/admin/alerts",
    "Health": "/admin/health",
}
Method = Literal["GET", "POST"]
PageHandler = Callable[[Request, Staff], Awaitable[Response]]
FormHandler = Callable[[Request, Staff, dict[str, str]], Awaitable[Response]]
P = TypeVar("P", bound=PageHandler)
F = TypeVar("F", bound=FormHandler)


class ConsoleRoute(msgspec.Struct, frozen=True):
    """One page or form of the console."""

    method: Method
    path: str
    section: str  # the entry of the navigation it belongs to; "" for none
    role: Role
    name: str
    answer: Callable[[Request], Awaitable[Response]]
    within_s: float = PAGE_TIMEOUT_S


class SignInPage(msgspec.Struct, frozen=True):
    """The sign-in form; `problem` says why nobody is signed in."""

    to: str  # where to go then
    problem: str = ""


class RefusedPage(msgspec.Struct, frozen=True):
    """A request that was refused."""

    staff: Staff
    title: str
    detail: str
    back: str


SIGNED_OUT = "You are no longer signed in. Nothing was changed."
CONSOLE: list[ConsoleRoute] = []  # filled when the modules of pages are imported


def console_page(
    path: str, *, section: str = "", role: Role = "operator", within_s: float = PAGE_TIMEOUT_S
) -> Callable[[P], P]:
    """Declare a page for staff with at least this role, answered in so many seconds."""

    def declare(view: P) -> P:
        async def answer(request: Request) -> Response:
            found = await signed_in(request)
            if found is None:
                return sign_in_form(_address(request), status=200 if request.path == "/admin" else 401)
            staff = await staff_of(request, found, _entries(section, found.role))
            if not staff.may(role):
                return _refused(staff, RoleRequired(f"This page needs the role {role}."), "/admin")
            try:
                return await view(request, staff)
            except Retryable:
                raise
            except Refusal as refusal:
                return _refused(staff, refusal, NAVIGATION.get(section, "/admin"))

        _declare("GET", path, section, role, view.__name__, answer, within_s)
        return view

    return declare


def console_form(path: str, *, section: str = "", role: Role = "operator") -> Callable[[F], F]:
    """Declare a form's action, for staff with at least this role."""

    def declare(form: F) -> F:
        async def answer(request: Request) -> Response:
            if not names_its_page(request):
                return foreign_form(request)
            found, fields = await signed_in(request), await read_form()
            back = request.path.rpartition("/")[0]
            if found is None:
                return sign_in_form(back, SIGNED_OUT, 401)
            staff = await staff_of(request, found, _entries(section, found.role))
            try:
                if not staff.may(role):
                    raise RoleRequired(f"Only an account with the role {role} can do this.")
                return await form(request, staff, fields)
            except Retryable:
                raise
            except Refusal as refusal:
                return _refused(staff, refusal, back)

        _declare("POST", path, section, role, form.__name__, answer)
        return form

    return declare


def _declare(
    method: Method,
    path: str,
    section: str,
    role: Role,
    name: str,
    answer: Callable[[Request], Awaitable[Response]],
    within_s: float = PAGE_TIMEOUT_S,
) -> None:
    assert not section or section in NAVIGATION, f"{path}: there is no section {section}"
    CONSOLE.append(ConsoleRoute(method, path, section, role, name, answer, within_s))


def _entries(section: str, role: Role) -> list[Entry]:
    declared = {it.path for it in CONSOLE if it.method == "GET" and STAFF[role] >= STAFF[it.role]}
    return [Entry(label, href, label == section) for label, href in NAVIGATION.items() if href in declared]


def within(staff: Staff, section: str) -> Staff:
    """The same, for a page that turns out to belong to another section."""
    entries = [msgspec.structs.replace(it, here=it.label == section) for it in staff.entries]
    return msgspec.structs.replace(staff, entries=entries)


def sign_in_form(to: str, problem: str = "", status: int = 200) -> Response:
    """The form to sign in with, and then to go on to the page `to`."""
    return respond("console/sign_in.html", SignInPage(to, problem), status)


def _address(request: Request) -> str:
    query = request.query.decode("latin-1")
    return f"{request.path}?{query}" if query else request.path


def _refused(staff: Staff, refusal: Refusal, back: str) -> Response:
    document = RefusedPage(staff, refusal.title(), refusal.detail, back)
    return respond("console/refused.html", document, refusal.status)


def register_console(app: Quart) -> None:
    """Add the console's pages and forms."""
    for it in CONSOLE:
        name = f"console_{it.method.lower()}_{it.name}"
        if it.method == "GET":
            add_page(app, it.path, name, it.answer, it.within_s)
        else:
            app.add_url_rule(it.path, name, page(it.answer), methods=[it.method])
