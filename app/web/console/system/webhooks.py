"""The console's webhook pages: endpoints, deliveries and replays."""

from __future__ import annotations

from typing import get_args

import msgspec
from quart import Response

from app.core.errors import Conflict, ValidationFailed
from app.core.notifications.notice_types import NoticeType
from app.core.text import typed
from app.core.text.validation_messages import validation_failed
from app.notifications.channels import webhooks
from app.store.sql.notifications.delivery_log import Attempt, QueuedDelivery
from app.store.sql.notifications.webhooks import Webhook
from app.web.api.system.webhooks import NewWebhook
from app.web.console.form_ids import new_form_id, submit_once
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

LISTED_MAX = 200
QUEUED_MAX = 100


class WebhooksPage(msgspec.Struct, frozen=True):
    """All webhooks, and the form for a new one, as filled in."""

    staff: Staff
    webhooks: list[Webhook]
    types: tuple[NoticeType, ...]
    form: str
    filled: dict[str, str]
    problem: str = ""
    secret: str = ""  # of the webhook just created
    webhook_name: str = ""


class WebhookPage(msgspec.Struct, frozen=True):
    """One webhook: waiting and failed deliveries, and the requests made."""

    staff: Staff
    webhook: Webhook
    queued: list[QueuedDelivery]
    attempts: list[Attempt]
    total: int
    number: int
    to_page: str
    notice: str = ""


@console_page("/admin/webhooks", section="Webhooks", role="admin")
async def webhook_list(request: Request, staff: Staff) -> Response:
    """List the webhooks."""
    return await _list(request, staff)


@console_form("/admin/webhooks/create", section="Webhooks", role="admin")
async def make_webhook(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Create a webhook. Its secret is shown only in this response."""
    types = [name for name in get_args(NoticeType) if f"type.{name}" in form]
    sent = {"url": form.get("url", "").strip(), "description": form.get("description", ""), "types": types}
    try:
        new = msgspec.convert(sent, NewWebhook)
    except msgspec.ValidationError as error:
        return await _list(
            request, staff, form, message_of(validation_failed(error)), ValidationFailed.status
        )
    app = request.app

    async def create() -> webhooks.NewWebhook:
        return await webhooks.create(
            app.stores, app.settings, new.url, new.types, new.description, by=staff.by
        )

    try:
        created = await submit_once(request, staff, form, create)
    except (Conflict, ValidationFailed) as refusal:
        return await _list(request, staff, form, message_of(refusal), refusal.status)
    return await _list(request, staff, created=created)


@console_page("/admin/webhooks/<webhook_id>", section="Webhooks", role="admin")
async def webhook(request: Request, staff: Staff) -> Response:
    """Show one webhook."""
    return await _webhook(request, staff)


@console_form("/admin/webhooks/<webhook_id>/delete", section="Webhooks", role="admin")
async def drop_webhook(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Delete the webhook."""
    await webhooks.remove(request.app.stores, request.params["webhook_id"], by=staff.by)
    return redirect_to("/admin/webhooks")


@console_form("/admin/webhooks/<webhook_id>/replay", section="Webhooks", role="admin")
async def replay_webhook(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Replay the failed deliveries, or only the event named in the form."""
    webhook_id, stores = request.params["webhook_id"], request.app.stores
    if "number" in form:
        number, ordinal = _number(form, "number"), _number(form, "ordinal")
        if not await webhooks.replay_event(stores, webhook_id, number, ordinal, by=staff.by):
            return await _webhook(request, staff, "This notice is not kept any more (three days).", 409)
    else:
        await webhooks.replay(stores, webhook_id, None, by=staff.by)
    return redirect_to(f"/admin/webhooks/{webhook_id}")


async def _list(
    request: Request,
    staff: Staff,
    filled: dict[str, str] | None = None,
    problem: str = "",
    status: int = 200,
    created: webhooks.NewWebhook | None = None,
) -> Response:
    listed, _ = await webhooks.page(request.app.stores, limit=LISTED_MAX, offset=0)
    document = WebhooksPage(
        staff,
        listed,
        get_args(NoticeType),
        new_form_id(),
        filled or {},
        problem,
        created.target.secret if created else "",
        created.target.webhook_id if created else "",
    )
    return respond("console/webhooks.html", document, status)


async def _webhook(request: Request, staff: Staff, notice: str = "", status: int = 200) -> Response:
    webhook_id, stores, fields = request.params["webhook_id"], request.app.stores, filters_of(request)
    number = page_number(fields)
    webhook = await webhooks.get(stores, webhook_id)
    queued = await webhooks.queued(stores, webhook_id, QUEUED_MAX)
    attempts, total = await webhooks.attempts(
        stores, webhook_id, limit=PER_PAGE, offset=(number - 1) * PER_PAGE
    )
    address = to_page(request, fields) if request.method == "GET" else f"/admin/webhooks/{webhook_id}?page="
    document = WebhookPage(staff, webhook, queued, attempts, total, number, address, notice)
    return respond("console/webhook.html", document, status)


def _number(form: dict[str, str], name: str) -> int:
    number = typed.whole_number(form.get(name, ""))
    if number is None:
        raise ValidationFailed(name, "must be a whole number")
    return number
