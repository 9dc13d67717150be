"""Taking a place to another browser: a link with a code in its fragment, also as a QR code.

A code is good once, within minutes, and gives the place to whoever the other browser is. The token the place
had is void, and what either has reserved stays with the browser that made it: nobody buys as somebody else by
pressing the button on a link they were sent.

A fragment is not sent to any server, so the code is in no log. The page on the other device hands it over in
a form. The page that shows the link is not compressed: it is the only one that carries a secret.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

import msgspec
import segno
from markupsafe import Markup
from quart import Response

from app.core.claims import PlaceClaims
from app.core.errors import CredentialInvalid, RateLimited
from app.core.handover import CarryCode
from app.core.members import is_member
from app.core.model import RoomId, VisitorId
from app.core.newcomers import carried_to
from app.waiting_room import carrying
from app.web.http.cookies import WITHOUT_TOKEN
from app.web.http.routes import Request
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.forms import ask_for_cookie
from app.web.pages.render import respond
from app.web.pages.theme import look_of
from app.web.pages.visitors import place_of, set_newcomer, set_place, visitor_of

CODE_FIELD = "place"
REPLACE_FIELD = "replace"
CAN_BE_CARRIED = ("prequeue", "waiting", "called")


class CarryPage(msgspec.Struct, frozen=True):
    """The link of a place, empty for a browser without one, and the form that takes a place over."""

    room_id: str
    name: str
    link: str = ""
    qr: Markup = Markup()
    problem: str = ""  # `used`, `inside`, `has_place` or `member`
    code: str = ""  # what was handed over, or is offered by a mail


async def carry(request: Request) -> Response:
    """The link and the form. Whoever is nobody yet becomes somebody the place can be given to."""
    mine = visitor_of(request, RoomId(request.params["room_id"]))
    response = await _offered(request, mine.visitor_id if mine else None) or await _page(request)
    if mine is None:
        set_newcomer(response, request)
    return response


async def _offered(request: Request, mine: VisitorId | None) -> Response | None:
    """The button for a place that the link of a mail offers; their own page to whoever has it already."""
    text = dict(parse_qsl(request.query.decode("latin-1"))).get(CODE_FIELD, "")
    if not text:
        return None
    try:
        code = request.app.handover.read_code(text, int(time.time()))
    except CredentialInvalid:
        return await _page(request, "used")
    if code.visitor_id == mine:
        return redirect_to(f"/rooms/{request.params['room_id']}")
    return await _page(request, code=text)


async def take_over(request: Request) -> Response:
    """Give this browser the place of the code it was handed; a whole link is as good."""
    room_id = RoomId(request.params["room_id"])
    mine = visitor_of(request, room_id)
    if mine is None:
        return ask_for_cookie(request)
    form = await read_form()
    text = form.get(CODE_FIELD, "").strip().rpartition("#")[2]
    try:
        code = request.app.handover.read_code(text, int(time.time()))
    except CredentialInvalid:
        return await _page(request, "used")
    to_id = carried_to(code.visitor_id, mine.visitor_id)
    word = await _carried(request, code, to_id, replace=REPLACE_FIELD in form)
    if word == "has_place":
        return await _page(request, word, text)
    if word in ("inside", "member"):
        return await _page(request, word)
    claims = PlaceClaims(room_id, to_id, queue_number=None, epoch=WITHOUT_TOKEN)
    found = await place_of(request, room_id, claims) if word in ("carried", "used") else None
    if found is None or found[0].state not in (*CAN_BE_CARRIED, "active"):
        return await _page(request, "used")
    back = redirect_to(f"/rooms/{room_id}")  # also when it was sent again: they have the place
    set_place(back, request, *found)
    return back


async def _carried(request: Request, code: CarryCode, to_id: VisitorId, *, replace: bool) -> str:
    if code.room_id != request.params["room_id"]:
        return "absent"
    if code.visitor_id == to_id:
        return "used"  # it is this visitor's own place
    if is_member(code.visitor_id):
        return "member"
    return await carrying.carry(request.app.queues, code, to_id, replace=replace)


async def _page(request: Request, problem: str = "", code: str = "") -> Response:
    room_id = RoomId(request.params["room_id"])
    settings = (await request.app.status_board.current(room_id)).room.settings
    document = CarryPage(room_id, settings.name, problem=problem, code=code)
    mine = "" if problem or code else await _own_code(request, room_id)
    if mine:
        link = f"{request.origin()}/rooms/{room_id}/carry#{mine}"
        picture = segno.make(link, error="m", micro=False).svg_inline(omitsize=True, border=2)
        document = msgspec.structs.replace(document, link=link, qr=Markup(picture))
    status = 422 if problem else 200
    return respond("carry.html", document, status, look=look_of(room_id, settings), secret=True)


async def _own_code(request: Request, room_id: RoomId) -> str:
    """A code for the place of this browser, if it has one that can be carried."""
    try:
        found = await place_of(request, room_id)
    except RateLimited:
        found = None
    if found is None or found[0].state not in CAN_BE_CARRIED or is_member(found[0].visitor_id):
        return ""  # a member's place is theirs: they prove it with the other device, too
    return request.app.handover.sign_code(room_id, found[0].visitor_id, int(time.time()))
