"""API keys: admins create access tokens for machines, and revoke them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.accounts import api_keys
from app.accounts.api_keys import KeyTerms
from app.core.account import Account
from app.core.accounts.scopes import SCOPES, Scope
from app.core.errors import BadHeader, IdempotencyKeyReused, NotFound, StoreUnavailable
from app.core.formats import At, Name, Slug
from app.core.model import KeyRole, Struct
from app.store.sql.accounts.api_keys import ApiKey
from app.web.documents.sale import Page
from app.web.http.cache_control import NO_STORE
from app.web.http.idempotency import respond_once
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import ADMIN, author

TAG = "Staff: API keys"
EVENTS_MAX = 200
Network = Annotated[str, Meta(max_length=50)]


class NewKey(Struct, frozen=True):
    """A key to create: its name, its limits, and its expiry; null: until revoked. `network`: the only
    network it may be used from, as `203.0.113.0/24`; empty: any. `scopes`: the calls of its role that it
    may make; null: all. `events`: the events, with their rooms, that it may act on; null: all."""

    name: Name
    role: KeyRole
    expires_at: At | None = None
    network: Network = ""
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=len(SCOPES))] | None = None
    events: Annotated[list[Slug], Meta(min_length=1, max_length=EVENTS_MAX)] | None = None

    def terms(self) -> KeyTerms:
        """The terms of the key."""
        return KeyTerms(self.name, self.role, self.expires_at, self.network, self.scopes, self.events)


class MadeKey(msgspec.Struct, frozen=True):
    """A newly created key. `key` is shown only here; send it as `Authorization: Bearer`."""

    key_id: str
    name: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    key: str


class KeyDocument(msgspec.Struct, frozen=True):
    """A key's metadata. `last_used_at` is accurate to a minute; `live`: valid now."""

    key_id: str
    name: str
    role: str
    made_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    live: bool
    network: str
    scopes: list[str] | None
    events: list[str] | None


@endpoint(
    "POST",
    "/v1/keys",
    tag=TAG,
    auth=ADMIN,
    scope="keys:write",
    body=NewKey,
    answers={201: MadeKey},
    headers=("Idempotency-Key",),
    errors=(IdempotencyKeyReused, BadHeader, StoreUnavailable),
)
async def create_key(request: Request, account: Account, body: NewKey) -> Response:
    """Create an API key.

    It never has more rights than its creator currently has; created with another API key, it has at most that
    key's scopes and events, and is invalid once that key is.
    """
    secret = request.app.settings.secret.get_secret_value().encode()

    async def create() -> Response:
        by = author(request, account)
        created = await api_keys.create(request.app.stores, secret, body.terms(), by=by)
        document = MadeKey(created.key_id, body.name, body.role, created.created_at, body.expires_at, "")
        return json_response(201, document)

    # The stored response does not contain the key, which is added each time.
    replayable = await respond_once(request, account, body, create)
    assert isinstance(replayable.body, bytes)
    document = msgspec.json.decode(replayable.body, type=MadeKey)
    with_secret = msgspec.structs.replace(document, key=api_keys.key_of(secret, document.key_id))
    return json_response(replayable.status, with_secret, [*replayable.headers, NO_STORE])


@endpoint(
    "GET",
    "/v1/keys",
    tag=TAG,
    auth=ADMIN,
    scope="keys:read",
    query=PageQuery,
    answers={200: Page[KeyDocument]},
    errors=(StoreUnavailable,),
)
async def list_keys(request: Request, account: Account, query: PageQuery) -> Response:
    """List API keys, newest first, including expired and revoked ones, without the keys themselves."""
    listed, total = await api_keys.page(request.app.stores, limit=query.per_page, offset=query.offset)
    return page_response(request, query, [_document(it) for it in listed], total)


@endpoint(
    "DELETE",
    "/v1/keys/{key_id}",
    tag=TAG,
    auth=ADMIN,
    scope="keys:write",
    answers={204: None},
    errors=(NotFound, StoreUnavailable),
)
async def revoke_key(request: Request, account: Account) -> Response:
    """Revoke an API key at once; it stays in the list. 204, also when repeated."""
    await api_keys.revoke(request.app.stores, request.params["key_id"], by=author(request, account))
    return empty()


def _document(key: ApiKey) -> KeyDocument:
    return KeyDocument(
        key_id=key.key_id,
        name=key.name,
        role=key.role,
        made_by=key.made_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
        live=key.live,
        network=key.network,
        scopes=key.scopes,
        events=key.events,
    )
