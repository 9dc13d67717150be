"""Connector settings of a site's room: the form, the key shown once, and pushing the configuration."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from quart import Response

from app.core.errors import Conflict, NotFound, ValidationFailed
from app.core.gate.knownuser import ConnectorSettings, UrlRule, config_key
from app.core.model import Room, RoomId, RoomStatus
from app.core.text import typed
from app.core.text.validation_messages import validation_failed
from app.gate import knownuser
from app.waiting_room import queue
from app.web.console.form_ids import new_form_id, submit_once
from app.web.console.frame import console_form, console_page
from app.web.console.query import filters_of
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.gate.addresses import queue_host
from app.web.gate.knownuser import KnownUserChange, PushTo
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

LISTS = {
    "protect": ("Pages with a queue", "If there are none: every page."),
    "cancel": ("Pages that end a visit", "Such as after an order; the next visitor is called."),
    "ignore": ("Pages that are never asked about", "Such as pictures and style sheets."),
}
PARTS = {"PagePath": "path", "PageUrl": "whole address", "HostName": "host name"}
NOT = "!"  # before an operator: negates the rule
OPERATORS = {
    "Contains": "contains",
    "Equals": "is",
    f"{NOT}Contains": "does not contain",
    f"{NOT}Equals": "is not",
}
CASES = {"": "in any case", "exact": "exactly as typed"}
TEXTS = ("customer_id", "cookie_domain", "cookie_minutes")
BOXES = ("extend_cookie", "public_config")
ROW = ("part", "operator", "value", "case")
BLANK_ROWS = 2
ROWS_MAX = 50


class ConnectorForm(msgspec.Struct, frozen=True):
    """The fields as typed, and errors by field."""

    values: dict[str, str]
    wrong: dict[str, str] = {}

    def rows(self, kind: str) -> int:
        """How many rows of a list of rules to show: the existing ones, and some blank ones."""
        used = sum(1 for i in range(ROWS_MAX) if self.values.get(f"{kind}-{i}-value"))
        return min(ROWS_MAX, used + BLANK_ROWS)


class ConnectorPage(msgspec.Struct, frozen=True):
    """The connector settings; `secret` and `api_key`: those of a key just created."""

    staff: Staff
    room: Room
    status: RoomStatus
    form: ConnectorForm
    form_id: str
    host: str
    version: int  # 0 if there are no settings
    saved: bool
    pushed: str
    secret: str = ""
    api_key: str = ""
    lists: ClassVar[dict[str, tuple[str, str]]] = LISTS
    parts: ClassVar[dict[str, str]] = PARTS
    operators: ClassVar[dict[str, str]] = OPERATORS
    cases: ClassVar[dict[str, str]] = CASES


@console_page("/admin/rooms/<room_id>/knownuser", section="Sites")
async def knownuser_page(request: Request, staff: Staff) -> Response:
    """Show the settings."""
    return await _page(request, staff)


@console_form("/admin/rooms/<room_id>/knownuser", section="Sites")
async def save_knownuser(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Save the settings. A new key is shown only in this response."""
    room_id = _room_id(request)
    await request.app.queues.loaded_rooms.read(room_id)
    try:
        new = _read(form)
    except ValidationFailed as refusal:
        [wrong] = refusal.members["errors"]
        name = wrong["field"].replace("[", "-").replace("]", "").replace(".", "-")
        return await _page(
            request, staff, ConnectorForm(form, {name: wrong["message"]}), status=refusal.status
        )
    settings = ConnectorSettings(**{name: getattr(new, name) for name in ConnectorSettings.__struct_fields__})
    grants = staff.account.grants
    rooms = grants.rooms("rooms:write") if grants is not None else None
    await knownuser.check_customer(request.app.connectors, settings.customer_id, rooms)
    try:
        connector, is_new = await submit_once(
            request,
            staff,
            form,
            lambda: knownuser.set_connector(
                request.app.connectors, room_id, settings, new.secret_key, by=staff.by
            ),
        )
    except Conflict as refusal:
        return await _page(request, staff, ConnectorForm(form, {"": message_of(refusal)}), refusal.status)
    if not is_new:
        return redirect_to(f"/admin/rooms/{room_id}/knownuser?saved=1")
    return await _page(request, staff, secret=connector.secret, api_key=config_key(connector.secret))


