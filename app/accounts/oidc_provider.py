"""Authenticates users at an OpenID Connect provider: authorization code flow with PKCE, state and nonce.

HTTPX, and joserfc and Authlib, which verify signatures and claims, are imported on use because few processes
sign users in this way.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from app.core.accounts.oidc import Identity
from app.core.errors import CredentialInvalid

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 5.0
ANSWER_MAX = 512 * 1024
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # never HS256, and never none
LEEWAY_S = 60
SCOPE = "openid email profile"
AWAY = "The provider is not responding correctly. Try again, or sign in with your password."
REFUSED = "The provider did not sign you in."


class Client(NamedTuple):
    """Our registration at a provider. `groups`: the claim that lists a user's groups."""

    issuer: str
    client_id: str
    secret: str
    groups: str


class _Metadata(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


async def begin(client: Client, redirect_uri: str) -> tuple[str, dict[str, str]]:
    """Start a sign-in. Returns the URL to send the browser to, and the secrets to keep for `finish`.

    Raises CredentialInvalid.
    """
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    async with _http() as http:
        metadata = await _metadata(http, client)
    secrets_sent = {it: secrets.token_urlsafe(32) for it in ("state", "nonce", "verifier")}
    params = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": SCOPE if client.groups != "groups" else f"{SCOPE} groups",
        "state": secrets_sent["state"],
        "nonce": secrets_sent["nonce"],
        "code_challenge": str(create_s256_code_challenge(secrets_sent["verifier"])),
        "code_challenge_method": "S256",
    }
    joined = "&" if "?" in metadata.authorization_endpoint else "?"
    return f"{metadata.authorization_endpoint}{joined}{urlencode(params)}", secrets_sent


async def finish(
    client: Client, redirect_uri: str, secrets_sent: Mapping[str, str], answer: Mapping[str, str]
) -> Identity:
    """Complete a sign-in with the provider's redirect parameters (`answer`). Raises CredentialInvalid."""
    import httpx

    if not hmac.compare_digest(answer.get("state", "").encode(), secrets_sent["state"].encode()):
        raise CredentialInvalid(REFUSED)
    if answer.get("iss", client.issuer) != client.issuer or not answer.get("code"):  # RFC 9207
        raise CredentialInvalid(REFUSED)
    sent = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": redirect_uri}
    sent |= {"code_verifier": secrets_sent["verifier"], "client_id": client.client_id}
    async with _http() as http:
        metadata = await _metadata(http, client)
        auth = httpx.BasicAuth(client.client_id, client.secret) if client.secret else None
        tokens = await _json(http, "POST", metadata.token_endpoint, _Tokens, data=sent, auth=auth)
        keys = await _json(http, "GET", metadata.jwks_uri, dict[str, Any])
    return _identity(client, tokens.id_token, keys, secrets_sent["nonce"])


def _identity(client: Client, id_token: str, keys: dict[str, Any], nonce: str) -> Identity:
    """The user that an id_token names, after checking its signature, issuer, audience, times and nonce."""
    from authlib.common.errors import AuthlibBaseError
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    options: dict[str, Any] = {
        "iss": {"essential": True, "value": client.issuer},
        "aud": {"essential": True, "value": client.client_id},
    }
    try:
        token = jwt.decode(id_token, KeySet.import_key_set(_usable(keys)), algorithms=ALGORITHMS)
        params = {"nonce": nonce, "client_id": client.client_id}
        claims = CodeIDToken(token.claims, token.header, options, params)
        claims.validate(leeway=LEEWAY_S)
    except (JoseError, AuthlibBaseError, ValueError, KeyError, TypeError):
        raise CredentialInvalid(REFUSED) from None
    user: dict[str, Any] = token.claims
    if not isinstance(user["sub"], str) or not user["sub"]:  # else everybody with `null` would be one person
        raise CredentialInvalid(REFUSED)
    groups = user.get(client.groups) or []
    verified = user.get("email_verified") is True and isinstance(user.get("email"), str)
    return Identity(
        client.issuer,
        user["sub"],
        user["email"] if verified else "",
        str(user.get("name") or ""),
        tuple(str(it) for it in groups) if isinstance(groups, list) else (),
    )


def _usable(keys: dict[str, Any]) -> Any:
    """The signing keys; providers list encryption keys as well."""
    signing = [it for it in keys.get("keys", []) if isinstance(it, dict) and it.get("use", "sig") == "sig"]
    return {"keys": signing}


def _http() -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False)


async def _metadata(http: httpx.AsyncClient, client: Client) -> _Metadata:
    address = f"{client.issuer.rstrip('/')}/.well-known/openid-configuration"
    metadata: _Metadata = await _json(http, "GET", address, _Metadata)
    if metadata.issuer != client.issuer:
        raise CredentialInvalid(AWAY)
    return metadata


async def _json(http: httpx.AsyncClient, method: str, address: str, of: Any, **sent: Any) -> Any:
    import httpx

    try:
        answer = await http.request(method, address, headers={"Accept": "application/json"}, **sent)
        if answer.status_code != 200 or len(answer.content) > ANSWER_MAX:
            raise CredentialInvalid(AWAY)
        return msgspec.json.decode(answer.content, type=of)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, UnicodeError):
        raise CredentialInvalid(AWAY) from None
