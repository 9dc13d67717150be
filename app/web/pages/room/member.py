"""Joining as a member: with a link from the organiser's login that contains a proof, or by an invitation.

Both take effect by the page's button, not by GET, because mail scanners follow links. They give this browser
the member's identity. The page that contains the proof in its form is not compressed.
"""

from __future__ import annotations

import msgspec
from quart import Response, current_app

from app.core.clock import now_ms, to_ms
from app.core.errors import MemberElsewhere, ProofRefused
from app.core.model import RoomId
from app.core.waiting_room import rules
from app.core.waiting_room.members import PROOF_MAX
from app.waiting_room import room_invites
from app.web.api.room.member_login import enter_as_member, proven
from app.web.http.bodies import read_query
from app.web.http.cookies import newcomer_cookie
from app.web.http.routes import Request
from app.web.pages.event_heads import EVENT_HEADS
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond
from app.web.pages.room.forms import ask_for_cookie
from app.web.pages.theme import look_of
from app.web.pages.visitors import add_cookie, visitor_of


class ProofQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of the link."""

    proof: str = ""
    invite: str = ""


class MemberPage(msgspec.Struct, frozen=True):
    """The button, or why there is none."""

    room_id: str
    name: str
    state: str  # ask, refused, elsewhere, only; for an invitation: invited, gone, taken
    proof: str = ""
    invite: str = ""
    zone: str = ""
    until_ms: int = 0  # from then on everybody may join; 0: never, or already so


async def member(request: Request) -> Response:
    """Show the button for a valid proof; without one, explain who may join."""
    query = read_query(request, ProofQuery)
    proof = query.proof
    if query.invite:
        room_id, stores = RoomId(request.params["room_id"]), request.app.stores
        if not await room_invites.is_good(stores, room_id, query.invite):
            return await _page(request, "gone", status=ProofRefused.status)
        return await _page(request, "invited", invite=query.invite)
    if not proof:
        return await _page(request, "only")
    try:
        await proven(request, proof[:PROOF_MAX])
    except ProofRefused as refusal:
        return await _page(request, "refused", status=refusal.status)
    return await _page(request, "ask", proof)


async def come_as_member(request: Request) -> Response:
    """Give this browser the member's identity."""
    room_id = RoomId(request.params["room_id"])
    claims = visitor_of(request, room_id)
    if claims is None:
        return ask_for_cookie(request)
    form = await read_form()
    invite, proof = form.get("invite", ""), form.get("proof", "")[:PROOF_MAX]
    try:
        if invite:
            visitor_id = await room_invites.accept(request.app.queues, room_id, invite, claims.visitor_id)
        else:
            visitor_id = await enter_as_member(request, proof, claims.visitor_id)
    except ProofRefused as refusal:
        return await _page(request, "gone" if invite else "refused", status=refusal.status)
    except MemberElsewhere as refusal:
        return await _page(request, "taken" if invite else "elsewhere", status=refusal.status)
    response = redirect_to(f"/rooms/{room_id}")
    if visitor_id != claims.visitor_id:
        add_cookie(response, newcomer_cookie(request, room_id, visitor_id))
    return response


async def _page(
    request: Request, state: str, proof: str = "", status: int = 200, *, invite: str = ""
) -> Response:
    room_id = RoomId(request.params["room_id"])
    room = (await request.app.status_board.current(room_id)).room
    settings, heads = room.settings, current_app.extensions[EVENT_HEADS]
    head = await heads.of_room(request.app.stores, room)
    until_ms = to_ms(settings.members_until) if rules.is_for_members(settings, now_ms()) else 0
    document = MemberPage(room_id, settings.name, state, proof, invite, head.zone if head else "", until_ms)
    return respond(
        "member.html", document, status, look=look_of(room_id, settings), secret=bool(proof or invite)
    )
