"""Protects forms that create a secret shown only once: a form that is sent twice takes effect once."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.core.errors import Conflict
from app.store.away import stores_answer
from app.store.sql import idempotency
from app.store.sql.idempotency import Reply
from app.web.console.staff import Staff
from app.web.http.routes import Request

T = TypeVar("T")

LENGTH = 32


def new_form_id() -> str:
    """Return a new id for the hidden field `form`, one per rendering."""
    return secrets.token_hex(LENGTH // 2)


async def submit_once(
    request: Request, staff: Staff, fields: dict[str, str], create: Callable[[], Awaitable[T]]
) -> T:
    """Run `create` and return its result. Raises Conflict if this form was sent before, or has no id."""
    form = fields.get("form", "")
    if len(form) != LENGTH or not form.isalnum():
        raise Conflict("This form is incomplete; open the page again and fill it in there.")
    scope, postgres = f"{staff.account.subject} {request.path}", request.app.stores.postgres
    with stores_answer():
        async with request.app.creating, idempotency.one_at_a_time(postgres, scope, form) as connection:
            if await idempotency.select_reply(connection, scope, form) is not None:
                raise Conflict("This form was already sent. The item exists; its secret was shown once.")
            created = await create()
            await idempotency.insert_reply(connection, scope, form, Reply("", 200, b""))
    return created
