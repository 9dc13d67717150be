"""Rules for every page and every form of the console."""

from __future__ import annotations

import re

from app.accounts import accounts
from app.core.account import COMMAND_LINE
from app.core.catalogue.definitions import NewAccount
from app.web.console.frame import CONSOLE, NAVIGATION
from app.web.console.registry import MODULES
from app.web.pages.entry import _PARAMS
from tests.routes.conftest import Web

assert MODULES  # importing them has declared the pages
FORMS = [*(it.path for it in CONSOLE if it.method == "POST"), "/admin/sign-in", "/admin/sign-out"]
PAGES = [it for it in CONSOLE if it.method == "GET"]
SAMPLES = ("hall", "0" * 36, "1", "abc")  # at least one is valid for each parameter
UNNAMED = {  # foreign pages that say who they are: tests/security/test_origins.py
    "a sandboxed frame": {"Origin": "null"},
    "nobody says where it comes from": {},
}


def address(path: str) -> str:
    """A well-formed address of this page."""

    def sample(found: re.Match[str]) -> str:
        return next(it for it in SAMPLES if _PARAMS[found[1]].fullmatch(it))

    return re.sub(r"<(\w+)>", sample, path)


async def test_a_form_that_no_page_of_ours_sent_is_refused(web: Web) -> None:
    cookie = (await web.staff("admin"))["Cookie"]
    for path in map(address, FORMS):
        for who, headers in UNNAMED.items():
            answer = await web.post(path, data={"step": "close"}, headers={**headers, "Cookie": cookie})
            assert answer.status_code == 403, (path, who)
            assert "Another site tried to act" in answer.text, (path, who)
    assert (await web.get("/admin/sign-ins", headers={"Cookie": cookie})).status_code == 200


async def test_who_is_not_signed_in_sees_the_way_in_and_comes_back_to_the_page(web: Web) -> None:
    for path in (address(it.path) for it in PAGES):
        for headers in ({}, {"Cookie": "fairgate_staff=forged"}):
            answer = await web.get(path, headers=headers)
            assert answer.status_code == (200 if path == "/admin" else 401), path
            assert f'name="to" value="{path}"' in answer.text, path


async def test_a_form_of_nobody_or_of_too_low_a_role_does_nothing(web: Web) -> None:
    ours, operator = {"Origin": "http://fairgate.test"}, await web.staff("operator")
    for route in CONSOLE:
        if route.method != "POST":
            continue
        unknown = await web.post(address(route.path), data={}, headers=ours)
        assert unknown.status_code == 401, route.path
        assert "no longer signed in" in unknown.text, route.path
        if route.role == "admin":
            refused = await web.post(address(route.path), data={}, headers=operator)
            assert refused.status_code == 403, route.path
            assert "role admin" in refused.text, route.path


async def test_staff_sees_where_it_is_signed_in_and_signs_one_or_all_others_out(web: Web) -> None:
    here, phone, desk, other = [await web.staff("operator", who) for who in ("ann", "ann", "ann", "bob")]
    page = (await web.get("/admin/sign-ins", headers=here)).text
    ends = re.findall(r'action="(/admin/sign-ins/[0-9a-f-]{36}/end)"', page)
    assert (len(ends), page.count("this browser")) == (2, 1)
    await web.post(ends[0], data={}, headers=other)  # somebody else's: nothing happens

    async def signed_in(*browsers: dict[str, str]) -> list[bool]:
        return [(await web.get("/admin/sign-ins", headers=it)).status_code == 200 for it in browsers]

    assert await signed_in(here, phone, desk, other) == [True] * 4
    await web.post(ends[0], data={}, headers=here)
    assert sorted(await signed_in(phone, desk)) == [False, True]
    await web.post("/admin/sign-ins/end-others", data={}, headers=here)
    assert await signed_in(here, phone, desk, other) == [True, False, False, True]
    await web.post("/admin/sign-out", data={}, headers=here)
    assert await signed_in(here, other) == [False, True]


async def test_a_role_taken_away_or_a_new_password_acts_at_once(web: Web) -> None:
    boss = NewAccount(email="ann@example.org", name="Ann", password="correct horse")
    made, _ = await accounts.appoint(web.app.stores, web.app.passwords, boss, "admin", by=COMMAND_LINE)
    first = await web.staff("admin", made.account_id)
    execute = web.app.stores.postgres.execute
    for role, status in (("operator", 200), ("user", 401), ("admin", 200)):
        await execute("UPDATE accounts SET role = $2 WHERE account_id = $1", made.account_id, role)
        page = await web.get("/admin/sign-ins", headers=first)
        assert page.status_code == status
        assert (f"Ann · {role}" in page.text) == (status == 200)
    await accounts.appoint(web.app.stores, web.app.passwords, boss, "admin", by=COMMAND_LINE)
    assert (await web.get("/admin/sign-ins", headers=first)).status_code == 401


async def test_a_sign_in_ends_with_its_time(web: Web) -> None:
    staff = await web.staff()
    await web.app.stores.postgres.execute("UPDATE sign_ins SET expires_at = now()")
    assert (await web.get("/admin", headers=staff)).text.count('name="token"') == 1
    await web.staff()
    assert await web.app.stores.postgres.fetchval("SELECT count(*) FROM sign_ins") == 1  # the other is gone


async def test_the_navigation_leads_to_pages_there_are(web: Web) -> None:
    start = await web.get("/admin", headers=await web.staff())
    shown = re.findall(
        r'<a href="(/admin[\w/-]*)"(?: aria-current="page")?>', start.text.partition("</nav>")[0]
    )
    pages = {it.path for it in PAGES} - {"/admin/demo"}  # only in the demo
    assert shown == [path for path in NAVIGATION.values() if path in pages]
    for path in shown:
        page = await web.get(path, headers=await web.staff())
        assert page.status_code == 200
        assert f'<a href="{path}" aria-current="page">' in page.text


async def test_a_refusal_is_a_page_of_the_console(web: Web) -> None:
    missing = await web.get("/admin/rooms/nowhere", headers=await web.staff())
    assert missing.status_code == 404
    assert 'aria-label="Console"' in missing.text


async def test_signing_in_leads_back_only_to_the_console(web: Web) -> None:
    token = web.as_("operator")["Authorization"].removeprefix("Bearer ")
    for to, lands in {
        "/admin/mail?page=2": "/admin/mail?page=2",
        "https://evil.example/": "/admin",
        "//evil.example/admin": "/admin",
        "/admin/../rooms": "/admin",
        "/rooms/hall": "/admin",
    }.items():
        form = {"token": token, "to": to}
        answer = await web.post("/admin/sign-in", data=form, headers={"Origin": "http://fairgate.test"})
        assert (answer.status_code, answer.headers["location"]) == (303, lands)
