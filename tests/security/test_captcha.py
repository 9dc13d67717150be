"""Rooms that require a captcha from newcomers, against a server that answers as the providers do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from pydantic import SecretStr

from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, code, served
from tests.routes.test_console_pages import submit
from tests.security.test_carry import Browser
from tests.security.test_suspects import PLACES, SLOWER, answer_to
from tests.support.receiver import Receiver, receiving

SECRET, WITH = "never shown to anybody", {"captcha_response": "XXXX.DUMMY.TOKEN"}
LANE = {"lanes": [SLOWER], "suspects_lane": "Slower"}


@dataclass(frozen=True)
class CaptchaProvider:
    """An app with captchas verified by `provider`, which accepts everything until told otherwise."""

    web: Web
    provider: Receiver

    async def a_sale(self, **settings: Any) -> None:
        await self.web.event(room={"captcha": True, **settings})
        await self.web.post("/v1/rooms/gala/pause", headers=self.web.as_("operator"))

    def answer_with(self, success: bool, status: int = 200) -> None:
        self.provider.answer, self.provider.body = status, json.dumps({"success": success}).encode()

    @property
    def requests(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(it.body.decode())) for it in self.provider.received]


@pytest.fixture
async def asking(stores: Stores, settings: Settings) -> AsyncIterator[CaptchaProvider]:
    async with receiving() as provider:
        keys = {"captcha": "turnstile", "captcha_site_key": "0x4AAA", "captcha_secret": SecretStr(SECRET)}
        ours = settings.model_copy(update={**keys, "captcha_url": provider.url, "rate_limits": True})
        async with served(ours) as web:
            found = CaptchaProvider(web, provider)
            found.answer_with(True)
            yield found


@pytest.mark.parametrize(
    ("room", "body", "verdict", "lane"),
    [  # lane 0: like everybody else, 1: a suspect, None: refused
        ({}, {}, True, None),
        ({}, WITH, True, 0),
        ({}, WITH, False, None),
        ({}, WITH | {"slower_lane": True}, False, None),
        ({}, WITH, None, 0),
        (LANE, {}, True, None),
        (LANE, {"slower_lane": True}, True, 1),
        (LANE, WITH, True, 0),
        (LANE, WITH, False, None),
        (LANE, WITH | {"slower_lane": True}, False, 1),
        (LANE, WITH, None, 1),
        ({"captcha": False}, {}, True, 0),
    ],
)
async def test_how_a_newcomer_joins(
    asking: CaptchaProvider,
    room: dict[str, Any],
    body: dict[str, Any],
    verdict: bool | None,
    lane: int | None,
) -> None:
    await asking.a_sale(**room)
    asking.answer_with(bool(verdict), 502 if verdict is None else 200)
    answer = await asking.web.post(PLACES, body)
    assert len(asking.requests) == ("captcha_response" in body)
    assert all(it["secret"] == SECRET and it["response"] == "XXXX.DUMMY.TOKEN" for it in asking.requests)
    assert SECRET not in answer.text
    if lane is None:
        assert code(answer) == (403, "captcha_needed")
        assert answer.json()["captcha"] == {"provider": "turnstile", "site_key": "0x4AAA"}
        return
    assert (answer.status_code, answer.json().get("lane", 0)) == (201, lane)
    # Visitors who have a place are not asked again.
    asking.provider.received.clear()
    again = await asking.web.post(PLACES, body, headers=bearer(answer.json()["place_token"]))
    assert (again.status_code, asking.requests) == (200, [])


async def test_a_provider_that_is_away_keeps_nobody_out(asking: CaptchaProvider) -> None:
    nobody = asking.web.settings.model_copy(update={"captcha_url": "http://127.0.0.1:9"})
    await asking.a_sale()
    async with served(nobody) as web:
        assert (await web.post(PLACES, WITH)).status_code == 201


async def test_a_response_is_kept_until_the_proof_of_work_is_there(asking: CaptchaProvider) -> None:
    await asking.a_sale(proof_of_work=True)
    refused = await asking.web.post(PLACES, WITH)
    assert (code(refused), asking.requests) == ((403, "proof_of_work_needed"), [])
    proof = {"proof_of_work": answer_to(refused.json()["challenge"])}
    assert code(await asking.web.post(PLACES, proof)) == (403, "captcha_needed")
    assert (await asking.web.post(PLACES, proof | WITH)).status_code == 201


async def test_the_page_lets_in_the_provider_alone_and_only_where_it_is_asked(
    asking: CaptchaProvider,
) -> None:
    await asking.a_sale(**LANE)
    await asking.web.room("plain")
    fan = Browser(asking.web, httpx.Cookies())
    for _ in range(2):  # the second attempt counts against the limit for all newcomers
        answer = await asking.web.get("/rooms/gala")
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self' https://challenges.cloudflare.com;" in policy
        assert policy.endswith("frame-src https://challenges.cloudflare.com")
        assert 'data-captcha="https://challenges.cloudflare.com/turnstile/v0/api.js"' in answer.text
        assert "in a slower lane" in answer.text
    await fan.send("GET", "/rooms/gala")
    await fan.send("POST", "/rooms/gala/join")  # without JavaScript
    assert (await fan.place())["lane"] == 1
    for page in (await fan.send("GET", "/rooms/gala"), await asking.web.get("/rooms/plain")):
        assert "captcha" not in page.text
        assert "cloudflare" not in page.headers["content-security-policy"]
    console = await asking.web.staff("operator")
    assert "no captcha: 1" in (await asking.web.get("/admin/rooms/gala", headers=console)).text


async def test_staff_are_offered_it_where_there_is_a_provider(
    asking: CaptchaProvider, settings: Settings
) -> None:
    await asking.web.event()
    console, form = await asking.web.staff(), "/admin/rooms/gala/entry/newcomers"
    assert "Cloudflare Turnstile" in (await asking.web.get("/admin/rooms/gala/entry", headers=console)).text
    assert (await submit(asking.web, form, console, captcha="1", suspects_lane="")).status_code == 303

    async def captcha(web: Web) -> Any:
        return (await web.get("/v1/rooms/gala/settings", headers=web.as_("operator"))).json()["captcha"]

    assert await captcha(asking.web) is True
    async with served(settings) as web:  # without a provider the setting stays, but nobody is asked
        console = await web.staff()
        page = (await web.get("/admin/rooms/gala/entry", headers=console)).text
        assert "captcha" not in page.lower()
        assert (await submit(web, form, console, suspects_lane="")).status_code == 303
        assert await captcha(web) is True
        assert (await web.post(PLACES, {})).status_code == 201
