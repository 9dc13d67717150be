"""How newcomers identify themselves on the queue page of a room that requires it."""

from __future__ import annotations

from urllib.parse import parse_qsl

from quart import Response

from app.core.clock import to_ms
from app.core.errors import CredentialInvalid, MemberElsewhere, StoreUnavailable
from app.core.model import RoomId
from app.store.sql.waiting_room.identities import ShownIdentity
from app.waiting_room import identities
from app.web.api.room.identity import key_of
from app.web.http.cookies import cookies
from app.web.http.routes import Request
from app.web.pages.documents import IdentityView
from app.web.pages.form_fields import redirect_to
from app.web.pages.room.fan_account import verified_fan
from app.web.pages.room.forms import ask_for_cookie
from app.web.pages.room.mail import MAILBOX_COOKIE, remember_mailbox
from app.web.pages.room.queue_document import OVER, QueueView
from app.web.pages.visitors import visitor_of

AGAIN = tuple(it for it in OVER if it != "removed")  # ended places after which somebody can join again


async def identity_of(request: Request, view: QueueView) -> IdentityView | None:
    """How this visitor has to identify themselves before they join; None if not at all.

    Only visitors with the mailbox cookie are looked up.
    """
    its, place = view.room.settings, view.place
    if its.identity == "none" or view.member or view.kept_out:
        return None
    if place is not None and place.state not in AGAIN:
        return None
    room_id = view.room.room_id
    claims, hint = visitor_of(request, room_id), cookies(request, MAILBOX_COOKIE + room_id).get("")
    identified = False
    if claims is not None and hint:
        try:
            identified = await identities.is_identified(request.app.queues, view.room, claims.visitor_id)
        except StoreUnavailable:
            return None
    problem = dict(parse_qsl(request.query.decode("latin-1"))).get("passkey", "")
    before_ms = to_ms(its.accounts_before)
    return IdentityView(its.identity, identified, bool(its.suspects_lane), before_ms, problem)


async def come_by_passkey(request: Request) -> Response:
    """Let this browser join with its passkey; a place the account has elsewhere moves here."""
    room_id = RoomId(request.params["room_id"])
    claims, path = visitor_of(request, room_id), f"/rooms/{room_id}"
    room = (await request.app.status_board.current(room_id)).room
    if claims is None:
        return ask_for_cookie(request)
    if room.settings.identity != "passkey":
        return redirect_to(path)
    try:
        fan = await verified_fan(request)
        identity = ShownIdentity(key_of(request, room_id, fan.email), "passkey", fan.created_at)
        await identities.enter(request.app.queues, room, identity, claims.visitor_id)
    except CredentialInvalid:
        return redirect_to(f"{path}?passkey=failed")
    except MemberElsewhere:
        return redirect_to(f"{path}?passkey=elsewhere")
    enough = await identities.is_identified(request.app.queues, room, claims.visitor_id)
    response = redirect_to(path if enough else f"{path}?passkey=late")
    remember_mailbox(response, request, room_id)
    return response
