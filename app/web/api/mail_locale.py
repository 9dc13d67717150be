"""The language that mails to a visitor are in."""

from __future__ import annotations

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from app import i18n
from app.core.model import RoomId
from app.web.http.routes import Request


async def mail_locale(request: Request, room_id: RoomId, asked: str = "") -> str:
    """What they asked for, else the language their page is in: the room's, or their browser's."""
    room = await request.app.queues.rooms.get(room_id)
    return i18n.choose([asked, room.settings.locale, *_accepted(request)])


def browser_locale(request: Request) -> str:
    """The language of their browser."""
    return i18n.choose(_accepted(request))


def _accepted(request: Request) -> list[str]:
    accepted = parse_accept_header(request.header(b"accept-language") or "", LanguageAccept)
    return [tag for tag, share in accepted if share > 0]
