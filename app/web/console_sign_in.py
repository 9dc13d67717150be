"""Signing in to the console and out of it.

Staff sign in with e-mail and password (`fairgate admin create`) or with an access token (`fairgate token`).
"""

from __future__ import annotations

import re

import msgspec
from quart import Quart, Response

from app.core.errors import CredentialInvalid
from app.web.accounts import LoginBody, access_token
from app.web.console import sign_in_form
from app.web.console_staff import COOKIE_S, NOT_STAFF, read_staff, with_cookie
from app.web.http import Request
from app.web.page_entry import foreign_form, names_its_page, page
from app.web.page_forms import read_form, see

OURS = re.compile(r"/admin(/[\w-]+)*(\?[\w=&%.+-]*)?")


async def sign_in(request: Request) -> Response:
    """Take e-mail and password of staff, or an access token."""
    if not names_its_page(request):
        return foreign_form(request)
    form = await read_form()
    to = form.get("to", "")
    to = to if OURS.fullmatch(to) else "/admin"
    try:
        token = form.get("token", "").strip() or await _logged_in(request, form)
        await read_staff(request, token)
    except NOT_STAFF as refusal:
        return sign_in_form(to, refusal.detail, refusal.status)
    return with_cookie(see(to), request, token, COOKIE_S)


async def sign_out(request: Request) -> Response:
    """Forget who this is."""
    if not names_its_page(request):
        return foreign_form(request)
    return with_cookie(see("/admin"), request, "", 0)


async def _logged_in(request: Request, form: dict[str, str]) -> str:
    """The access token for the e-mail and the password in the form. Raises CredentialInvalid, RateLimited."""
    sent = {name: form.get(name, "") for name in ("email", "password")}
    try:
        login = msgspec.convert(sent, LoginBody)
    except msgspec.ValidationError:
        raise CredentialInvalid("The e-mail or the password is wrong.") from None
    token, _ = await access_token(request, login)
    return token


def register_sign_in(app: Quart) -> None:
    """Add both forms: the only ones of the console for whoever is not signed in."""
    for path, form in {"/admin/sign-in": sign_in, "/admin/sign-out": sign_out}.items():
        app.add_url_rule(path, f"console_{form.__name__}", page(form), methods=["POST"])
