"""Taking a place to another device: a link with the place token in its fragment, also as a QR code.

A fragment is not sent to any server, so the token is in no log. The page on the other device hands it over in
a form. The page that shows the link is not compressed: it is the only one that carries a secret.
"""

from __future__ import annotations

import msgspec
import segno
from markupsafe import Markup
from quart import Response

from app.core.errors import CredentialInvalid, PlaceNotFound, RateLimited, WrongRoom
from app.core.model import RoomId
from app.web.credentials import PLACE_COOKIE, cookies, read_place
from app.web.http import Request
from app.web.looks import look_of
from app.web.page_forms import read_form, see
from app.web.page_render import respond
from app.web.page_visitors import place_of, set_place

TOKEN_FIELD = "place"
REFUSED = (CredentialInvalid, WrongRoom, PlaceNotFound)


class CarryPage(msgspec.Struct, frozen=True):
    """The link of a place, empty for a browser without one, and the form that takes a place over."""

    room_id: str
    name: str
    link: str = ""
    qr: Markup = Markup()
    problem: bool = False


async def carry(request: Request) -> Response:
    """The link and the form."""
    return await _page(request)


async def take_over(request: Request) -> Response:
    """Give this browser the place of the token it was handed; a whole link is as good."""
    room_id, form = RoomId(request.params["room_id"]), await read_form()
    token = form.get(TOKEN_FIELD, "").strip().rpartition("#")[2]
    try:
        claims = read_place(request, room_id, token)
        answer = await place_of(request, room_id, claims)
    except REFUSED:
        answer = None
    if answer is None:
        return await _page(request, problem=True, status=422)
    back = see(f"/rooms/{room_id}")
    set_place(back, request, *answer)
    return back


async def _page(request: Request, problem: bool = False, status: int = 200) -> Response:
    room_id = RoomId(request.params["room_id"])
    settings = (await request.app.board.current(room_id)).room.settings
    document = CarryPage(room_id, settings.name, problem=problem)
    token = await _own_token(request, room_id)
    if token:
        link = f"{request.origin()}/rooms/{room_id}/carry#{token}"
        picture = segno.make(link, error="m", micro=False).svg_inline(omitsize=True, border=2)
        document = msgspec.structs.replace(document, link=link, qr=Markup(picture))
    return respond("carry.html", document, status, look=look_of(room_id, settings), secret=True)


async def _own_token(request: Request, room_id: RoomId) -> str:
    """The token of the cookie, while there is a place behind it."""
    try:
        found = await place_of(request, room_id)
    except RateLimited:
        found = None
    alive = found is not None and found[0].state in ("prequeue", "waiting", "called", "active")
    return cookies(request, PLACE_COOKIE + room_id).get("", "") if alive else ""
