"""A visitor's code on the booking page: what it opens and its discount, or why it is refused."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from app.catalogue import codes
from app.core.catalogue.codes import CodeSet
from app.core.formats import CODE
from app.core.model import EventId
from app.web.http.routes import Request
from app.web.pages.sale.booking_documents import CodeView

_CODE = re.compile(CODE)


class CodesTaken(NamedTuple):
    """The code as checked. `any`: whether the event has codes at all; `good`: the valid code's set."""

    any: bool = False
    good: CodeSet | None = None
    view: CodeView | None = None


async def codes_of(request: Request, event_id: EventId, code: str = "") -> CodesTaken:
    """Check the code from the form or, without one, from the address. Raises RateLimited.

    Every look-up is counted, so that codes cannot be guessed one after another.
    """
    if not await codes.has_codes(request.app.stores, event_id):
        return CodesTaken()
    params = dict(parse_qsl(request.query.decode("latin-1")))
    name = (code or params.get("code", "")).strip().upper()
    if not name:
        return CodesTaken(any=True)
    if not _CODE.match(name):
        return CodesTaken(True, None, CodeView(name[:32], "unknown"))
    await request.app.throttles.code(request.client)
    good, refused = await codes.offer(request.app.stores, event_id, name)
    if good is None:
        return CodesTaken(True, None, CodeView(name, refused))
    return CodesTaken(True, good, CodeView(name, "", good.percent, good.off_ticket, good.off_order))
