"""Reading the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app import audit
from app.core.account import Account
from app.core.errors import StoreUnavailable
from app.core.formats import NAME, At
from app.store.sql.audit import AuditFilter, Entry
from app.web.documents.sale import Page
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, endpoint
from app.web.http.staff_access import OPERATOR

Word = Annotated[str, Meta(min_length=1, max_length=254, pattern=NAME)]


class AuditQuery(PageQuery, frozen=True, rename={"changed_from": "from", "changed_to": "to"}):
    """Which changes: to which things, by whom (a subject or an e-mail), when."""

    kind: Word | None = None
    id: Word | None = None
    who: Word | None = None
    changed_from: At | None = None
    changed_to: At | None = None


class AuditEntry(msgspec.Struct, frozen=True):
    """One change. `before` and `after` contain the fields that differ; null: it was created, or deleted."""

    audit_id: str
    changed_at: datetime
    who: str  # the subject of the access token; `cli` for the command line
    role: str
    name: str | None  # of the account, if there is one
    action: str
    kind: str
    id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str


@endpoint(
    "GET",
    "/v1/audit",
    tag="Staff: audit",
    auth=OPERATOR,
    scope="audit:read",
    query=AuditQuery,
    answers={200: Page[AuditEntry]},
    errors=(StoreUnavailable,),
)
async def list_audit(request: Request, account: Account, query: AuditQuery) -> Response:
    """List changes by staff, newest first."""
    criteria = AuditFilter(query.kind, query.id, query.who, query.changed_from, query.changed_to)
    entries, total = await audit.entries(
        request.app.stores, criteria, limit=query.per_page, offset=query.offset
    )
    return page_response(request, query, [_document(it) for it in entries], total)


def _document(entry: Entry) -> AuditEntry:
    return AuditEntry(
        audit_id=str(entry.audit_id),
        changed_at=entry.changed_at,
        who=entry.subject,
        role=entry.role,
        name=entry.name,
        action=entry.change.action,
        kind=entry.change.kind,
        id=entry.change.id,
        before=entry.change.before,
        after=entry.change.after,
        request_id=entry.request_id,
    )