@console_form("/admin/rooms/<room_id>/knownuser/remove", section="Sites")
async def remove_knownuser(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Remove the settings, so that the room no longer serves a connector."""
    room_id = _room_id(request)
    await request.app.queues.loaded_rooms.read(room_id)
    await knownuser.remove_connector(request.app.connectors, room_id, by=staff.by)
    return redirect_to(f"/admin/rooms/{room_id}/knownuser")


@console_form("/admin/rooms/<room_id>/knownuser/push", section="Sites")
async def push_config(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Push the configuration to an address of the shop."""
    room_id, app = _room_id(request), request.app
    await app.queues.loaded_rooms.read(room_id)
    connector = await knownuser.connector_of(app.connectors, room_id)
    if connector is None:
        raise NotFound(knownuser.NO_CONNECTOR)
    try:
        to = msgspec.convert({"url": form.get("url", "").strip()}, PushTo)
        private = app.settings.webhooks_private
        version = await knownuser.push(
            app.connectors, connector, to.url, queue_host(request), private=private
        )
    except (msgspec.ValidationError, ValidationFailed) as error:
        refusal = error if isinstance(error, ValidationFailed) else validation_failed(error)
        [wrong] = refusal.members["errors"]
        values = _form_of(connector.settings).values | {"url": form.get("url", "")}
        return await _page(
            request, staff, ConnectorForm(values, {"url": wrong["message"]}), status=refusal.status
        )
    return redirect_to(f"/admin/rooms/{room_id}/knownuser?pushed={version}#push")


def _read(form: dict[str, str]) -> KnownUserChange:
    """Parse the form. Raises ValidationFailed naming the field."""
    values = {name: it.strip() for name, it in form.items()}
    sent: dict[str, Any] = {
        name: values.get(name, "") for name in ("customer_id", "cookie_domain", "secret_key")
    }
    minutes = values.get("cookie_minutes", "")
    sent["cookie_minutes"] = minutes if (number := typed.whole_number(minutes)) is None else number
    sent |= {name: name in values for name in BOXES}
    for kind in LISTS:
        rows: list[dict[str, Any]] = []
        for i in range(ROWS_MAX):
            row = {name: form.pop(f"{kind}-{i}-{name}", "").strip() for name in ROW}
            if row["value"]:
                form |= {f"{kind}-{len(rows)}-{name}": it for name, it in row.items()}
                rows.append(_rule(row))
        sent[kind] = rows
    try:
        return msgspec.convert(sent, KnownUserChange)
    except msgspec.ValidationError as error:
        raise validation_failed(error) from None


def _rule(row: dict[str, str]) -> dict[str, Any]:
    operator = row["operator"]
    return {
        **{"part": row["part"], "value": row["value"], "operator": operator.removeprefix(NOT)},
        **{"negative": operator.startswith(NOT), "ignore_case": row["case"] != "exact"},
    }


def _form_of(settings: ConnectorSettings) -> ConnectorForm:
    values = {
        name: str(getattr(settings, name)) for name in ("customer_id", "cookie_domain", "cookie_minutes")
    }
    values |= {name: "on" for name in BOXES if getattr(settings, name)}
    for kind in LISTS:
        rules: list[UrlRule] = getattr(settings, kind)
        for i, rule in enumerate(rules):
            at = f"{kind}-{i}-"
            operator, case = f"{NOT * rule.negative}{rule.operator}", "" if rule.ignore_case else "exact"
            pairs = zip(ROW, (rule.part, operator, rule.value, case), strict=True)
            values |= {f"{at}{name}": it for name, it in pairs}
    return ConnectorForm(values)


async def _page(
    request: Request,
    staff: Staff,
    form: ConnectorForm | None = None,
    status: int = 200,
    *,
    secret: str = "",
    api_key: str = "",
) -> Response:
    room_id = _room_id(request)
    room, live = await queue.status(request.app.queues, room_id)
    connector, fields = await knownuser.connector_of(request.app.connectors, room_id), filters_of(request)
    beginning = ConnectorForm({"cookie_minutes": "20", "extend_cookie": "on"})
    page = ConnectorPage(
        staff=staff,
        room=room,
        status=live,
        form=form or (_form_of(connector.settings) if connector else beginning),
        form_id=new_form_id(),
        host=queue_host(request),
        version=connector.version if connector else 0,
        saved="saved" in fields,
        pushed=fields.get("pushed", ""),
        secret=secret,
        api_key=api_key,
    )
    return respond("console/knownuser.html", page, status, secret=bool(secret))


def _room_id(request: Request) -> RoomId:
    return RoomId(request.params["room_id"])
