"""The code of a visitor on the booking page: what it opens and takes off, or why it is refused."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from app.catalogue import codes
from app.core.codes import CodeSet
from app.core.formats import CODE
from app.core.model import EventId
from app.web.http.routes import Request
from app.web.pages.documents import CodeView

_CODE = re.compile(CODE)


class Taken(NamedTuple):
    """The code as the page takes it. `any`: the event has codes at all; `good`: what this one is good for."""

    any: bool = False
    good: CodeSet | None = None
    view: CodeView | None = None


async def codes_of(request: Request, event_id: EventId, code: str = "") -> Taken:
    """What the page shows of a code: that of the form, or the one in the address. Raises RateLimited.

    Each look-up is counted, so that nobody tries one after the other.
    """
    if not await codes.has_codes(request.app.stores, event_id):
        return Taken()
    asked = dict(parse_qsl(request.query.decode("latin-1")))
    name = (code or asked.get("code", "")).strip().upper()
    if not name:
        return Taken(any=True)
    if not _CODE.match(name):
        return Taken(True, None, CodeView(name[:32], "unknown"))
    await request.app.throttles.code(request.client)
    good, refused = await codes.offer(request.app.stores, event_id, name)
    if good is None:
        return Taken(True, None, CodeView(name, refused))
    return Taken(True, good, CodeView(name, "", good.percent, good.off_ticket, good.off_order))
