"""What an OpenID Connect provider sends, over HTTP: who is believed, and every reason not to believe it.

`tests/clients/test_oidc.py` signs in with a certified provider, which never sends most of this.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from app.accounts import oidc_provider
from app.accounts.oidc_provider import ANSWER_MAX, AWAY, LEEWAY_S, REFUSED, Client
from app.core.accounts.oidc import Identity
from app.core.base64url import to_base64url
from app.core.errors import CredentialInvalid
from tests.support.http_documents import Documents, serving

BACK = "https://tickets.example.org/admin/sign-in/oidc/back"
METADATA, TOKENS, KEYS = "/.well-known/openid-configuration", "/token", "/keys"
KEY, OTHER_KEY = (ECKey.generate_key("P-256", {"kid": "1", "use": "sig"}) for _ in range(2))
PUBLIC = KEY.as_dict(private=False)
SENT = {"state": "s", "nonce": "n", "verifier": "v"}
GOOD = {"state": "s", "code": "c"}


@pytest.fixture
async def provider() -> AsyncIterator[Documents]:
    """A provider that has signed Ann in."""
    async with serving() as found:
        endpoints = {"authorization_endpoint": "/authorize", "token_endpoint": TOKENS, "jwks_uri": KEYS}
        metadata = {"issuer": found.url} | {name: found.url + path for name, path in endpoints.items()}
        found.answers = {METADATA: encoded(metadata), KEYS: encoded({"keys": [PUBLIC]})}
        found.answers[TOKENS] = tokens(signed(claims(found.url)))
        yield found


def encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


def tokens(id_token: str) -> bytes:
    """The answer of the token endpoint."""
    return encoded({"id_token": id_token, "access_token": "a", "token_type": "Bearer"})


def signed(of: Any, key: Any = KEY, algorithm: str = "ES256") -> str:
    return jwt.encode({"alg": algorithm, "kid": "1"}, of, key, algorithms=[algorithm])


def claims(issuer: str, **changed: Any) -> dict[str, Any]:
    """The claims about Ann. A change to None leaves the claim out, a time is counted from now."""
    now = int(time.time())
    times = {name: now + int(it.total_seconds()) for name, it in changed.items() if isinstance(it, timedelta)}
    usual = {"iss": issuer, "aud": "fairgate", "sub": "ann", "iat": now, "exp": now + 60, "nonce": "n"}
    person = {"email": "ann@example.org", "email_verified": True, "name": "Ann", "groups": ["tickets", 7]}
    return {name: it for name, it in (usual | person | changed | times).items() if it is not None}


def client(provider: Documents, **changed: str) -> Client:
    return Client(provider.url, "fairgate", "", "groups")._replace(**changed)


async def finish(provider: Documents, **answer: str) -> Identity:
    """Complete the sign-in with these changes to the parameters of the redirect."""
    return await oidc_provider.finish(client(provider), BACK, SENT, GOOD | answer)


async def refusal(provider: Documents, **answer: str) -> str:
    """Why the sign-in is refused."""
    with pytest.raises(CredentialInvalid) as refused:
        await finish(provider, **answer)
    return refused.value.detail


async def test_a_sign_in_begins_with_a_challenge_and_ends_with_its_verifier(provider: Documents) -> None:
    address, secrets = await oidc_provider.begin(client(provider), BACK)
    query = dict(parse_qsl(urlsplit(address).query))
    assert address.startswith(f"{provider.url}/authorize?")
    assert (query["state"], query["nonce"]) == (secrets["state"], secrets["nonce"])
    assert (query["code_challenge_method"], query["scope"]) == ("S256", "openid email profile groups")
    assert query["code_challenge"] != secrets["verifier"]
    found = await finish(provider, iss=provider.url)
    assert found == Identity(provider.url, "ann", "ann@example.org", "Ann", ("tickets", "7"))
    assert dict(parse_qsl(provider.bodies[-1].decode())) == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": BACK,
        "code_verifier": "v",
        "client_id": "fairgate",
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "another"},
        {"state": ""},
        {"iss": "https://login.example.com"},  # the answer of another provider (RFC 9207)
        {"code": ""},
    ],
)
async def test_an_answer_that_is_not_to_our_request_is_refused_unasked(
    provider: Documents, changed: dict[str, str]
) -> None:
    assert await refusal(provider, **changed) == REFUSED
    assert provider.bodies == [], "the code was not redeemed"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://login.example.com"},
        {"iss": None},
        {"aud": "another client"},
        {"aud": ["fairgate", "another client"]},  # without saying to whom it was issued
        {"azp": "another client"},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"sub": ["ann"]},
        {"sub": 7},
        {"exp": None},
        {"exp": "soon"},
        {"exp": timedelta(seconds=-LEEWAY_S - 1)},
        {"iat": timedelta(minutes=10)},
    ],
)
async def test_claims_that_are_not_about_this_sign_in_are_refused(
    provider: Documents, changed: dict[str, Any]
) -> None:
    provider.answers[TOKENS] = tokens(signed(claims(provider.url, **changed)))
    assert await refusal(provider) == REFUSED


async def test_a_token_without_the_right_signature_is_refused(provider: Documents) -> None:
    about = claims(provider.url)
    head, body, signature = signed(about).split(".")
    nothing = to_base64url(encoded({"alg": "none"}))
    by_secret = signed(about, OctKey.import_key(json.dumps(PUBLIC)), "HS256")
    for id_token in (
        signed(about, OTHER_KEY),
        by_secret,
        f"{nothing}.{body}.",
        f"{head}.{to_base64url(encoded(about | {'sub': 'bob'}))}.{signature}",
        f"{head}.{body}",
        f"{head}.{to_base64url(b'[]')}.{signature}",
        "",
    ):
        provider.answers[TOKENS] = tokens(id_token)
        assert await refusal(provider) == REFUSED, id_token


@pytest.mark.parametrize("keys", [[], None, [{}], [{"kty": "EC", "kid": "1"}], [PUBLIC | {"use": "enc"}]])
async def test_keys_that_cannot_have_signed_it_are_of_no_use(provider: Documents, keys: Any) -> None:
    provider.answers[KEYS] = encoded({"keys": keys})
    assert await refusal(provider) == REFUSED


@pytest.mark.parametrize(
    ("changed", "email", "groups"),
    [
        ({"exp": timedelta(seconds=-LEEWAY_S // 2)}, "ann@example.org", ("tickets", "7")),  # clocks differ
        ({"email_verified": "true"}, "", ("tickets", "7")),
        ({"email": ["ann@example.org"]}, "", ("tickets", "7")),
        ({"groups": "admins"}, "ann@example.org", ()),
        ({"groups": None, "name": None}, "ann@example.org", ()),
    ],
)
async def test_only_what_is_said_without_doubt_is_taken_over(
    provider: Documents, changed: dict[str, Any], email: str, groups: tuple[str, ...]
) -> None:
    provider.answers[TOKENS] = tokens(signed(claims(provider.url, **changed)))
    provider.answers[KEYS] = encoded(
        {"keys": [OTHER_KEY.as_dict(private=False) | {"use": "enc"}, "x", PUBLIC]}
    )
    found = await finish(provider)
    assert (found.subject, found.email, found.groups) == ("ann", email, groups)


BROKEN: list[bytes | int] = [500, 302, b"", b"<html>", b'{"\xff": 1}', b"[]", b" " * (ANSWER_MAX + 1)]


@pytest.mark.parametrize(("path", "answer"), [*((METADATA, it) for it in BROKEN), (TOKENS, 400), (KEYS, 500)])
async def test_a_provider_that_does_not_answer_properly_is_called_away(
    provider: Documents, path: str, answer: bytes | int
) -> None:
    provider.answers[path] = answer
    assert await refusal(provider) == AWAY


async def test_metadata_of_another_issuer_is_not_followed(provider: Documents) -> None:
    metadata = json.loads(bytes(provider.answers[METADATA]))
    provider.answers[METADATA] = encoded(metadata | {"issuer": "https://login.example.com"})
    with pytest.raises(CredentialInvalid) as refused:
        await oidc_provider.begin(client(provider), BACK)
    assert refused.value.detail == AWAY
    assert await refusal(provider) == AWAY
    assert provider.bodies == []
