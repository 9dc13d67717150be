"""The console's alert pages (open, past, rules), and the live bar above every page."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from quart import Response

from app.accounts import sale_rights
from app.core.account import Account
from app.core.errors import Conflict, Refusal, RoomNotFound, ValidationFailed
from app.core.formats import SLUG
from app.core.model import RoomId
from app.core.monitoring.alert_rules import RULES, Rule
from app.core.monitoring.alerts import Limit, Setting, Settings, limit_of
from app.core.text import typed
from app.core.text.formatting import number
from app.monitoring import alerts
from app.monitoring.alert_board import AlertLine
from app.monitoring.sales_board import SaleFigures
from app.store.sql.accounts.sign_ins import SignIn
from app.store.sql.monitoring.alerts import Alert
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.staff import Alarms, RunningSales, Staff, alarms_of, running_of, signed_in
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.http.sse import server_sent
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import html, respond

SIGNED_IN_EVERY_S = 10.0  # how soon a stream ends after its viewer was signed out
HERE = "/admin/alerts"
_SLUG = re.compile(SLUG)


class AlarmsDocument(msgspec.Struct, frozen=True):
    """The live bar above a page, as its script receives it.

    `urgent`: the names of unacknowledged alerts. `running`: the running sales, with figures.
    """

    html: str
    unseen: int
    urgent: list[str]
    running: str | None


class Viewer(msgspec.Struct, frozen=True):
    """What the alarms template needs to know about its viewer."""

    alarms: Alarms
    zone: str


class AlarmsPage(msgspec.Struct, frozen=True):
    """The alarms alone, without a page around them."""

    staff: Viewer


class Figures(msgspec.Struct, frozen=True):
    """What the template of running sales needs to know about its viewer."""

    running: RunningSales


class RunningPage(msgspec.Struct, frozen=True):
    """The running sales alone, without a page around them."""

    staff: Figures


class RuleLine(msgspec.Struct, frozen=True):
    """A rule with its setting: the sentence around the number, and the limits of the number."""

    rule: Rule
    before: str
    after: str
    limit: Limit
    value: str  # as typed
    default: str  # the default, in words
    problem: str = ""


class AlertsPage(msgspec.Struct, frozen=True):
    """Open alerts, a page of past ones, and the rules for all sales or one room."""

    staff: Staff
    opened: list[Alert]
    ended: list[Alert]
    total: int
    number: int
    more: bool
    to_page: str
    rules: list[RuleLine]
    room_id: str
    room_name: str
    mailing: str  # lowest severity that is e-mailed to the viewer; "": none
    recipients: int
    problem: str = ""

    @property
    def runbooks(self) -> dict[str, str]:
        """The runbook section for each rule; "" for a rule of another release."""
        return defaultdict(str, {it.name: it.runbook for it in RULES})


@console_page(HERE, section="Alerts")
async def alert_list(request: Request, staff: Staff) -> Response:
    """Show open alerts, past ones and the rules."""
    return await _page(request, staff)


@console_page("/admin/alerts/now", section="Alerts", of_sales=True)
async def alarms_now(request: Request, staff: Staff) -> Response:
    """Return the content of the live bar as JSON."""
    board = request.app.alert_board.sales
    body = _document(await request.app.alert_board.current(), await board.current(), staff)
    return Response(body, content_type="application/json", headers={"Cache-Control": "no-store"})


@console_page("/admin/alerts/now/events", section="Alerts", of_sales=True)
async def alarms_stream(request: Request, staff: Staff) -> Response:
    """Stream the content of the live bar whenever it changes."""

    async def documents() -> AsyncIterator[bytes]:
        asked_at = time.monotonic()
        async for lines in request.app.alert_board.watch():
            if time.monotonic() - asked_at > SIGNED_IN_EVERY_S:
                asked_at = time.monotonic()
                sign_in = await signed_in(request, used=False)
                if sign_in is None or not await _is_same(request, sign_in, staff.account):
                    return  # the page reconnects with the rights its viewer has now
            yield _document(lines, request.app.alert_board.sales.figures, staff)

    stream: Any = server_sent("status", documents(), request.app.draining)
    response = Response(stream, content_type="text/event-stream")
    response.headers.update({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.timeout = None
    return response


@console_form("/admin/alerts/<alert_id>/acknowledge", section="Alerts", role="admin")
async def acknowledge(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Acknowledge an alert and return to the page the button was on."""
    await alerts.acknowledge(request.app.stores, int(request.params["alert_id"]), by=staff.by)
    await request.app.alert_board.outdated()
    return redirect_to(_return_address(request))


