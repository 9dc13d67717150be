"""The look and language of a room's pages, from its settings to what templates use."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from quart import Response

from app.core.catalogue import theme
from app.core.errors import NotFound, RoomNotFound, StoreUnavailable
from app.core.formats import COLOUR
from app.core.model import RoomId, RoomSettings, Theme
from app.web.http.assets import FOR_A_MINUTE, FOR_GOOD
from app.web.http.bodies import read_query
from app.web.http.routes import Request

LOOK_CSS = "/look.css"
LINKS = ("terms", "privacy", "imprint")


@dataclass(frozen=True, slots=True)
class Look:
    """The addresses of a room's style sheet and pictures, and its texts; empty if it has none."""

    locale: str = ""
    name: str = ""
    stylesheet: str = ""
    logo: str = ""
    cover: str = ""
    welcome: str = ""
    footer: str = ""
    links: tuple[tuple[str, str], ...] = ()  # `terms`, `privacy`, `imprint` with their addresses
    test: bool = False  # whether it is a test sale


PLAIN = Look()


def look_of(room_id: str, settings: RoomSettings) -> Look:
    """The look of a room."""
    its = settings.theme
    base = f"/rooms/{room_id}/theme/{theme.digest(its)}"
    return Look(
        locale=settings.locale,
        name=settings.name,
        stylesheet=f"{base}/style.css" if its.accent or its.paper else "",
        logo=f"{base}/logo" if its.logo else "",
        cover=f"{base}/cover" if its.cover else "",
        welcome=its.welcome,
        footer=its.footer,
        links=tuple((name, it) for name in LINKS if (it := getattr(its, name))),
        test=settings.test,
    )


def look_before_it_is_saved(settings: RoomSettings) -> Look:
    """The look of a sale that does not exist yet: its colours and pictures are embedded."""
    its = settings.theme
    colours = urlencode({"accent": its.accent, "paper": its.paper})
    return replace(
        look_of("", settings),
        stylesheet=f"{LOOK_CSS}?{colours}" if its.accent or its.paper else "",
        logo=its.logo,
        cover=its.cover,
    )


class Colours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a style sheet is made from."""

    accent: Annotated[str, msgspec.Meta(pattern=COLOUR)] = ""
    paper: Annotated[str, msgspec.Meta(pattern=COLOUR)] = ""


async def look_css(request: Request) -> Response:
    """Serve the style sheet of these colours, for the console's preview, whose frame sends no cookie."""
    colours = read_query(request, Colours)
    sheet = theme.stylesheet(Theme(accent=colours.accent, paper=colours.paper))
    response = Response(sheet, content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = FOR_A_MINUTE
    return response


async def look_for(request: Request, room_id: RoomId) -> Look:
    """The look of a room; the default one if it cannot be read."""
    with suppress(RoomNotFound, StoreUnavailable):
        return look_of(room_id, (await request.app.status_board.current(room_id)).room.settings)
    return PLAIN


async def theme_file(request: Request) -> Response:
    """Serve the style sheet or a picture. Under the address with its current digest it never changes."""
    room_id, name = RoomId(request.params["room_id"]), request.params["theme_file"]
    its = (await request.app.status_board.current(room_id)).room.settings.theme
    if name == "style.css":
        response = Response(theme.stylesheet(its), content_type="text/css; charset=utf-8")
    elif name in ("logo", "cover") and getattr(its, name):
        kind, content = theme.picture(getattr(its, name))
        response = Response(content, content_type=kind)
    else:
        raise NotFound
    current = request.params["digest"] == theme.digest(its)
    response.headers["Cache-Control"] = FOR_GOOD if current else FOR_A_MINUTE
    return response
