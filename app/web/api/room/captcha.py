"""The captcha in a newcomer's join, in rooms that require one."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.core.errors import CaptchaNeeded
from app.core.formats import VISIBLE
from app.core.model import RoomId
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.proof_of_work import ValidProof
from app.core.waiting_room.captcha import RESPONSE_MAX, Captcha, Widget
from app.store.away import stores_answer
from app.web.http.routes import Request

CaptchaResponse = Annotated[str, Meta(min_length=1, max_length=RESPONSE_MAX, pattern=VISIBLE)]


async def captcha_of(
    request: Request, response: str | None, claims: PlaceClaims | None, solved: ValidProof | None
) -> Captcha:
    """Whether they solved it. The provider is only asked if that decides something: a response can be used
    once, so if a required proof of work is missing it is kept for the next join."""
    app = request.app
    if response is None or (claims is not None and claims.epoch >= 0):
        return "missing"
    with stores_answer():
        room = await app.queues.loaded_rooms.get(RoomId(request.params["room_id"]))
    settings = room.settings
    if not (app.queues.captcha and settings.captcha) or (settings.proof_of_work and solved is None):
        return "missing"
    return await app.captchas.verify(app.settings, response, request.client)


def with_widget(request: Request) -> CaptchaNeeded:
    """The refusal, with the widget to show."""
    settings = request.app.settings
    return CaptchaNeeded(captcha=Widget(settings.captcha, settings.captcha_site_key))
