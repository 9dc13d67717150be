"""What all ways to sign in share: the intermediate steps of a browser, and the final sign-in."""

from __future__ import annotations

import re

import msgspec
from quart import Response

from app.accounts import console_sessions, sale_rights, second_factor
from app.accounts.second_factor import StepKind
from app.core.account import Account, RegisteredAccount
from app.core.accounts.second_factor import FactorKeys
from app.core.errors import RoleRequired
from app.store.sql.accounts.passkeys import Step
from app.web.api.access.devices import device_cookie
from app.web.console.staff import signed_in, with_cookie
from app.web.http.cookies import cookie_name, cookies
from app.web.http.credentials import STAFF
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.visitors import add_cookie

STEP_COOKIE = "fairgate_signing_in"
OURS = re.compile(r"/admin(/[\w-]+)*(\?[\w=&%.+-]*)?(#[\w-]+)?")
NO_STAFF = "The role operator or admin is needed here, or rights in a sale."


class CodePage(msgspec.Struct, frozen=True):
    """The form that asks for a code of the second factor."""

    problem: str = ""


def factor_keys(request: Request) -> FactorKeys:
    """The keys that encrypt second factors."""
    return FactorKeys(request.app.settings.secret.get_secret_value().encode())


def where_to(form: dict[str, str]) -> str:
    """The page of ours to continue with."""
    to = form.get("to", "")
    return to if OURS.fullmatch(to) else "/admin"


async def begin_step(
    request: Request, response: Response, kind: StepKind, account_id: str | None, details: dict[str, str]
) -> Response:
    """Set the cookie of a browser that is between two steps. Raises Conflict."""
    secret = await second_factor.remember_step(request.app.stores, kind, account_id, details)
    return _with_step(request, response, secret)


async def step_of(request: Request, kind: StepKind) -> Step | None:
    """Find the step this browser is at; None if there is none, or it has expired."""
    secret = cookies(request, STEP_COOKIE).get("")
    return await second_factor.find_step(request.app.stores, kind, secret) if secret else None


async def end_step(request: Request) -> bool:
    """End the step; False if a concurrent request already did."""
    secret = cookies(request, STEP_COOKIE).get("")
    return await second_factor.end_step(request.app.stores, secret) if secret else False


async def check_staff(request: Request, registered: RegisteredAccount) -> Account:
    """The account to sign in. Raises RoleRequired if it has no access to the console."""
    account = Account(subject=registered.account_id, role=registered.role)
    if STAFF[registered.role] < STAFF["operator"] and not await sale_rights.grants_of(
        request.app.stores, account
    ):
        raise RoleRequired(NO_STAFF)
    return account


async def sign_in_as(request: Request, registered: RegisteredAccount, to: str, zone: str) -> Response:
    """Sign the browser in and continue. Raises RoleRequired."""
    account = await check_staff(request, registered)
    stores = request.app.stores
    if (before := await signed_in(request)) is not None:  # replaces the browser's session
        await console_sessions.end(stores, before.subject, before.sign_in_id)
    agent = request.header(b"user-agent") or ""
    secret = await console_sessions.begin(stores, account, address=request.client, agent=agent, zone=zone)
    response = with_cookie(redirect_to(to), request, secret)
    add_cookie(response, device_cookie(request, registered.account_id))
    return _with_step(request, response, "")


def _with_step(request: Request, response: Response, secret: str) -> Response:
    name, secure = cookie_name(request, STEP_COOKIE), request.is_secure()
    response.set_cookie(
        name,
        secret,
        max_age=second_factor.STEP_S if secret else 0,
        path="/" if secure else "/admin",
        httponly=True,
        samesite="Lax",  # sent when an identity provider redirects back
        secure=secure,
    )
    return response
