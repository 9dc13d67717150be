"""The captcha widget on the queue page, loaded only by newcomers of rooms that require one."""

from __future__ import annotations

from quart import Response

from app.core.waiting_room.captcha import PROVIDERS, extended
from app.web.http.routes import Request
from app.web.pages.render import CONTENT_SECURITY_POLICY, FRAMED
from app.web.pages.room.queue_document import QueueView

POLICY = "Content-Security-Policy"


def script_for(request: Request, view: QueueView) -> str:
    """The address of the provider's script; "" if nothing has to be solved."""
    provider = PROVIDERS.get(request.app.settings.captcha)
    is_needed = view.room.settings.captcha and view.place is None and not view.member
    return provider.script if provider and is_needed else ""


def allow_widget(request: Request, response: Response) -> None:
    """Extend the page's CSP to the provider of the widget, and let it see our origin as the referrer."""
    settings = request.app.settings
    policy = FRAMED[POLICY] if settings.demo else CONTENT_SECURITY_POLICY
    response.headers[POLICY] = extended(policy, PROVIDERS[settings.captcha])
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
