"""Choosing a new password with a link from an e-mail."""

from __future__ import annotations

import asyncio
from typing import Annotated

from msgspec import Meta

from app.accounts import password_resets
from app.core.accounts.password_resets import ResetSigner
from app.core.catalogue.definitions import Password
from app.core.errors import BacklogFull, Conflict, CredentialInvalid, RateLimited, StoreUnavailable
from app.core.formats import Email
from app.core.model import Struct
from app.web.api.mailbox import browser_locale
from app.web.http.client_ip import throttle_key
from app.web.http.routes import Request, Response, empty, endpoint

TAG = "Accounts"
ANSWER_AFTER_S = 0.25  # the same for every address, whatever there was to do
NO_MAIL = "This installation sends no e-mail. Ask another admin, or whoever runs it, for a new password."


class ResetAsked(Struct, frozen=True):
    """The e-mail of the account whose password was forgotten."""

    email: Email


class Reset(Struct, frozen=True):
    """The link's token, and the new password."""

    token: Annotated[str, Meta(max_length=password_resets.TOKEN_MAX)]
    new_password: Password


@endpoint(
    "POST",
    "/v1/users/password-reset",
    tag=TAG,
    body=ResetAsked,
    answers={204: None},
    errors=(Conflict, RateLimited, StoreUnavailable),
)
async def ask_for_reset(request: Request, body: ResetAsked) -> Response:
    """Request an e-mail with a link to choose a new password.

    The response is the same whether or not an account has this e-mail. The link is valid once, for 30
    minutes; an address gets at most three a day.
    """
    await send_link(request, body.email)
    return empty()


@endpoint(
    "POST",
    "/v1/users/password-reset/confirm",
    tag=TAG,
    body=Reset,
    answers={204: None},
    errors=(CredentialInvalid, RateLimited, BacklogFull, StoreUnavailable),
)
async def reset_password(request: Request, body: Reset) -> Response:
    """Choose a new password with the link from the e-mail. Ends all sign-ins and access tokens."""
    await apply_reset(request, body)
    return empty()


async def send_link(request: Request, email: str) -> None:
    """E-mail a link, if there is an account.

    Raises Conflict, RateLimited, ValidationFailed, StoreUnavailable.
    """
    app, loop = request.app, asyncio.get_running_loop()
    answer_at = loop.time() + ANSWER_AFTER_S
    if not app.settings.mails_links:
        raise Conflict(NO_MAIL)
    await app.throttles.reset(request.client)
    network, locale = throttle_key(request.client), browser_locale(request)
    signer = ResetSigner(app.settings.secret.get_secret_value().encode())
    await password_resets.request_link(app.stores, signer, app.traces, email, network=network, locale=locale)
    await asyncio.sleep(max(0.0, answer_at - loop.time()))


async def apply_reset(request: Request, body: Reset) -> None:
    """Change the password. Raises RateLimited, and as `resets.reset`."""
    app = request.app
    await app.throttles.reset(request.client)
    await password_resets.reset(app.stores, app.passwords, body.token, body.new_password, request.request_id)
