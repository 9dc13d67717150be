"""How a room's pages look and which language they are in: what its settings say, as templates take it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from quart import Response

from app.core import theme
from app.core.errors import NotFound, RoomNotFound, StoreUnavailable
from app.core.model import RoomId, RoomSettings
from app.web.http.assets import FOR_A_MINUTE, FOR_GOOD
from app.web.http.routes import Request


@dataclass(frozen=True, slots=True)
class Look:
    """The addresses of a room's style sheet and pictures, and its words; empty where it has none."""

    locale: str = ""
    name: str = ""
    stylesheet: str = ""
    logo: str = ""
    cover: str = ""
    welcome: str = ""
    footer: str = ""
    test: bool = False  # a test sale


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
        test=settings.test,
    )


async def look_for(request: Request, room_id: RoomId) -> Look:
    """The look of a room; the usual one while nobody can tell."""
    with suppress(RoomNotFound, StoreUnavailable):
        return look_of(room_id, (await request.app.status_board.current(room_id)).room.settings)
    return PLAIN


async def theme_file(request: Request) -> Response:
    """The style sheet or a picture. Under its present digest it can be kept for good."""
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
