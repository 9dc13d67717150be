"""The e-mail address and language of a visitor, from their request."""

from __future__ import annotations

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from app import i18n
from app.core.account import Account
from app.core.model import Place, RoomId, VisitorId
from app.notifications import addresses
from app.store.sql.notifications.mailboxes import NewMailbox
from app.web.http.client_ip import throttle_key
from app.web.http.credentials import (
    PLACE_PREFIX,
    bearer,
)
from app.web.http.routes import Request


async def mail_locale(request: Request, room_id: RoomId, requested: str = "") -> str:
    """The requested language, else that of the visitor's page: the room's, or the browser's."""
    room = await request.app.queues.loaded_rooms.get(room_id)
    return i18n.choose([requested, room.settings.locale, *_accepted(request)])


def browser_locale(request: Request) -> str:
    """The browser's language."""
    return i18n.choose(_accepted(request))


def _accepted(request: Request) -> list[str]:
    accepted = parse_accept_header(request.header(b"accept-language") or "", LanguageAccept)
    return [tag for tag, share in accepted if share > 0]


async def keep_mailbox(
    request: Request, email: str | None, locale: str, room_id: RoomId, place: Place
) -> None:
    """Store where to send the visitor's e-mails: to the address given, or to their account's."""
    token = bearer(request)
    account = await request.app.keyring.read(token) if token and not token.startswith(PLACE_PREFIX) else None
    stores, locale = request.app.stores, await mail_locale(request, room_id, locale)
    if email is not None:
        guest = account is None
        await addresses.save(stores, new_mailbox(request, place.visitor_id, email, locale, guest=guest))
    elif isinstance(account, Account):
        new = new_mailbox(request, place.visitor_id, "", locale, guest=False)
        await addresses.keep_of_account(stores, request.app.traces, new._replace(account_id=account.subject))


def new_mailbox(
    request: Request, visitor_id: VisitorId, email: str, locale: str, *, guest: bool
) -> NewMailbox:
    """The address given in this request by a visitor of the room; "": their account's."""
    traces = request.app.traces
    return NewMailbox(
        *(request.params["room_id"], visitor_id, email, locale, guest),
        recipient=traces.recipient(email) if email else b"",
        client=traces.client(throttle_key(request.client)),
    )
