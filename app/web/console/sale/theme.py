"""The look of a room, with a preview of unsaved changes in light and dark mode."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import msgspec
from quart import Response

from app.core.catalogue import theme
from app.core.errors import ValidationFailed
from app.core.model import Room, RoomId, Theme
from app.core.text.validation_messages import validation_failed
from app.waiting_room import control, queue
from app.web.console.frame import console_form, console_page, within
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.bodies import read_query
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

FIELDS = Theme.__struct_fields__
SAVED = b"saved=1"
COLOUR = re.compile(r"#[0-9a-f]{6}")


class ThemePage(msgspec.Struct, frozen=True):
    """The fields as submitted, and the preview, whose style sheet is at `preview`."""

    staff: Staff
    sale: SaleHead | None  # None for a site's room
    room: Room
    theme: Theme
    preview: str
    saved: bool
    just_saved: bool
    contrasts: dict[str, float]  # of each colour with its background or its text
    problem: str = ""

    @property
    def usual(self) -> dict[str, str]:
        """The default colours."""
        return theme.LIGHT


class Colours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the preview's style sheet is made from."""

    accent: str = ""
    paper: str = ""


@console_page("/admin/rooms/<room_id>/theme", section="Sales")
async def theme_page(request: Request, staff: Staff) -> Response:
    """Show the current look."""
    room = await _room(request)
    return await _page(request, staff, room, room.settings.theme)


@console_form("/admin/rooms/<room_id>/theme", section="Sales")
async def save_theme(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Show a preview, or save."""
    room = await _room(request)
    try:
        edited = _read(form)
        theme.check(edited)
    except ValidationFailed as refusal:
        typed = Theme(**{name: form.get(name, "") for name in FIELDS})  # as typed, to be corrected
        return await _page(request, staff, room, typed, problem=message_of(refusal), status=refusal.status)
    if form.get("do") != "save":
        return await _page(request, staff, room, edited)
    await control.configure(
        request.app.queues, room.room_id, {"theme": msgspec.to_builtins(edited)}, by=staff.by
    )
    request.app.status_board.outdated(room.room_id)
    return redirect_to(f"/admin/rooms/{room.room_id}/theme?{SAVED.decode()}")


@console_page("/admin/rooms/<room_id>/theme/preview.css", section="Sales")
async def preview_css(request: Request, staff: Staff) -> Response:
    """Serve the style sheet of the preview."""
    colours = read_query(request, Colours)
    chosen = _read({"accent": colours.accent, "paper": colours.paper})
    response = Response(theme.preview_stylesheet(chosen), content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = "private, no-store"
    return response


async def _room(request: Request) -> Room:
    room, _ = await queue.status(request.app.queues, RoomId(request.params["room_id"]))
    return room


def _read(form: dict[str, str]) -> Theme:
    """Parse the form. Raises ValidationFailed naming the field."""
    sent = {name: form[name].strip().replace("\r\n", "\n") for name in FIELDS if name in form}
    for colour in ("accent", "paper"):
        sent[colour] = sent.get(colour, "").lower()
    try:
        return msgspec.convert(sent, Theme)
    except msgspec.ValidationError as error:
        raise validation_failed(error) from None


async def _page(
    request: Request, staff: Staff, room: Room, current: Theme, problem: str = "", status: int = 200
) -> Response:
    query = urlencode({"accent": current.accent, "paper": current.paper})
    preview = f"/admin/rooms/{room.room_id}/theme/preview.css?{query}"
    staff = within(staff, "Sites") if room.event_id is None else staff
    head = await sale_head(request, staff, room, "Look")
    saved = current == room.settings.theme
    document = ThemePage(
        staff=staff,
        sale=head,
        room=room,
        theme=current,
        preview=preview,
        saved=saved,
        just_saved=saved and request.query == SAVED,
        contrasts=theme.contrasts(Theme(accent=_colour(current.accent), paper=_colour(current.paper))),
        problem=problem,
    )
    return respond("console/theme.html", document, status)


def _colour(text: str) -> str:
    """The colour if it is valid, else ""."""
    return text if COLOUR.fullmatch(text) else ""