@console_form("/admin/alerts/rule", section="Alerts", role="admin")
async def set_rule(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Set one rule for all sales or one room, or restore its default."""
    rule, room_id = form.get("rule", ""), form.get("room_id", "")
    try:
        await alerts.set_rule(request.app.stores, room_id, rule, _setting(form), by=staff.by)
    except ValidationFailed as refusal:
        return await _page(request, staff, form, refusal)
    return redirect_to(f"{HERE}?room_id={room_id}#{rule}" if room_id else f"{HERE}#{rule}")


@console_form("/admin/alerts/mailing", section="Alerts")
async def set_mailing(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Choose whether to get alerts by e-mail."""
    try:
        await alerts.set_mailing(request.app.stores, form.get("severity", ""), by=staff.by)
    except (Conflict, ValidationFailed) as refusal:
        return await _page(request, staff, {}, refusal)
    return redirect_to(f"{HERE}#mailing")


def _setting(form: dict[str, str]) -> Setting | None:
    """Read a rule's setting from the form; None restores the default."""
    if "default" in form:
        return None
    text = form.get("threshold", "")
    threshold = typed.whole_number(text) if text else None
    if text and threshold is None:
        raise ValidationFailed("threshold", "must be a whole number")
    return Setting("enabled" in form, threshold)


def _return_address(request: Request) -> str:
    """The console page whose button was pressed."""
    at = urlsplit(request.header(b"referer") or "")
    if not at.path.startswith("/admin") or at.path.startswith(HERE):
        return HERE
    return f"{at.path}?{at.query}" if at.query else at.path


async def _is_same(request: Request, sign_in: SignIn, account: Account) -> bool:
    """Whether the viewer still has the same role and the same rights in single sales."""
    if sign_in.role != account.role:
        return False
    now = Account(subject=account.subject, role=account.role)
    return account.grants is None or account.grants == await sale_rights.grants_of(request.app.stores, now)


def _document(lines: tuple[AlertLine, ...], sales: tuple[SaleFigures, ...] | None, staff: Staff) -> bytes:
    lines = lines if staff.may("operator") else ()  # staff of single sales see no alerts
    alarms = alarms_of(lines, staff.account.role)
    unseen = [it for it in lines if not it.acknowledged_by]
    urgent = [it.name for it in unseen if it.severity == "page"]
    text = html("console/alarms.html", AlarmsPage(Viewer(alarms, staff.zone))).strip()
    running = running_of(sales, staff.account)
    return msgspec.json.encode(
        AlarmsDocument(text, len(unseen), urgent, None if running is None else _figures(running))
    )


@lru_cache(maxsize=8)
def _figures(running: RunningSales) -> str:
    """Render running sales, once for all viewers who see the same ones."""
    return html("console/running.html", RunningPage(Figures(running))).strip()


async def _page(
    request: Request, staff: Staff, form: dict[str, str] | None = None, refusal: Refusal | None = None
) -> Response:
    stores, fields = request.app.stores, filters_of(request)
    room_id = (form or fields).get("room_id", "")
    room_name = await _name_of(request, room_id) if room_id else ""
    number_ = page_number(fields)
    ended, total = await alerts.page(
        stores, "ended", room_id or None, limit=PER_PAGE, offset=(number_ - 1) * PER_PAGE
    )
    opened = [it for it in await alerts.open_alerts(stores) if not room_id or it.room_id == room_id]
    settings = await alerts.settings(stores)
    typed_in = form if form and refusal else {}
    document = AlertsPage(
        staff,
        opened,
        ended,
        total,
        number_,
        number_ * PER_PAGE < total,
        to_page(request, fields) if request.method == "GET" else f"{HERE}?page=",
        [_line(it, settings, room_id, typed_in, refusal) for it in RULES if it.of_room or not room_id],
        room_id,
        room_name,
        await alerts.mailing(stores, staff.account.subject) or "",
        await alerts.recipients(stores),
        message_of(refusal) if refusal and "rule" not in (form or {}) else "",
    )
    return respond("console/alerts.html", document, refusal.status if refusal else 200)


async def _name_of(request: Request, room_id: str) -> str:
    if not _SLUG.match(room_id):
        raise RoomNotFound
    return (await request.app.status_board.current(RoomId(room_id))).room.settings.name


def _line(
    rule: Rule, settings: Settings, room_id: str, form: dict[str, str], refusal: Refusal | None
) -> RuleLine:
    limit = limit_of(settings, rule, room_id)
    before, _, after = rule.condition.partition("{n}")
    is_edited = form.get("rule") == rule.name
    value = form.get("threshold", "") if is_edited else str(limit.threshold)
    inherited = limit_of(
        {key: it for key, it in settings.items() if key != (room_id, rule.name)}, rule, room_id
    )
    default = _in_words(rule, inherited)
    return RuleLine(
        rule, before, after, limit, value, default, message_of(refusal) if is_edited and refusal else ""
    )


def _in_words(rule: Rule, limit: Limit) -> str:
    if not limit.enabled:
        return "off"
    return f"{number(limit.threshold)} {rule.threshold.unit}" if rule.threshold else "on"
