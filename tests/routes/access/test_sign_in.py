"""Staff sign in to the console, with e-mail and password or with an access token."""

from __future__ import annotations

import re

import httpx
from argon2 import PasswordHasher

from app.accounts import accounts
from app.core.account import COMMAND_LINE
from app.core.catalogue.definitions import NewAccount
from app.settings import Settings
from app.web.console.staff import COOKIE
from tests.routes.conftest import Web, bearer, served

OP = NewAccount(email="op@example.org", name="Olga <Op>", password="correct horse")
LOGIN = {"email": "OP@example.org", "password": "correct horse"}


async def appoint(web: Web) -> None:
    """Create an operator, as `fairgate admin create` does."""
    await accounts.appoint(web.app.stores, web.app.passwords, OP, "operator", by=COMMAND_LINE)


async def sign_in(web: Web, **form: str) -> httpx.Response:
    """Send the form."""
    return await web.post("/admin/sign-in", data=form, headers={"Origin": "http://fairgate.test"})


async def test_by_email_and_password_one_comes_to_the_rooms_under_ones_name(web: Web) -> None:
    await appoint(web)
    await web.room("hall")
    answer = await sign_in(web, **LOGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for word in ("HttpOnly", "Path=/admin", "SameSite=Strict"):
        assert word in cookie
    page = await web.get("/admin", headers={"Cookie": cookie.partition(";")[0]})
    assert "Olga &lt;Op&gt; · operator" in page.text
    sites = await web.get("/admin/sites", headers={"Cookie": cookie.partition(";")[0]})
    assert "The Hall" in sites.text
    room = await web.get("/admin/rooms/hall", headers={"Cookie": cookie.partition(";")[0]})
    assert "Olga &lt;Op&gt; · operator" in room.text


async def test_by_an_access_token_too(web: Web) -> None:
    token = web.as_("admin", "me")["Authorization"].removeprefix("Bearer ")
    answer = await sign_in(web, token=token)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert token not in cookie
    page = await web.get("/admin", headers={"Cookie": cookie})
    assert "me · admin" in page.text


async def test_who_is_not_staff_is_told_so_and_not_signed_in(web: Web) -> None:
    await appoint(web)
    await web.post("/v1/users", {"email": "fan@example.org", "name": "Fan", "password": "correct horse"})
    refused = {
        401: [
            LOGIN | {"password": "wrong horse"},
            LOGIN | {"email": "nobody@example.org"},
            LOGIN | {"email": "no e-mail"},
            {},
            {"token": "forged"},
        ],
        403: [LOGIN | {"email": "fan@example.org"}],
    }
    assert (await sign_in(web, **LOGIN | {"email": "no e-mail\0"})).status_code == 422
    for status, forms in refused.items():
        for form in forms:
            answer = await sign_in(web, **form)
            assert answer.status_code == status, form
            assert 'role="alert"' in answer.text
            assert "set-cookie" not in answer.headers
            assert "correct horse" not in answer.text


async def test_guesses_at_the_form_are_throttled_with_those_at_the_api(settings: Settings) -> None:
    async with served(settings.model_copy(update={"rate_limits": True})) as web:
        web.app.passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64)  # cost is irrelevant here
        guess = LOGIN | {"password": "wrong horse"}
        answers = [await sign_in(web, **guess) for _ in range(5)]
        answers += [await web.post("/v1/login", guess) for _ in range(5)]
        assert {it.status_code for it in answers} == {401}
        assert (await sign_in(web, **guess)).status_code == 429
        assert (await web.post("/v1/login", guess)).status_code == 429


