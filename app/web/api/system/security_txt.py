"""Where to report a vulnerability: `/.well-known/security.txt` (RFC 9116), from FAIRGATE_SECURITY_CONTACT."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from quart import Quart, Response, current_app

from app.core.errors import NotFound
from app.web.http.dispatch import refuse
from app.web.http.quart_adapter import quart_response
from app.web.http.routes import App

GOOD_FOR = timedelta(days=180)  # the RFC recommends a year at most


def register_security_txt(quart: Quart) -> None:
    """Register the file's route."""
    quart.add_url_rule("/.well-known/security.txt", "security_txt", security_txt)


async def security_txt() -> Response:
    """The file; 404 if no contact is configured."""
    app: App = current_app.extensions["fairgate"]
    contact = app.settings.security_contact
    if not contact:
        return quart_response(refuse(NotFound("FAIRGATE_SECURITY_CONTACT is not set.")))
    expires = (datetime.now(UTC) + GOOD_FOR).strftime("%Y-%m-%dT00:00:00Z")
    return Response(f"Contact: {contact}\nExpires: {expires}\n", content_type="text/plain; charset=utf-8")
