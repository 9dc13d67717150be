"""Sign-in to the console with an OpenID Connect provider."""

from __future__ import annotations

from urllib.parse import parse_qsl

from quart import Quart, Response

from app.accounts import oidc, oidc_provider
from app.accounts.oidc import Rules
from app.accounts.oidc_provider import Client
from app.core.accounts.oidc import roles_of_groups
from app.core.errors import CredentialInvalid, NotFound, RoleRequired
from app.web.console.frame import sign_in_form
from app.web.console.signing_in import begin_step, end_step, sign_in_as, step_of, where_to
from app.web.http.routes import Request
from app.web.pages.entry import add_page
from app.web.pages.form_fields import redirect_to

START, BACK = "/admin/sign-in/oidc", "/admin/sign-in/oidc/back"
FIELDS_MAX = 20


async def to_provider(request: Request) -> Response:
    """Redirect the browser to the provider. This is a link, not a form: our form-action policy allows only
    our own pages as targets."""
    client = _client(request)
    await request.app.throttles.reset(request.client)
    to = where_to(_query(request))
    try:
        address, details = await oidc_provider.begin(client, f"{request.origin()}{BACK}")
    except CredentialInvalid as refusal:
        return sign_in_form(to, refusal.detail, refusal.status)
    return await begin_step(request, redirect_to(address), "oidc", None, {**details, "to": to})


async def from_provider(request: Request) -> Response:
    """Sign in the user whom the provider sent back."""
    client, settings = _client(request), request.app.settings
    await request.app.throttles.reset(request.client)
    step = await step_of(request, "oidc")
    if step is None or not await end_step(request):
        return sign_in_form("/admin", "That took too long: try again.", CredentialInvalid.status)
    rules = Rules(settings.oidc_domains, roles_of_groups(settings.oidc_roles), settings.oidc_create)
    try:
        identity = await oidc_provider.finish(client, f"{request.origin()}{BACK}", step.data, _query(request))
        stores, passwords = request.app.stores, request.app.passwords
        account = await oidc.account_of(stores, passwords, identity, rules, request_id=request.request_id)
        return await sign_in_as(request, account, step.data["to"], "")
    except (CredentialInvalid, RoleRequired) as refusal:
        return sign_in_form(step.data["to"], refusal.detail, refusal.status)


def _client(request: Request) -> Client:
    """Our client at the provider. Raises NotFound if none is configured."""
    settings = request.app.settings
    if not settings.oidc_issuer:
        raise NotFound
    secret = settings.oidc_client_secret.get_secret_value()
    return Client(settings.oidc_issuer, settings.oidc_client_id, secret, settings.oidc_groups_claim)


def _query(request: Request) -> dict[str, str]:
    try:
        return dict(parse_qsl(request.query.decode("ascii"), max_num_fields=FIELDS_MAX))
    except ValueError:
        return {}


def register_oidc(app: Quart) -> None:
    """Add the redirect to the provider, and its callback."""
    add_page(app, START, "console_to_provider", to_provider)
    add_page(app, BACK, "console_from_provider", from_provider)
