"""Pages about e-mail: leave an address, confirm it."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec
from quart import Response

from app.core.errors import (
    PlaceNotFound,
    StoreUnavailable,
    ValidationFailed,
)
from app.core.model import RoomId
from app.core.notifications.email import mailbox
from app.core.text import typed
from app.notifications import addresses
from app.waiting_room import queue
from app.web.api.mailbox import mail_locale, new_mailbox
from app.web.api.room.identity import ask_to_join, come_by_email
from app.web.http.cookies import cookies
from app.web.http.routes import Request
from app.web.pages.documents import MailboxView
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond
from app.web.pages.room.forms import ask_for_cookie
from app.web.pages.visitors import visitor_of

MAILBOX_COOKIE = "fairgate_mail_"  # + room_id: set once an address was left on the page
MAILBOX_COOKIE_S = 30 * 86_400


class ConfirmPage(msgspec.Struct, frozen=True):
    """The button that confirms an address; without a token, the link is no longer valid."""

    token: str = ""
    email: str = ""
    confirmed: bool = False
    to_join: bool = False


async def leave_email(request: Request) -> Response:
    """Store the address of a waiting visitor; an empty one removes it."""
    room_id, form = RoomId(request.params["room_id"]), await read_form()
    claims, back = visitor_of(request, room_id), redirect_to(f"/rooms/{request.params['room_id']}")
    room = (await request.app.status_board.current(room_id)).room
    if claims is None:
        return ask_for_cookie(request) if room.settings.identity == "email" else back
    text = form.get("email", "").strip()
    if not text:
        await addresses.forget(request.app.stores, room_id, claims.visitor_id)
        return back
    try:
        email = mailbox(text)
        await queue.place(request.app.queues, room_id, claims)  # throttles, and checks that the place exists
    except ValidationFailed:
        return back
    except PlaceNotFound:
        if room.settings.identity != "email":
            return back
        await ask_to_join(request, room, claims.visitor_id, email, "")
    else:
        locale = await mail_locale(request, room_id)
        await addresses.save(
            request.app.stores, new_mailbox(request, claims.visitor_id, email, locale, guest=True)
        )
    remember_mailbox(back, request, room_id)
    return back


def remember_mailbox(response: Response, request: Request, room_id: RoomId) -> None:
    """Set a cookie that makes the page look up the address. Without it, pages cost no query."""
    response.set_cookie(
        MAILBOX_COOKIE + room_id,
        "1",
        max_age=MAILBOX_COOKIE_S,
        path=f"/rooms/{room_id}",
        samesite="Lax",
        secure=request.is_secure(),
        httponly=True,
    )


async def mailbox_of(request: Request, room_id: RoomId) -> MailboxView | None:
    """The address a visitor left on this page; None also while PostgreSQL is unavailable."""
    claims = visitor_of(request, room_id)
    if claims is None or not cookies(request, MAILBOX_COOKIE + room_id).get(""):
        return None
    try:
        mailbox = await addresses.of_visitor(request.app.stores, room_id, claims.visitor_id)
    except StoreUnavailable:
        return None
    word = dict(parse_qsl(request.query.decode("latin-1"))).get("code")
    wrong, elsewhere = word == "wrong", word == "elsewhere"
    return MailboxView(*mailbox, wrong_code=wrong, elsewhere=elsewhere) if mailbox else None


async def confirm_by_code(request: Request) -> Response:
    """Check the six digits entered on the page where the visitor waits."""
    room_id, form = RoomId(request.params["room_id"]), await read_form()
    claims, back = visitor_of(request, room_id), f"/rooms/{request.params['room_id']}"
    if claims is None:
        return redirect_to(back)
    room = (await request.app.status_board.current(room_id)).room
    try:
        if room.settings.identity == "email":
            await request.app.throttles.identity(request.client)
        else:
            await queue.place(request.app.queues, room_id, claims)  # throttles
        code = typed.ticket_code(form.get("code", ""))[:20]
        await addresses.confirm_by_code(request.app.stores, room_id, claims.visitor_id, code)
    except (ValidationFailed, PlaceNotFound):
        return redirect_to(f"{back}?code=wrong")
    outcome = await come_by_email(request, room, claims.visitor_id, moves=True)
    return redirect_to(back if outcome else f"{back}?code=elsewhere")


async def confirm_page(request: Request) -> Response:
    """Show the button that confirms an address. A GET must not confirm, because mail scanners follow
    links."""
    address = await addresses.of_link(request.app.stores, request.params["confirm_token"])
    if address is None:
        return respond("confirm_email.html", ConfirmPage(), 404)
    document = ConfirmPage(request.params["confirm_token"], *address)
    return respond("confirm_email.html", document)


async def confirm(request: Request) -> Response:
    """Confirm the address, in whichever browser the e-mail was opened.

    A place of the address stays where it is: only the code moves it, since anybody can trigger our e-mail.
    """
    visitor = await addresses.confirm(request.app.stores, request.params["confirm_token"])
    if visitor is not None:
        room = await request.app.queues.loaded_rooms.get(visitor[0])
        await come_by_email(request, room, visitor[1], moves=False)
    return redirect_to(f"/confirm/{request.params['confirm_token']}")
