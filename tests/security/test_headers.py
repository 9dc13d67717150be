"""The headers that every response sends to browsers, and what no request header can make us send."""

from __future__ import annotations

import httpx
import pytest

from app.settings import Settings
from app.web.api.registry import CALLS
from tests.contract.test_every_call import STREAMS, filled
from tests.routes.conftest import Web, bearer, code, served
from tests.security.test_origins import PAGE_PARAMETER as PARAMETER
from tests.security.test_origins import SAMPLES, forms

EVIL = "evil.example"
HTML = {"Accept": "text/html"}


async def every_answer(web: Web, **headers: str) -> list[tuple[str, httpx.Response]]:
    """A response of every call, page, form and file, and of what does not exist."""
    calls = [(it.method, filled(it.path)) for it in CALLS if it.name not in STREAMS]
    rules = [it.rule for it in web.quart.url_map.iter_rules() if not it.rule.startswith("/v1/")]
    pages = [PARAMETER.sub(lambda _: SAMPLES[0], it) for it in rules]
    odd = [
        "/nothing",
        "/v1/nothing",
        "//",
        "/rooms//hall",
        "/admin//orders",
        f"//{EVIL}/",
        f"//{EVIL}/rooms/",
    ]
    gets = [("GET", it) for it in (*pages, *odd, "/rooms/hall/", "/static/x/fairgate.css")]
    requests = [*calls, *gets, *(("POST", it) for it in forms(web))]
    sent = {**HTML, **headers}
    url = str(web.http.base_url).rstrip("/")
    return [(f"{method} {it}", await web.send(method, url + it, headers=sent)) for method, it in requests]


@pytest.mark.parametrize("secure", [True, False], ids=["TLS", "plain HTTP"])
async def test_no_browser_guesses_a_type_and_with_tls_none_goes_back(
    settings: Settings, secure: bool
) -> None:
    chosen = settings.model_copy(update={"public_url": "https://fairgate.test" if secure else ""})
    async with served(chosen) as web:
        await web.room()
        for what, answer in await every_answer(web):
            assert answer.headers.get_list("x-content-type-options") == ["nosniff"], what
            is_gate = what.endswith("/gate") and "/admin/" not in what  # as seen on the shop's host
            assert ("strict-transport-security" in answer.headers) is (secure and not is_gate), what


async def test_no_address_is_made_of_the_host_that_was_sent(settings: Settings) -> None:
    for public_url in ("https://fairgate.test", ""):
        chosen = settings.model_copy(update={"public_url": public_url})
        async with served(chosen) as web:
            if public_url:
                await web.room()
            for what, answer in await every_answer(web, Host=EVIL):
                location = answer.headers.get("location", "")
                if public_url or not what.endswith("/gate"):  # docs/how-to/gate.md requires it to be set
                    assert EVIL not in location or location.startswith("/rooms"), (what, location)
                    assert not location.startswith(("//", "/\\")), (what, location)
                    assert EVIL not in answer.headers.get("x-fairgate-queue", ""), what


async def test_two_credentials_are_none(web: Web) -> None:
    await web.room()
    place = (await web.join("hall"))["place_token"]
    good = web.as_("admin")["Authorization"]
    for pair in ((good, good), ("Basic eDp5", good), (good, "Basic eDp5"), (f"Bearer {place}", good)):
        headers = [("Authorization", it) for it in pair]
        for method, path in (("GET", "/v1/rooms/hall/settings"), ("POST", "/v1/rooms/hall/places")):
            answer = await web.send(method, path, headers=headers)
            if answer.status_code != 404:
                assert code(answer) == (401, "credential_invalid"), (pair, path)
    twice = [("X-Place-Token", place)] * 2
    assert code(await web.get("/v1/rooms/hall/places/me", headers=twice)) == (401, "credential_invalid")
    assert (await web.get("/v1/rooms/hall/places/me", headers=bearer(place))).status_code == 200


async def test_there_is_a_security_txt_where_somebody_is_named(settings: Settings) -> None:
    chosen = settings.model_copy(update={"security_contact": "mailto:security@example.org"})
    async with served(chosen) as web:
        found = await web.get("/.well-known/security.txt")
        assert found.headers["content-type"] == "text/plain; charset=utf-8"
        assert found.text.startswith("Contact: mailto:security@example.org\nExpires: 20")
    async with served(settings) as web:
        assert (await web.get("/.well-known/security.txt")).status_code == 404
