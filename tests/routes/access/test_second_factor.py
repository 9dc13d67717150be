"""A second factor: set up, asked for, never valid twice, lost, removed, and required where it must be."""

from __future__ import annotations

import re
import time

import httpx
import pyotp

from app.core.accounts.second_factor import STEP_S
from app.settings import Settings
from tests.routes.access.test_people import OURS, WORD, accept_invitation, appoint, cookie_of, invite, sign_in
from tests.routes.conftest import Web, code, served

HERE = "/admin/sign-ins/second-factor"


class App:
    """The app on a phone: its secret, and codes, each of which it returns once."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)
        self._steps = iter((-1, 0, 1))

    def code(self) -> str:
        """The next valid code, at most half a minute early."""
        return self._totp.at((int(time.time()) // STEP_S + next(self._steps)) * STEP_S)


async def set_up(web: Web, theirs: dict[str, str]) -> tuple[App, list[str]]:
    """Set up codes; returns the app and the recovery codes."""
    page = (await web.post(HERE, data={}, headers=theirs)).text
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert secret is not None
    app = App(secret[1])
    wrong = await web.post(f"{HERE}/confirm", data={"code": "000000"}, headers=theirs)
    assert wrong.status_code == 401
    done = await web.post(f"{HERE}/confirm", data={"code": app.code()}, headers=theirs)
    assert done.status_code == 200, done.text
    return app, re.findall(r"<li>(\w{5}-\w{5})</li>", done.text)


async def half_way(web: Web, email: str = "op@example.org") -> dict[str, str]:
    """A browser that has only given its password."""
    answer = await sign_in(web, email)
    assert (answer.status_code, "Second factor" in answer.text) == (200, True)
    assert "fairgate_staff" not in answer.headers["set-cookie"]
    return cookie_of(answer)


async def give(web: Web, browser: dict[str, str], sent: str) -> httpx.Response:
    return await web.post("/admin/sign-in/code", data={"code": sent}, headers=browser)


async def test_after_the_password_a_code_is_asked_for_and_each_is_good_once(web: Web) -> None:
    app, recovery = await set_up(web, await appoint(web, "op@example.org"))
    stored = str(await web.app.stores.postgres.fetch("SELECT * FROM second_factors, recovery_codes"))
    assert not any(it.replace("-", "") in stored for it in recovery)
    browser, sent = await half_way(web), app.code()
    assert (await give(web, browser, "12")).status_code == 401
    assert (await web.get("/admin/sign-ins", headers=browser)).status_code == 401
    done = await give(web, browser, sent)
    assert done.status_code == 303
    assert (await give(web, browser, app.code())).status_code == 401, "the step is over"
    again = await half_way(web)
    assert (await give(web, again, sent)).status_code == 401, "the same code"
    assert (await give(web, again, recovery[0].upper())).status_code == 303
    third = await half_way(web)
    assert (await give(web, third, recovery[0])).status_code == 401, "the same recovery code"
    login = {"email": "op@example.org", "password": WORD}
    assert code(await web.post("/v1/login", login)) == (401, "second_factor_required")
    assert code(await web.post("/v1/login", {**login, "code": sent})) == (401, "credential_invalid")
    token = await web.post("/v1/login", {**login, "code": recovery[1]})
    assert token.status_code == 200


async def test_a_browser_has_five_tries_and_an_account_five_a_minute(settings: Settings) -> None:
    async with served(settings.model_copy(update={"rate_limits": True})) as web:
        await set_up(web, await appoint(web, "op@example.org"))  # uses two tries
        browser = await half_way(web)
        answers = [(await give(web, browser, "000000")).status_code for _ in range(4)]
        assert answers == [401, 401, 401, 429]
    async with served(settings) as web:
        browser = await half_way(web)
        pages = [(await give(web, browser, "000000")).text for _ in range(6)]
        assert ["too many tries" in it for it in pages] == [False] * 5 + [True]


async def test_codes_are_removed_with_a_code_and_by_an_admin_when_all_is_lost(web: Web) -> None:
    theirs = await appoint(web, "op@example.org")
    _, recovery = await set_up(web, theirs)
    assert (await web.post(f"{HERE}/remove", data={"code": "000000"}, headers=theirs)).status_code == 409
    assert (await web.post(f"{HERE}/remove", data={"code": recovery[0]}, headers=theirs)).status_code == 303
    assert (await sign_in(web, "op@example.org")).status_code == 303
    await set_up(web, theirs)
    boss = await appoint(web, "boss@example.org", "admin")
    page = (await web.get("/admin/users?q=op@example.org", headers=boss)).text
    (action,) = re.findall(r'"(/admin/users/[\w-]+/second-factor)"', page)
    assert (await web.post(action, data={}, headers=boss)).status_code == 303
    assert (await web.get("/admin/sign-ins", headers=theirs)).status_code == 401
    assert (await sign_in(web, "op@example.org")).status_code == 303
    rows = (await web.get("/v1/audit?kind=account&per_page=3", headers=web.as_("admin"))).json()["items"]
    assert rows[0]["action"] == "remove second factor"


async def test_who_needs_one_sets_it_up_before_anything_else(settings: Settings) -> None:
    async with served(settings.model_copy(update={"second_factor": "admins"})) as web:
        operator, boss = await appoint(web, "op@example.org"), await appoint(web, "boss@example.org", "admin")
        assert (await web.get("/admin", headers=operator)).status_code == 200
        sent_on = await web.get("/admin/users", headers=boss)
        assert (sent_on.status_code, sent_on.headers["location"]) == (303, "/admin/sign-ins")
        assert (await web.post("/admin/keys/create", data={"name": "x"}, headers=boss)).status_code == 403
        assert "asks for a second factor" in (await web.get("/admin/sign-ins", headers=boss)).text
        login = {"email": "boss@example.org", "password": WORD}
        assert code(await web.post("/v1/login", login)) == (401, "second_factor_required")
        await set_up(web, boss)
        assert (await web.get("/admin/users", headers=boss)).status_code == 200


async def test_a_passkey_that_nobody_knows_signs_nobody_in(web: Web) -> None:
    options = await web.post("/admin/sign-in/passkey/options", data={}, headers=OURS)
    document = options.json()
    assert (document["rpId"], document["userVerification"]) == ("fairgate.test", "required")
    browser = cookie_of(options)
    for credential, message in (
        ("{}", "could not be read"),
        ('{"rawId": "abcd"}', "took too long"),
    ):
        answer = await web.post("/admin/sign-in/passkey", data={"credential": credential}, headers=browser)
        assert (answer.status_code, message in answer.text) == (401, True), credential


async def test_an_invitation_is_no_way_around_a_second_factor(web: Web) -> None:
    await set_up(web, await appoint(web, "op@example.org"))
    await web.app.stores.postgres.execute("UPDATE accounts SET role = 'user'")
    link = await invite(web, await appoint(web, "boss@example.org", "admin"), "op@example.org")
    done = await accept_invitation(web, link, new_password="another long one")
    assert (done.status_code, "set-cookie" in done.headers) == (303, False)
    answer = await sign_in(web, "op@example.org", "another long one")
    assert (answer.status_code, "Second factor" in answer.text) == (200, True)


async def test_who_has_no_account_has_no_second_factor(web: Web) -> None:
    answer = await web.post(HERE, data={}, headers=await web.staff("operator", "of-the-command-line"))
    assert answer.status_code == 404
