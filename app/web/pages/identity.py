"""What a newcomer has to show of who they are, on the queue page of a room that asks for it."""

from __future__ import annotations

from app.core.errors import StoreUnavailable
from app.waiting_room import identities
from app.web.http.cookies import cookies
from app.web.http.routes import Request
from app.web.pages.documents import IdentityView
from app.web.pages.mail import MAILBOX_COOKIE
from app.web.pages.queue_document import OVER, Standing
from app.web.pages.visitors import visitor_of

AGAIN = tuple(it for it in OVER if it != "removed")  # of these somebody can join again


async def identity_of(request: Request, standing: Standing) -> IdentityView | None:
    """What this visitor has to show before they join; None: nothing.

    Only whoever has left an address is looked up: the cookie says that they have.
    """
    its, place = standing.room.settings, standing.place
    if its.identity == "none" or standing.member or standing.kept_out:
        return None
    if place is not None and place.state not in AGAIN:
        return None
    room_id = standing.room.room_id
    claims, hint = visitor_of(request, room_id), cookies(request, MAILBOX_COOKIE + room_id).get("")
    shown = False
    if claims is not None and hint:
        try:
            shown = await identities.has_shown(request.app.queues, standing.room, claims.visitor_id)
        except StoreUnavailable:
            return None
    return IdentityView(its.identity, shown, bool(its.suspects_lane))
