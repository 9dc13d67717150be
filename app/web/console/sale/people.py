"""The staff of one sale: give, change and remove roles, and invite."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from quart import Response

from app.accounts import invitations, sale_rights
from app.accounts.invitations import Invitee
from app.catalogue import events
from app.core.accounts.rights import SALE_ROLES, SAYS, SaleRole
from app.core.currencies import major, scale
from app.core.errors import ApprovalNeeded, Conflict, NotFound, Refusal, ValidationFailed
from app.core.model import EventId, Room, RoomId
from app.core.text import typed
from app.reservations import approvals
from app.store.sql.accounts.invitations import Invitation
from app.store.sql.accounts.sale_grants import GrantedPerson
from app.store.sql.payments.refund_approvals import LimitRequest
from app.web.console.frame import console_form, console_page
from app.web.console.query import one_of
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.system.users import invited_to, send_invitation
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

NO_MAIL = "This installation sends no e-mail: ask an admin, who can hand over the link of an invitation."
YOURSELF = "These are your own rights: ask somebody else to change them."


class PeoplePage(msgspec.Struct, frozen=True):
    """The people with a role in a sale, and open invitations to it."""

    staff: Staff
    sale: SaleHead
    room_id: RoomId
    people: list[GrantedPerson]
    invited: list[Invitation]
    role_descriptions: Mapping[SaleRole, str]
    currency: str
    above: str  # refunds above this amount need a second person; "": none do
    limit_request: LimitRequest | None  # a request for a higher limit that waits for a second person
    problem: str = ""
    link: str = ""
    filled: dict[str, str] = {}


@console_page("/admin/rooms/<room_id>/people", section="Sales", role="admin")
async def sale_people(request: Request, staff: Staff) -> Response:
    """Show who has a role in this sale."""
    return await _page(request, staff)


@console_form("/admin/rooms/<room_id>/people/give", section="Sales", role="admin")
async def give_right(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Give somebody a role in this sale; anybody who is not staff yet is invited."""
    event_id, stores = await _event(request), request.app.stores
    try:
        role = one_of(form, "sale_role", SALE_ROLES)
        if role is None:
            raise ValidationFailed("sale_role", "must be chosen")
        email, name = invited_to(form)
        link = ""
        if account_id := await sale_rights.staff_account_id(stores, email):
            _check_other(staff, account_id)
            await sale_rights.give(stores, account_id, event_id, role, by=staff.by)
        else:
            _check_may_invite(request, staff)
            new = Invitee(email, name, "user", event_id, role)
            link = await send_invitation(request, staff, new)
    except Refusal as refusal:
        return await _page(request, staff, refusal.detail, refusal.status, filled=form)
    return await _page(request, staff, link=link) if link else _back(request)


@console_form("/admin/rooms/<room_id>/people/<account_id>", section="Sales", role="admin")
async def change_right(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Change or remove somebody's role in this sale."""
    event_id, account_id = await _event(request), request.params["account_id"]
    try:
        _check_other(staff, account_id)
        role = one_of(form, "sale_role", SALE_ROLES)
        if form.get("do") == "take":
            await sale_rights.revoke(request.app.stores, account_id, event_id, by=staff.by)
        elif role is not None:
            await sale_rights.give(request.app.stores, account_id, event_id, role, by=staff.by)
    except Conflict as refusal:
        return await _page(request, staff, refusal.detail, refusal.status)
    return _back(request)


@console_form("/admin/rooms/<room_id>/people/refunds", section="Sales", role="admin")
async def set_refund_limit(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Set the amount above which refunds need a second person; blank: none do."""
    event, _ = await events.event(request.app.stores, EventId(await _event(request)))
    text = form.get("above", "").strip()
    above = typed.amount(text, scale(event.currency)) if text else None
    if text and above is None:
        problem = "Enter an amount such as 100 or 100.00."
        return await _page(request, staff, problem, ValidationFailed.status)
    try:
        await approvals.set_limit(request.app.stores, event.event_id, above, by=staff.by)
    except ApprovalNeeded as refusal:
        return await _page(request, staff, refusal.detail, refusal.status)
    return _back(request)


@console_form(
    "/admin/rooms/<room_id>/people/invitations/<invitation_id>/withdraw", section="Sales", role="admin"
)
async def withdraw_from_sale(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Withdraw an invitation to this sale."""
    stores, invitation_id = request.app.stores, request.params["invitation_id"]
    await invitations.withdraw(stores, invitation_id, event_id=await _event(request), by=staff.by)
    return _back(request)


def _check_other(staff: Staff, account_id: str) -> None:
    """Refuse changes to one's own rights, be it a mistake or an attempt to get more."""
    if account_id == staff.account.subject:
        raise Conflict(YOURSELF)


def _check_may_invite(request: Request, staff: Staff) -> None:
    """Without e-mail, only admins may invite, because whoever invites gets to see the link.

    It would let them choose the password of somebody else's account, which admins can do anyway.
    """
    if not request.app.settings.mails_links and staff.account.role != "admin":
        raise Conflict(NO_MAIL)


def _back(request: Request) -> Response:
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/people")


async def _room(request: Request) -> Room:
    return await request.app.queues.loaded_rooms.get(RoomId(request.params["room_id"]))


async def _event(request: Request) -> str:
    """The event of the room. Raises NotFound for a site's room, RoomNotFound."""
    event_id = (await _room(request)).event_id
    if event_id is None:
        raise NotFound("This room is of no sale: whoever has a role in all of Fairgate runs it.")
    return event_id


async def _page(
    request: Request,
    staff: Staff,
    problem: str = "",
    status: int = 200,
    *,
    link: str = "",
    filled: dict[str, str] | None = None,
) -> Response:
    event_id, room = await _event(request), await _room(request)
    head = await sale_head(request, staff, room, "People")
    assert head is not None
    people = await sale_rights.people_of(request.app.stores, event_id)
    invited = await invitations.list_open(request.app.stores, event_id)
    event, _ = await events.event(request.app.stores, EventId(event_id))
    limit = await approvals.limit_of(request.app.stores, event_id)
    above = "" if limit is None else str(major(limit, event.currency))
    document = PeoplePage(
        *(staff, head, room.room_id, people, invited, SAYS, event.currency, above),
        await approvals.requested_limit(request.app.stores, event_id),
        *(problem, link, filled or {}),
    )
    return respond("console/sale_people.html", document, status)
