"""The console at `/admin`, in its plain first form: the rooms with their live numbers, and their controls.

Staff sign in with e-mail and password (`fairgate admin create`) or with an access token (`fairgate token`).
The token is kept in a cookie that only `/admin` is sent, HttpOnly and SameSite=Strict; forms are protected as
all forms are (`page_entry.py`).
"""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Quart, Response

from app import accounts, room_control, waiting_room
from app.core.errors import (
    BookingTokenExpired,
    Conflict,
    CredentialInvalid,
    NotFound,
    RoleRequired,
    ValidationFailed,
)
from app.core.model import Account, Room, RoomId, RoomStatus
from app.core.rules import RoomAction
from app.web.accounts import LoginBody, access_token
from app.web.credentials import STAFF, author, cookies
from app.web.http import Request
from app.web.page_entry import page
from app.web.page_forms import read_form, see
from app.web.page_render import respond

COOKIE = "fairgate_staff"
COOKIE_S = 12 * 3600  # as long as an access token lives
STEPS: tuple[RoomAction, ...] = ("open", "pause", "resume", "close")
NUMBERS = ("admission_rate_per_minute", "active_visitors_max")
NOT_STAFF = (CredentialInvalid, BookingTokenExpired, RoleRequired)


class SignInPage(msgspec.Struct, frozen=True):
    """The sign-in form; `problem` says why nobody was signed in."""

    problem: str = ""


class RoomsPage(msgspec.Struct, frozen=True):
    """All rooms."""

    account: Account
    who: str
    rooms: list[tuple[Room, RoomStatus]]


class RoomPage(msgspec.Struct, frozen=True):
    """One room: its live numbers and its controls."""

    account: Account
    who: str
    room: Room
    status: RoomStatus
    problem: str = ""


async def rooms(request: Request) -> Response:
    """The rooms, or the way in."""
    account = await staff(request)
    if account is None:
        return respond("console/sign_in.html", SignInPage())
    found = await waiting_room.rooms(request.app.line, public_only=False)
    return respond("console/rooms.html", RoomsPage(account, await who(request, account), found))


async def sign_in(request: Request) -> Response:
    """Take e-mail and password of staff, or an access token."""
    form = await read_form()
    try:
        token = form.get("token", "").strip() or await _logged_in(request, form)
        await _read_staff(request, token)
    except NOT_STAFF as refusal:
        return respond("console/sign_in.html", SignInPage(refusal.detail), refusal.status)
    return _with_cookie(see("/admin"), request, token, COOKIE_S)


async def sign_out(request: Request) -> Response:
    """Forget who this is."""
    return _with_cookie(see("/admin"), request, "", 0)


async def room(request: Request) -> Response:
    """One room."""
    account = await staff(request)
    return see("/admin") if account is None else await _room(request, account)


async def step(request: Request) -> Response:
    """Open, pause, resume or close."""
    account, form = await staff(request), await read_form()
    if account is None:
        return see("/admin")
    asked = next((it for it in STEPS if it == form.get("step")), None)
    if asked is None:
        return await _room(request, account, "There is no such step.", ValidationFailed.status)
    room_id, by = RoomId(request.params["room_id"]), author(request, account)
    try:
        await room_control.set_state(request.app.line, room_id, asked, by=by)
    except Conflict as refusal:
        return await _room(request, account, refusal.detail, refusal.status)
    return see(f"/admin/rooms/{room_id}")


async def settings(request: Request) -> Response:
    """Change the rate, the cap and the message."""
    account, form = await staff(request), await read_form()
    if account is None:
        return see("/admin")
    patch: dict[str, Any] = {name: _number(form[name]) for name in NUMBERS if name in form}
    if "message" in form:
        patch["message"] = form["message"].replace("\r\n", "\n")
    room_id, by = RoomId(request.params["room_id"]), author(request, account)
    try:
        await room_control.configure(request.app.line, room_id, patch, by=by)
    except ValidationFailed as refusal:
        return await _room(request, account, refusal.detail, refusal.status)
    return see(f"/admin/rooms/{room_id}")


async def _room(request: Request, account: Account, problem: str = "", status: int = 200) -> Response:
    found, live = await waiting_room.status(request.app.line, RoomId(request.params["room_id"]))
    shown = RoomPage(account, await who(request, account), found, live, problem)
    return respond("console/room.html", shown, status)


async def staff(request: Request) -> Account | None:
    """The account that is signed in; nobody when the token has run out meanwhile. Raises RateLimited."""
    token = cookies(request, COOKIE).get("")
    if not token:
        return None
    try:
        account = await _read_staff(request, token)
    except NOT_STAFF:
        return None
    await request.app.throttles.account(account)
    return account


async def who(request: Request, account: Account) -> str:
    """The name of whoever is signed in; of a token without an account its subject."""
    try:
        return (await accounts.account(request.app.stores, account.subject)).name
    except NotFound:
        return account.subject


async def _logged_in(request: Request, form: dict[str, str]) -> str:
    """The access token for the e-mail and the password in the form. Raises CredentialInvalid, RateLimited."""
    sent = {name: form.get(name, "") for name in ("email", "password")}
    try:
        login = msgspec.convert(sent, LoginBody)
    except msgspec.ValidationError:
        raise CredentialInvalid("The e-mail or the password is wrong.") from None
    token, _ = await access_token(request, login)
    return token


async def _read_staff(request: Request, token: str) -> Account:
    found = await request.app.keyring.read(token)
    if not isinstance(found, Account):
        raise CredentialInvalid("This is a booking token; an access token is needed here.")
    if STAFF[found.role] < STAFF["operator"]:
        raise RoleRequired("The role operator or admin is needed here.")
    return found


def _number(text: str) -> int | str | None:
    """A setting's number; empty is none, and anything else is left to the settings to refuse by name."""
    text = text.strip()
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else text


def _with_cookie(response: Response, request: Request, token: str, max_age_s: int) -> Response:
    response.set_cookie(
        COOKIE,
        token,
        max_age=max_age_s,
        path="/admin",
        httponly=True,
        samesite="Strict",
        secure=request.is_secure(),
    )
    return response


PAGES = {"/admin": rooms, "/admin/rooms/<room_id>": room}
FORMS = {
    "/admin/sign-in": sign_in,
    "/admin/sign-out": sign_out,
    "/admin/rooms/<room_id>/state": step,
    "/admin/rooms/<room_id>/settings": settings,
}


def register_console(app: Quart) -> None:
    """Add the console's pages and forms."""
    for path, view in PAGES.items():
        app.add_url_rule(path, f"console_{view.__name__}", page(view), methods=["GET"])
    for path, form in FORMS.items():
        app.add_url_rule(path, f"console_form_{form.__name__}", page(form), methods=["POST"])
