"""The calls for webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.account import Account
from app.core.catalogue.definitions import Words
from app.core.errors import BadHeader, IdempotencyKeyReused, NotFound, StoreUnavailable
from app.core.formats import URL
from app.core.model import Struct
from app.core.notifications.notice_types import NoticeType
from app.notifications.channels import webhooks
from app.store.sql.notifications.webhooks import Webhook
from app.web.documents.sale import Page
from app.web.http.cache_control import NO_STORE
from app.web.http.idempotency import respond_once
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import ADMIN, author

TAG = "Staff: webhooks"


class NewWebhook(Struct, frozen=True):
    """Where to send events, and which; without types all of them, including future ones."""

    url: Annotated[str, Meta(min_length=1, max_length=2000, pattern=URL)]
    types: Annotated[list[NoticeType], Meta(max_length=100)] = []  # noqa: RUF012  # msgspec copies it
    description: Words = ""


class MadeWebhook(msgspec.Struct, frozen=True):
    """A newly created webhook. Its secret is shown only here."""

    webhook_id: str
    url: str
    types: list[str]
    description: str
    created_at: datetime
    secret: str


class WebhookDocument(msgspec.Struct, frozen=True):
    """A webhook, and its deliveries: pending ones, and those that failed after a day of retries."""

    webhook_id: str
    url: str
    types: list[str]
    description: str
    created_at: datetime
    disabled_at: datetime | None
    pending: int
    given_up: int
    last_failure: str | None
    last_failure_at: datetime | None


@endpoint(
    "POST",
    "/v1/webhooks",
    tag=TAG,
    auth=ADMIN,
    scope="webhooks:write",
    body=NewWebhook,
    answers={201: MadeWebhook},
    headers=("Idempotency-Key",),
    errors=(IdempotencyKeyReused, BadHeader, StoreUnavailable),
)
async def create_webhook(request: Request, account: Account, body: NewWebhook) -> Response:
    """Create a webhook: events are sent to this address, signed as in Standard Webhooks."""

    async def create() -> Response:
        app = request.app
        by, types = author(request, account), list(dict.fromkeys(body.types))
        created = await webhooks.create(app.stores, app.settings, body.url, types, body.description, by=by)
        target = created.target
        document = MadeWebhook(
            target.webhook_id, target.url, list(types), body.description, created.created_at, target.secret
        )
        return json_response(201, document, [NO_STORE])

    return await respond_once(request, account, body, create)


@endpoint(
    "GET",
    "/v1/webhooks",
    tag=TAG,
    auth=ADMIN,
    scope="webhooks:read",
    query=PageQuery,
    answers={200: Page[WebhookDocument]},
    errors=(StoreUnavailable,),
)
async def list_webhooks(request: Request, account: Account, query: PageQuery) -> Response:
    """List webhooks and the state of their deliveries, without secrets."""
    listed, total = await webhooks.page(request.app.stores, limit=query.per_page, offset=query.offset)
    return page_response(request, query, [_document(it) for it in listed], total)


@endpoint(
    "DELETE",
    "/v1/webhooks/{webhook_id}",
    tag=TAG,
    auth=ADMIN,
    scope="webhooks:write",
    answers={204: None},
    errors=(NotFound, StoreUnavailable),
)
async def delete_webhook(request: Request, account: Account) -> Response:
    """Delete a webhook; deliveries in progress may still arrive."""
    by = author(request, account)
    await webhooks.remove(request.app.stores, request.params["webhook_id"], by=by)
    return empty()


def _document(webhook: Webhook) -> WebhookDocument:
    return WebhookDocument(
        webhook_id=webhook.webhook_id,
        url=webhook.url,
        types=webhook.types,
        description=webhook.description,
        created_at=webhook.created_at,
        disabled_at=webhook.disabled_at,
        pending=webhook.pending,
        given_up=webhook.given_up,
        last_failure=webhook.failure or None,
        last_failure_at=webhook.failed_at,
    )
