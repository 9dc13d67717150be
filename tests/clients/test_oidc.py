"""Staff sign in with a certified OpenID Connect provider: there, back, and what is refused on the way."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import SecretStr

from app.settings import Settings
from tests.clients.conftest import program
from tests.routes.access.test_people import OURS, appoint
from tests.routes.conftest import Web, served, settings
from tests.support.waiting import PATIENCE_S

__all__ = ["settings"]

BACK = "/admin/sign-in/oidc/back"


@asynccontextmanager
async def app_with_provider(settings: Settings, **more: object) -> AsyncIterator[Web]:
    """The app with a provider that knows it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {"oidc_issuer": f"http://127.0.0.1:{port}", "oidc_client_id": "fairgate"}
    secret = {"oidc_client_secret": SecretStr("of the tests")}
    where = "tests/oidc_provider.mjs", str(port), f"http://fairgate.test{BACK}"
    async with (
        program("node", *where),
        served(settings.model_copy(update={**known, **secret, **more})) as web,
    ):
        yield web


async def begin_sign_in(web: Web) -> tuple[dict[str, str], str]:
    """A browser on its way to the provider: what it sends to us, and the provider's address."""
    answer = await web.get("/admin/sign-in/oidc?to=/admin/orders")
    assert answer.status_code == 303, answer.text
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], **OURS}, answer.headers["location"]


async def at_provider(address: str, name: str) -> str:
    """Sign in there and agree; returns our address to which it redirects the browser."""
    async with httpx.AsyncClient(verify=False, timeout=PATIENCE_S) as browser:
        answer = await browser.get(address)
        while True:
            to: str = answer.headers.get("location", "")
            if to.startswith("http://fairgate.test"):
                return to.removeprefix("http://fairgate.test")
            if to:
                answer = await browser.get(httpx.URL(address).join(to))
                continue
            action = re.search(r'action="([^"]+)" method="post"', answer.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert action is not None, answer.text
            assert prompt is not None
            sent = {"prompt": prompt[1], "login": name, "password": "any"}
            answer = await browser.post(action[1], data=sent)


async def sign_in(web: Web, name: str) -> httpx.Response:
    """Complete a sign-in."""
    browser, address = await begin_sign_in(web)
    return await web.get(await at_provider(address, name), headers=browser)


async def test_who_has_an_account_signs_in_and_nobody_gets_one_silently(settings: Settings) -> None:
    async with app_with_provider(settings) as web:
        await appoint(web, "olga@example.org")
        assert "/admin/sign-in/oidc?to=" in (await web.get("/admin")).text
        done = await sign_in(web, "olga")
        assert (done.status_code, done.headers["location"]) == (303, "/admin/orders")
        cookies = [it.partition(";")[0] for it in done.headers.get_list("set-cookie")]
        (ours,) = [it for it in cookies if it.startswith("fairgate_staff=")]
        assert "Olga · operator" in (await web.get("/admin", headers={"Cookie": ours})).text
        stranger = await sign_in(web, "sam")
        assert (stranger.status_code, "no account here" in stranger.text) == (403, True)
        assert await web.app.stores.postgres.fetchval("SELECT count(*) FROM accounts") == 1


async def test_state_challenge_and_cookie_have_to_belong_together_and_a_code_is_good_once(
    settings: Settings,
) -> None:
    async with app_with_provider(settings) as web:
        await appoint(web, "olga@example.org")
        browser, address = await begin_sign_in(web)
        asked = parse_qs(urlsplit(address).query)
        assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
        back = await at_provider(address, "olga")
        assert (await web.get(back)).status_code == 401, "another browser"
        other, _ = await begin_sign_in(web)
        assert (await web.get(back, headers=other)).status_code == 401, "the state of another sign-in"
        assert (await web.get(back, headers=browser)).status_code == 303
        assert (await web.get(back, headers=browser)).status_code == 401, "once more"
        browser, address = await begin_sign_in(web)
        used = re.sub(r"code=[^&]+", "code=forged", await at_provider(address, "olga"))
        assert (await web.get(used, headers=browser)).status_code == 401


async def test_groups_have_roles_domains_and_verified_addresses_count(settings: Settings) -> None:
    roles = {"oidc_roles": "ann=admin, olga=operator, mallory=admin", "oidc_create": True}
    async with app_with_provider(settings, **roles) as web:
        await appoint(web, "olga@example.org", "admin")
        for name, role in (("ann", "admin"), ("olga", "operator")):
            assert (await sign_in(web, name)).status_code == 303
            found = await web.app.stores.postgres.fetchval(
                "SELECT role FROM accounts WHERE email = $1", f"{name}@example.org"
            )
            assert found == role
        for name in ("sam", "mallory"):  # in no group; with an unverified address
            assert (await sign_in(web, name)).status_code == 403, name
    async with app_with_provider(settings, oidc_domains=["other.example"], **roles) as web:
        assert (await sign_in(web, "ann")).status_code == 403


async def test_without_a_provider_there_is_no_such_way_and_one_that_is_away_is_told(
    settings: Settings,
) -> None:
    async with served(settings) as web:
        assert (await web.get("/admin/sign-in/oidc")).status_code == 404
    away = {"oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": "fairgate"}
    async with served(settings.model_copy(update=away)) as web:
        answer = await web.get("/admin/sign-in/oidc")
        assert (answer.status_code, "not responding" in answer.text) == (401, True)
