"""What a newcomer's join says of the captcha, in rooms that ask for one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.core.captcha import RESPONSE_MAX, Captcha, Widget
from app.core.claims import PlaceClaims
from app.core.errors import CaptchaNeeded
from app.core.formats import VISIBLE
from app.core.model import RoomId
from app.core.proof_of_work import Solved
from app.store.away import stores_answer
from app.web.http.routes import Request

CaptchaResponse = Annotated[str, Meta(min_length=1, max_length=RESPONSE_MAX, pattern=VISIBLE)]


async def captcha_of(
    request: Request, response: str | None, known: PlaceClaims | None, solved: Solved | None
) -> Captcha:
    """Whether they solved it. The provider is asked only where that decides something: a response is good
    once, so one that comes without the proof of work that is needed first is kept for the next join."""
    app = request.app
    if response is None or (known is not None and known.epoch >= 0):
        return "missing"
    with stores_answer():
        room = await app.queues.loaded_rooms.get(RoomId(request.params["room_id"]))
    settings = room.settings
    if not (app.queues.captcha and settings.captcha) or (settings.proof_of_work and solved is None):
        return "missing"
    return await app.captchas.ask(app.settings, response, request.client)


def with_widget(request: Request) -> CaptchaNeeded:
    """The refusal with what has to be shown."""
    settings = request.app.settings
    return CaptchaNeeded(captcha=Widget(settings.captcha, settings.captcha_site_key))
