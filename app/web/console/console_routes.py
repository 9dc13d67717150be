"""The declared pages and forms of the console, and which of them rights in a single sale open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from quart import Response

from app.core.accounts.rights import Grants
from app.core.accounts.scopes import Scope
from app.core.model import Role
from app.web.console.staff import Entry
from app.web.http.credentials import STAFF
from app.web.http.deadlines import PAGE_TIMEOUT_S
from app.web.http.routes import Request

NAVIGATION = {  # the sections in order; one appears once a page exists at its address
    "Demo": "/admin/demo",
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
OF_ONE_SALE = ("room_id", "event_id", "reservation_id")  # the parameters by which an address names a sale
Method = Literal["GET", "POST"]


class ConsoleRoute(msgspec.Struct, frozen=True):
    """One page or form of the console."""

    method: Method
    path: str
    section: str  # its navigation entry; "" for none
    role: Role
    name: str
    answer: Callable[[Request], Awaitable[Response]]
    within_s: float = PAGE_TIMEOUT_S
    scope: Scope | None = None  # that rights in a single sale must include; None: they never suffice
    of_sales: bool = False  # a list that staff of single sales may open: it shows them their sales only


CONSOLE: list[ConsoleRoute] = []  # filled as the modules of pages are imported


def scope_of(method: Method, path: str, role: Role, scope: Scope | None, of_sales: bool) -> Scope | None:
    """The scope of a page or form.

    If a page about one sale declares none: reading for a page, writing for a form, everything for what only
    admins may do. Pages about no sale have no scope, except lists that declare one.
    """
    if not of_sales and not any(f"<{name}>" in path for name in OF_ONE_SALE):
        assert scope is None, f"{path} is about no sale"
        return None
    if scope is not None or of_sales:
        return scope
    if role == "admin":
        return "events:write"
    return "rooms:read" if method == "GET" else "rooms:write"


def declare(route: ConsoleRoute) -> None:
    """Add a page or form."""
    assert not route.section or route.section in NAVIGATION, (
        f"{route.path}: there is no section {route.section}"
    )
    CONSOLE.append(route)


def entries(request: Request, section: str, role: Role, grants: Grants | None = None) -> list[Entry]:
    """The navigation entries that this person may open."""
    pages = [it for it in CONSOLE if it.method == "GET"]
    declared = {it.path for it in pages if STAFF[role] >= STAFF[it.role]}
    if grants:
        declared |= {it.path for it in pages if grants.may(it.scope, {}, of_sales=it.of_sales)}
    if not request.app.settings.demo:
        declared.discard(NAVIGATION["Demo"])
    return [Entry(label, href, label == section) for label, href in NAVIGATION.items() if href in declared]
