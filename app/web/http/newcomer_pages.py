"""The queue page for newcomers: rendered by Quart once a second, sent to all of them.

When a sale opens, nearly all visitors are newcomers and get the same page except for a cookie of their own.
Quart marks such a page in its record; the lane caches it for as long as the room's status document stays the
same.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from app.core.model import RoomId
from app.core.tokens.place_tokens import new_visitor_id
from app.store.spans import Record
from app.web.http import request_log
from app.web.http.cookies import newcomer_cookie
from app.web.http.credentials import may_identify, network_of
from app.web.http.origins import is_part_of_foreign_page
from app.web.http.routes import Request, Response

ROOMS = "rooms"
QUEUE_PAGE = "page_room"  # its name in Quart
KEPT_MAX = 256  # a room's page in each language, compressed and not
SET_BY_LANE = (b"content-type", b"content-length", b"set-cookie")

Key = tuple[str, bytes | None, bool]


@dataclass(frozen=True, slots=True)
class NewcomerPage:
    """A rendered page, and the status document it shows."""

    document: object
    response: Response


class NewcomerPages:
    """One per process."""

    def __init__(self) -> None:
        self._kept: dict[Key, NewcomerPage] = {}

    def find(self, request: Request) -> Response | None:
        """The page with a cookie for this newcomer; None: Quart must render it."""
        room_id = RoomId(request.params["room_id"])
        rendered = request.app.status_board.fresh(room_id)
        cached = self._kept.get(_key(request))
        if rendered is None or cached is None or cached.document is not rendered.document:
            return None
        if (
            may_identify(request)
            or asks_for_json(request)
            or request.app.hidden.refusal_for(request.params) is not None
        ):
            return None
        if request_log.is_sampled():
            record = Record()
            record.call, record.ids = QUEUE_PAGE, request.params
            request_log.write(request.request_id, request.method, record, cached.response.status, 0.0)
        if is_part_of_foreign_page(request):
            return cached.response
        visitor_id = new_visitor_id(network_of(request, room_id))
        response = cached.response
        cookie = newcomer_cookie(request, room_id, visitor_id)
        return Response(response.status, response.body, [*response.headers, cookie], response.content_type)

    def keep(self, request: Request, document: object, response: Response) -> None:
        """Cache the response to this request: it shows this document, and is the same for newcomers."""
        if len(self._kept) >= KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[_key(request)] = NewcomerPage(document, response)


class ResponseCollector:
    """Collects Quart's response for one queue page; cached if it is complete and the same for all
    newcomers."""

    def __init__(self, pages: NewcomerPages, request: Request, record: Record) -> None:
        self._pages, self._request, self._record = pages, request, record
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []

    def note(self, message: MutableMapping[str, Any]) -> None:
        """Record a message on its way to the visitor."""
        if message["type"] == "http.response.start":
            self._headers = list(message["headers"])
            return
        document = self._record.newcomers_document
        if document is None:
            return
        self._chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            headers = dict(self._headers)
            others = [it for it in self._headers if it[0] not in SET_BY_LANE]
            response = Response(200, b"".join(self._chunks), others, headers[b"content-type"])
            self._pages.keep(self._request, document, response)


def asks_for_json(request: Request) -> bool:
    """Whether the client is an app rather than a browser: it only accepts JSON."""
    return request.method == "GET" and (request.header(b"accept") or "").strip() == "application/json"


def is_queue_page(scope: MutableMapping[str, Any], parts: list[str]) -> bool:
    """Whether this is a queue page, at its plain address."""
    return len(parts) == 3 and parts[1] == ROOMS and scope["method"] == "GET" and not scope["query_string"]


def _key(request: Request) -> Key:
    headers = request.headers
    takes_gzip = b"gzip" in headers.get(b"accept-encoding", b"")
    return request.params["room_id"], headers.get(b"accept-language"), takes_gzip
