"""The calls for alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.account import Account
from app.core.errors import Conflict, NotFound, StoreUnavailable
from app.core.formats import NAME
from app.core.monitoring.alert_rules import BY_NAME, Severity
from app.monitoring import alerts
from app.store.sql.monitoring.alerts import Alert, AlertState
from app.web.documents.sale import Page
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ADMIN, OPERATOR, author

TAG = "Staff: alerts"


class AlertsQuery(PageQuery, frozen=True):
    """Which alerts: open or ended, of which room; by default all."""

    state: AlertState | None = None
    room_id: Annotated[str, Meta(min_length=1, max_length=254, pattern=NAME)] | None = None


class AlertDocument(msgspec.Struct, frozen=True):
    """A current or past fault."""

    alert_id: str
    rule: str
    severity: Severity  # page: wakes somebody up; ticket: can wait until the morning
    room_id: str | None  # null: it concerns the whole installation
    subject: str  # which worker, store or key, if there are several
    text: str  # in plain words, with the latest figures
    since: datetime  # when the fault began
    started_at: datetime  # when it had lasted long enough for an alert
    ended_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    runbook: str  # the section of docs/runbook.md, also at /admin/runbook in the console


@endpoint(
    "GET",
    "/v1/alerts",
    tag=TAG,
    auth=OPERATOR,
    scope="alerts:read",
    query=AlertsQuery,
    answers={200: Page[AlertDocument]},
    errors=(StoreUnavailable,),
)
async def list_alerts(request: Request, account: Account, query: AlertsQuery) -> Response:
    """List alerts, newest first."""
    listed, total = await alerts.page(
        request.app.stores, query.state, query.room_id, limit=query.per_page, offset=query.offset
    )
    return page_response(request, query, [_document(it) for it in listed], total)


@endpoint(
    "POST",
    "/v1/alerts/{alert_id}/acknowledge",
    tag=TAG,
    auth=ADMIN,
    scope="alerts:write",
    answers={200: AlertDocument},
    errors=(NotFound, Conflict, StoreUnavailable),
)
async def acknowledge_alert(request: Request, account: Account) -> Response:
    """Acknowledge an alert. Repeating it changes nothing."""
    alert_id, by = int(request.params["alert_id"]), author(request, account)
    return json_response(200, _document(await alerts.acknowledge(request.app.stores, alert_id, by=by)))


def _document(alert: Alert) -> AlertDocument:
    rule = BY_NAME.get(alert.rule)
    return AlertDocument(
        alert_id=str(alert.alert_id),
        rule=alert.rule,
        severity=alert.severity,
        room_id=alert.room_id,
        subject=alert.subject,
        text=alert.text,
        since=alert.since,
        started_at=alert.started_at,
        ended_at=alert.ended_at,
        acknowledged_by=alert.acknowledged_by,
        acknowledged_at=alert.acknowledged_at,
        runbook=rule.runbook if rule else "",
    )