async def test_a_new_password_signs_out_everywhere(web: Web) -> None:
    await appoint(web)
    cookie = (await sign_in(web, **LOGIN)).headers["set-cookie"].partition(";")[0]
    headers = {"Cookie": cookie, "Origin": "http://fairgate.test"}

    async def change(**form: str) -> httpx.Response:
        return await web.post("/admin/sign-ins/password", data=form, headers=headers)

    for form, message in (
        ({"password": "not this one", "new_password": "battery staple"}, "current password is wrong"),
        ({"password": LOGIN["password"], "new_password": "short"}, "10 to 200 characters"),
        ({"password": LOGIN["password"], "new_password": "1234567890"}, "commonest"),
    ):
        assert message in (await change(**form)).text
    assert "Change your password" in (await web.get("/admin/sign-ins", headers=headers)).text
    done = await change(password=LOGIN["password"], new_password="battery staple")
    assert (done.status_code, done.headers["location"]) == (303, "/admin")
    assert (await web.get("/admin/sign-ins", headers=headers)).status_code == 401
    assert (await sign_in(web, **LOGIN)).status_code == 401
    assert (await sign_in(web, **LOGIN | {"password": "battery staple"})).status_code == 303


async def test_signing_in_again_ends_the_session_that_this_browser_had(web: Web) -> None:
    await appoint(web)
    first = (await sign_in(web, **LOGIN)).headers["set-cookie"].partition(";")[0]
    headers = {"Cookie": first, "Origin": "http://fairgate.test"}
    again = await web.post("/admin/sign-in", data=LOGIN, headers=headers)
    second = again.headers["set-cookie"].partition(";")[0]
    for cookie, status in ((first, 401), (second, 200)):
        assert (await web.get("/admin/sign-ins", headers={"Cookie": cookie})).status_code == status


async def test_an_admin_signs_somebody_out_everywhere(web: Web) -> None:
    await appoint(web)
    theirs = (await sign_in(web, **LOGIN)).headers["set-cookie"].partition(";")[0]
    token = bearer((await web.post("/v1/login", LOGIN)).json()["access_token"])
    boss = await web.staff("admin")
    found = (await web.get("/admin/users?q=op@example.org", headers=boss)).text
    (action,) = re.findall(r'"(/admin/users/[^"/]+/sign-out)"', found)
    assert (await web.post(action, data={}, headers=boss)).status_code == 303
    assert (await web.get("/admin/sign-ins", headers={"Cookie": theirs})).status_code == 401
    assert (await web.get("/v1/audit", headers=token)).status_code == 401
    assert (await sign_in(web, **LOGIN)).status_code == 303, "with the old password"
    (entry,) = (await web.get("/v1/audit?kind=account&per_page=1", headers=web.as_("admin"))).json()["items"]
    assert entry["action"] == "sign out"
    assert (await web.post("/admin/users/none/sign-out", data={}, headers=boss)).status_code == 404


async def test_the_clock_is_that_of_the_browser_until_the_account_has_chosen_one(web: Web) -> None:
    await appoint(web)
    browser = {**LOGIN, "zone": "America/St_Johns"}

    async def clock(sent: dict[str, str], chosen: str | None = None, device_zone: str = "") -> str:
        cookie = {"Cookie": (await sign_in(web, **sent)).headers["set-cookie"].partition(";")[0]}
        if chosen is not None:
            origin = cookie | {"Origin": "http://fairgate.test"}
            body = {"timezone": chosen, "zone": device_zone}
            saved = await web.post("/admin/sign-ins/clock", data=body, headers=origin)
            if saved.status_code != 303:
                return saved.text
        page = (await web.get("/admin/sign-ins", headers=cookie)).text
        [zone] = re.findall(r'data-clock="([^"]+)"', page)
        assert {"America/St_Johns": "UTC-", "Asia/Tokyo": "UTC+9", "UTC": "UTC<"}[zone] in page
        return str(zone)

    assert await clock(browser) == "America/St_Johns"
    assert await clock(LOGIN) == "UTC"
    assert await clock({**LOGIN, "zone": "Mars/Olympus"}) == "UTC"
    assert await clock(browser, "Asia/Tokyo") == "Asia/Tokyo"
    assert await clock(browser) == "Asia/Tokyo"  # in every browser
    assert "is not a time zone" in await clock(browser, "Mars/Olympus")
    assert await clock(LOGIN, "", "America/St_Johns") == "America/St_Johns"
    token = web.as_("admin", "me")["Authorization"].removeprefix("Bearer ")
    assert await clock({"token": token}, "Asia/Tokyo") == "Asia/Tokyo"  # for a token, only with this sign-in
    assert await clock({"token": token}) == "UTC"
