"""The cookie that lets a browser see orders made in another one."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.tokens.order_rights import RIGHTS_S, Right
from app.web.http.cookies import cookie, cookies
from app.web.http.routes import Request

ORDERS_COOKIE = "fairgate_orders"


def order_rights(request: Request) -> dict[str, Right]:
    """This browser's rights by reservation."""
    text = cookies(request, ORDERS_COOKIE).get("", "")
    return request.app.orders.read_cookie(text) if text else {}


def orders_cookie(request: Request, reservation_ids: Iterable[str], right: Right) -> tuple[bytes, bytes]:
    """Set-Cookie that adds these rights; existing rights are kept."""
    rights = order_rights(request)
    for it in reservation_ids:
        had = rights.pop(it, right)
        rights[it] = max(had, right)
    return cookie(request, ORDERS_COOKIE, request.app.orders.cookie(rights), RIGHTS_S)
