"""Paging of lists, the same for all."""

from __future__ import annotations

from typing import Annotated, TypeVar
from urllib.parse import parse_qsl, urlencode

from msgspec import Meta

from app.core.model import Struct
from app.web.documents.sale import Page
from app.web.http.routes import Request, Response, json_response

T = TypeVar("T")


class PageQuery(Struct, frozen=True):
    """Which page of a list."""

    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=200)] = 50

    @property
    def offset(self) -> int:
        """How many items precede this page."""
        return (self.page - 1) * self.per_page


def page_response(request: Request, query: PageQuery, items: list[T], total: int | None = None) -> Response:
    """The page as a response with its Link header. Without `total`, `items` is the whole list, to be
    sliced."""
    if total is None:
        total = len(items)
        items = items[query.offset : query.offset + query.per_page]
    page = Page(items=items, total=total, page=query.page, per_page=query.per_page)
    return json_response(200, page, [(b"link", _links(request, query, total))])


def _links(request: Request, query: PageQuery, total: int) -> bytes:
    last = max(1, -(-total // query.per_page))
    targets = {"first": 1, "last": last}
    if query.page > 1:
        targets["prev"] = min(query.page - 1, last)
    if query.page < last:
        targets["next"] = query.page + 1
    others = [pair for pair in parse_qsl(request.query.decode()) if pair[0] not in ("page", "per_page")]
    links = []
    for relation, page in targets.items():
        names = urlencode([*others, ("page", page), ("per_page", query.per_page)])
        links.append(f'<{request.path}?{names}>; rel="{relation}"')
    return ", ".join(links).encode()
