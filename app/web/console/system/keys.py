"""The console's page of API keys: create, show once, revoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from quart import Response

from app.accounts import api_keys
from app.core.accounts.scopes import SCOPES
from app.core.errors import Conflict, ValidationFailed
from app.core.text.validation_messages import validation_failed
from app.store.sql.accounts.api_keys import ApiKey
from app.web.api.access.api_keys import NewKey
from app.web.console.form_ids import new_form_id, submit_once
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

LIVES = {"": "until revoked", "7": "7 days", "30": "30 days", "90": "90 days", "365": "a year"}


class KeysPage(msgspec.Struct, frozen=True):
    """One page of keys, and the form for a new one, as filled in."""

    staff: Staff
    keys: list[ApiKey]
    total: int
    number: int
    more: bool
    to_page: str
    form: str
    filled: dict[str, str]
    lives: dict[str, str]
    problem: str = ""
    key: str = ""  # the one just created
    key_name: str = ""
    scopes: tuple[str, ...] = SCOPES


@console_page("/admin/keys", section="Keys", role="admin")
async def key_list(request: Request, staff: Staff) -> Response:
    """List the keys."""
    return await _list(request, staff)


@console_form("/admin/keys/create", section="Keys", role="admin")
async def make_key(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Create a key. It is shown only in this response."""
    days = form.get("days", "")
    try:
        if days not in LIVES:
            raise ValidationFailed("days", "must be one of those offered")
        ends = (datetime.now(UTC) + timedelta(days=int(days))).isoformat() if days else None
        sent: dict[str, Any] = {"name": form.get("name", "").strip(), "role": form.get("role", "")}
        sent |= {"expires_at": ends, "network": form.get("network", "").strip()}
        if scopes := [it for it in SCOPES if f"scope {it}" in form]:
            sent["scopes"] = scopes
        if events := form.get("events", "").replace(",", " ").split():
            sent["events"] = events
        new = msgspec.convert(sent, NewKey)
    except msgspec.ValidationError as error:
        return await _list(
            request, staff, form, message_of(validation_failed(error)), ValidationFailed.status
        )
    secret, stores = request.app.settings.secret.get_secret_value().encode(), request.app.stores

    async def create() -> api_keys.NewKey:
        return await api_keys.create(stores, secret, new.terms(), by=staff.by)

    try:
        created = await submit_once(request, staff, form, create)
    except (Conflict, ValidationFailed) as refusal:
        return await _list(request, staff, form, message_of(refusal), refusal.status)
    return await _list(request, staff, key=api_keys.key_of(secret, created.key_id), created=new.name)


@console_form("/admin/keys/<key_id>/revoke", section="Keys", role="admin")
async def end_key(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Revoke a key, effective at once."""
    await api_keys.revoke(request.app.stores, request.params["key_id"], by=staff.by)
    return redirect_to("/admin/keys")


async def _list(
    request: Request,
    staff: Staff,
    filled: dict[str, str] | None = None,
    problem: str = "",
    status: int = 200,
    key: str = "",
    created: str = "",
) -> Response:
    fields = filters_of(request)
    number = page_number(fields)
    listed, total = await api_keys.page(request.app.stores, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
    document = KeysPage(
        *(staff, listed, total, number, number * PER_PAGE < total, to_page(request, fields)),
        *(new_form_id(), filled or {}, LIVES, problem, key, created),
    )
    return respond("console/keys.html", document, status)
