"""The page of a fan's account: sign in with an e-mailed code or a passkey, and manage passkeys.

A sign-in lasts a quarter of an hour, as a secret in a cookie. Only passkeys need JavaScript.
"""

from __future__ import annotations

import re
import time

import msgspec
from quart import Response

from app.accounts import fans, passkeys
from app.accounts.passkeys import Ceremony
from app.core.accounts.fans import CHALLENGE_S, Challenge
from app.core.clock import to_ms
from app.core.errors import Conflict, CredentialInvalid, ValidationFailed
from app.core.formats import SLUG
from app.core.text import typed
from app.store.sql.accounts.fans import CODE_S, Fan, Step
from app.web.api.mailbox import browser_locale
from app.web.http.bodies import read_query
from app.web.http.client_ip import throttle_key
from app.web.http.cookies import cookie, cookies
from app.web.http.origins import names_its_page
from app.web.http.routes import Request
from app.web.pages.entry import foreign_form
from app.web.pages.form_fields import read_form, redirect_to
from app.web.pages.render import respond
from app.web.pages.visitors import add_cookie

PAGE = "/passkey"
STEP_COOKIE, CHALLENGE_COOKIE = "fairgate_fan", "fairgate_fan_challenge"
WORDS = ("wrong", "unsent", "address", "failed", "deleted")


class AccountQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The room that the reader came from, and what went wrong."""

    room: str = ""
    said: str = ""


class AccountPage(msgspec.Struct, frozen=True):
    """The forms for the current state: nothing proven yet, waiting for a code, or signed in."""

    state: str  # ask, code, account
    room: str = ""
    message: str = ""  # a key of `WORDS`
    email: str = ""
    has_account: bool = False
    passkeys: list[tuple[str, int]] = []  # ids, and when each was created

    @property
    def query(self) -> str:
        """The query to append to the addresses of forms."""
        return f"?room={self.room}" if self.room else ""


async def account_page(request: Request) -> Response:
    """Show the next step."""
    query, step = _query(request), await _step(request)
    if step is None:
        return respond("passkey.html", AccountPage("ask", query.room, query.said))
    if not step.confirmed:
        return respond("passkey.html", AccountPage("code", query.room, query.said, step.email))
    fan, passkeys_of_fan = await fans.account(request.app.stores, step.email)
    created = [(it.passkey_id, to_ms(it.created_at)) for it in passkeys_of_fan]
    document = AccountPage("account", query.room, query.said, step.email, fan is not None, created)
    return respond("passkey.html", document)


async def send_fan_code(request: Request) -> Response:
    """E-mail a code. The response does not reveal whether the account exists."""
    app, form = request.app, await read_form()
    await app.throttles.identity(request.client)
    network, locale = throttle_key(request.client), browser_locale(request)
    email = form.get("email", "").strip()[:254]
    try:
        secret = await fans.send_code(app.stores, app.traces, email, network=network, locale=locale)
    except ValidationFailed:
        return _back(request, "address")
    return _with_step(request, _back(request, "" if secret else "unsent"), secret, CODE_S)


async def enter_fan_code(request: Request) -> Response:
    """Check the code from the e-mail."""
    digits = typed.ticket_code((await read_form()).get("code", ""))[:20]
    await request.app.throttles.identity(request.client)
    good = await fans.confirm(request.app.stores, request.app.fans, _secret(request), digits)
    return _back(request, "" if good else "wrong")


async def ask_new_fan_passkey(request: Request) -> Response:
    """Return the browser's options for creating a passkey, as JSON."""
    step = await _step(request)
    if not names_its_page(request) or step is None or not step.confirmed:
        return foreign_form(request)
    ceremony, fan_id = await fans.begin_new(request.app.stores, request.origin(), step.email)
    return _ceremony_response(request, ceremony, Challenge("new", ceremony.challenge, fan_id))


