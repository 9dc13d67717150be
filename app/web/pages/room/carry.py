"""Moving a place to another browser: by a link with a code in its fragment, also shown as a QR code.

A code works once, within minutes, and gives the place to the identity of the other browser. The old place
token becomes invalid, and reservations stay with the browser that made them: nobody can be tricked by a link
into buying as somebody else.

Browsers send no fragment to servers, so the code appears in no log; the page on the other device submits it
in a form. The page that shows the link is the only one that contains a secret, hence it is not compressed.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

import msgspec
import segno
from markupsafe import Markup
from quart import Response

from app.core.errors import CredentialInvalid, RateLimited
from app.core.model import RoomId, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.handover import CarryCode
from app.core.waiting_room.members import is_member
from app.core.waiting_room.newcomers import carried_to
from app.waiting_room import carrying
from app.web.http.cookies import WITHOUT_TOKEN
from app.web.http.routes import Request
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond
from app.web.pages.room.forms import ask_for_cookie
from app.web.pages.theme import look_of
from app.web.pages.visitors import place_of, set_newcomer, set_place, visitor_of

CODE_FIELD = "place"
REPLACE_FIELD = "replace"
CAN_BE_CARRIED = ("prequeue", "waiting", "called")


class CarryPage(msgspec.Struct, frozen=True):
    """The link of a place ("" for a browser without one), and the form that takes a place over."""

    room_id: str
    name: str
    link: str = ""
    qr: Markup = Markup()
    problem: str = ""  # `used`, `inside`, `has_place` or `member`
    code: str = ""  # submitted by the form, or offered by an e-mail


async def carry(request: Request) -> Response:
    """Show the link and the form. Gives unknown browsers an identity that can receive a place."""
    claims = visitor_of(request, RoomId(request.params["room_id"]))
    response = await _offered(request, claims.visitor_id if claims else None) or await _page(request)
    if claims is None:
        set_newcomer(response, request)
    return response


async def _offered(request: Request, visitor_id: VisitorId | None) -> Response | None:
    """Show the button for a place that an e-mail offers; browsers that already have it see their own page."""
    text = dict(parse_qsl(request.query.decode("latin-1"))).get(CODE_FIELD, "")
    if not text:
        return None
    try:
        code = request.app.handover.read_code(text, int(time.time()))
    except CredentialInvalid:
        return await _page(request, "used")
    if code.visitor_id == visitor_id:
        return redirect_to(f"/rooms/{request.params['room_id']}")
    return await _page(request, code=text)


async def take_over(request: Request) -> Response:
    """Move the place of the submitted code to this browser; a whole link works as well."""
    room_id = RoomId(request.params["room_id"])
    own_claims = visitor_of(request, room_id)
    if own_claims is None:
        return ask_for_cookie(request)
    form = await read_form()
    text = form.get(CODE_FIELD, "").strip().rpartition("#")[2]
    try:
        code = request.app.handover.read_code(text, int(time.time()))
    except CredentialInvalid:
        return await _page(request, "used")
    to_id = carried_to(code.visitor_id, own_claims.visitor_id)
    word = await _carried(request, code, to_id, replace=REPLACE_FIELD in form)
    if word == "has_place":
        return await _page(request, word, text)
    if word in ("inside", "member"):
        return await _page(request, word)
    claims = PlaceClaims(room_id, to_id, queue_number=None, epoch=WITHOUT_TOKEN)
    place = await place_of(request, room_id, claims) if word in ("carried", "used") else None
    if place is None or place[0].state not in (*CAN_BE_CARRIED, "active"):
        return await _page(request, "used")
    back = redirect_to(f"/rooms/{room_id}")  # also on a repeat, when they have the place already
    set_place(back, request, *place)
    return back


async def _carried(request: Request, code: CarryCode, to_id: VisitorId, *, replace: bool) -> str:
    if code.room_id != request.params["room_id"]:
        return "absent"
    if code.visitor_id == to_id:
        return "used"  # the visitor's own place
    if is_member(code.visitor_id):
        return "member"
    return await carrying.carry(request.app.queues, code, to_id, replace=replace)


async def _page(request: Request, problem: str = "", code: str = "") -> Response:
    room_id = RoomId(request.params["room_id"])
    settings = (await request.app.status_board.current(room_id)).room.settings
    document = CarryPage(room_id, settings.name, problem=problem, code=code)
    own_code = "" if problem or code else await _own_code(request, room_id)
    if own_code:
        link = f"{request.origin()}/rooms/{room_id}/carry#{own_code}"
        picture = segno.make(link, error="m", micro=False).svg_inline(omitsize=True, border=2)
        document = msgspec.structs.replace(document, link=link, qr=Markup(picture))
    status = 422 if problem else 200
    return respond("carry.html", document, status, look=look_of(room_id, settings), secret=True)


async def _own_code(request: Request, room_id: RoomId) -> str:
    """Create a code for the place of this browser, if it has one that can be moved."""
    try:
        place = await place_of(request, room_id)
    except RateLimited:
        place = None
    if place is None or place[0].state not in CAN_BE_CARRIED or is_member(place[0].visitor_id):
        return ""  # members cannot move places: they show their proof on the other device instead
    return request.app.handover.sign_code(room_id, place[0].visitor_id, int(time.time()))
