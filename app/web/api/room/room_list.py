"""The list of rooms: public ones for everybody, all of them for staff."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from app.core.account import Account
from app.core.errors import (
    CredentialInvalid,
    CredentialMissing,
    RateLimited,
    RoleRequired,
    ScopeRequired,
    StoreUnavailable,
)
from app.core.model import GateMode, Room, RoomStatus
from app.waiting_room import room_lists
from app.web.documents.sale import Page
from app.web.documents.waiting_room import StatusDocument, status_document
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, endpoint
from app.web.http.staff_access import OPERATOR

SCOPE: Literal["rooms:read"] = "rooms:read"


class RoomsQuery(PageQuery, frozen=True, rename={"every": "all"}):
    """Which rooms; `all` is for staff."""

    every: bool = False


class ListedRoom(StatusDocument, frozen=True, kw_only=True):
    """The shared status document; with `all` also staff's view of a room."""

    kind: Literal["sale", "site"] | UnsetType = UNSET  # it sells an event, or is in front of another site
    public: bool | UnsetType = UNSET
    test: bool | UnsetType = UNSET
    target_url: str | UnsetType = UNSET
    gate_mode: GateMode | UnsetType = UNSET


@endpoint(
    "GET",
    "/v1/rooms",
    tag="Waiting room",
    query=RoomsQuery,
    answers={200: Page[ListedRoom]},
    errors=(
        CredentialMissing,
        CredentialInvalid,
        RoleRequired,
        ScopeRequired,
        RateLimited,
        StoreUnavailable,
    ),
)
async def list_rooms(request: Request, query: RoomsQuery) -> Response:
    """List public rooms: open ones before closed ones, then by room_id.

    With `all=true` staff get every room, including private ones, with more detail; a key that is limited to
    some events gets their rooms.
    """
    queues, staff = request.app.queues, await _staff(request) if query.every else None
    only = _only(staff)
    public = staff is None
    listed = await room_lists.page(queues, public, only=only, limit=query.per_page, offset=query.offset)
    documents = [status_document(*it) if public else _listed(*it) for it in listed]
    return page_response(request, query, documents, await room_lists.count(queues, public, only=only))


async def _staff(request: Request) -> Account:
    """The staff account requesting all rooms. Raises CredentialMissing and others, RoleRequired,
    ScopeRequired."""
    account: Account = await OPERATOR.read(request)
    if account.grants is not None and not account.grants.may(SCOPE, {}, of_sales=True):
        raise RoleRequired("The role operator is needed here.")
    if account.key is not None and not account.key.may(SCOPE):
        raise ScopeRequired(f"This API key has no scope `{SCOPE}`.")
    return account


def _only(staff: Account | None) -> list[str] | None:
    """The rooms that the list is limited to; None: no limit."""
    if staff is not None and staff.grants is not None:
        return sorted(staff.grants.rooms(SCOPE))
    return sorted(staff.key.rooms or ()) if staff and staff.key and staff.key.events is not None else None


def _listed(room: Room, status: RoomStatus) -> ListedRoom:
    settings = room.settings
    return ListedRoom(
        **msgspec.structs.asdict(status_document(room, status)),
        kind="site" if room.event_id is None else "sale",
        public=settings.public,
        test=settings.test,
        target_url=settings.target_url,
        gate_mode=settings.gate_mode,
    )