async def add_fan_passkey(request: Request) -> Response:
    """Store the new passkey."""
    step, challenge = await _step(request), challenge_of(request, "new")
    if step is None or not step.confirmed or challenge is None:
        return _back(request, "failed")
    sent = (await read_form()).get("credential", "")
    try:
        await fans.add(request.app.stores, request.origin(), step.email, challenge[1:], sent)
    except (CredentialInvalid, Conflict):
        return _back(request, "failed")
    return _back(request)


async def ask_fan_passkey(request: Request) -> Response:
    """Return the browser's options for using any passkey it has for us, as JSON."""
    if not names_its_page(request):
        return foreign_form(request)
    ceremony = passkeys.begin_sign_in(request.origin())
    return _ceremony_response(request, ceremony, Challenge("sign_in", ceremony.challenge, ""))


async def use_fan_passkey(request: Request) -> Response:
    """Sign in with a passkey."""
    try:
        fan = await verified_fan(request)
    except CredentialInvalid:
        return _back(request, "failed")
    return _with_step(request, _back(request), await fans.sign_in(request.app.stores, fan), CODE_S)


async def remove_fan_passkey(request: Request) -> Response:
    """Remove a passkey."""
    step, passkey_id = await _step(request), (await read_form()).get("passkey_id", "")
    if step is not None and step.confirmed and re.fullmatch(r"[0-9a-f-]{36}", passkey_id):
        await fans.remove(request.app.stores, step.email, passkey_id)
    return _back(request)


async def delete_fan(request: Request) -> Response:
    """Delete the account, with its passkeys."""
    step = await _step(request)
    if step is None or not step.confirmed:
        return _back(request)
    await fans.delete(request.app.stores, step.email)
    await fans.sign_out(request.app.stores, _secret(request))
    return _with_step(request, _back(request, "deleted"), "", 0)


async def leave_fan_account(request: Request) -> Response:
    """Sign this browser out."""
    await fans.sign_out(request.app.stores, _secret(request))
    return _with_step(request, _back(request), "", 0)


async def verified_fan(request: Request) -> Fan:
    """The fan whose passkey answers this browser's challenge. Raises CredentialInvalid."""
    await request.app.throttles.identity(request.client)
    challenge = challenge_of(request, "sign_in")
    if challenge is None:
        raise CredentialInvalid("That took too long: try again.")
    sent = (await read_form()).get("credential", "")
    return await fans.verified_fan(request.app.stores, request.origin(), challenge.challenge, sent)


def challenge_of(request: Request, purpose: str) -> Challenge | None:
    """This browser's challenge, if it has one for this purpose."""
    token = cookies(request, CHALLENGE_COOKIE).get("", "")
    return request.app.fans.read_challenge(token, purpose, int(time.time()))


async def _step(request: Request) -> Step | None:
    return await fans.step_of(request.app.stores, _secret(request))


def _secret(request: Request) -> str:
    return cookies(request, STEP_COOKIE).get("", "")


def _query(request: Request) -> AccountQuery:
    query = read_query(request, AccountQuery)
    room = query.room if re.fullmatch(SLUG, query.room) else ""
    return AccountQuery(room, query.said if query.said in WORDS else "")


def _back(request: Request, word: str = "") -> Response:
    room = _query(request).room
    query = "&".join(f"{name}={value}" for name, value in (("room", room), ("said", word)) if value)
    return redirect_to(f"{PAGE}?{query}" if query else PAGE)


def _ceremony_response(request: Request, ceremony: Ceremony, challenge: Challenge) -> Response:
    response = Response(
        ceremony.options, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
    token = request.app.fans.challenge(challenge, int(time.time()))
    add_cookie(response, cookie(request, CHALLENGE_COOKIE, token, CHALLENGE_S))
    return response


def _with_step(request: Request, response: Response, secret: str, max_age_s: int) -> Response:
    add_cookie(response, cookie(request, STEP_COOKIE, secret, max_age_s if secret else 0))
    return response
