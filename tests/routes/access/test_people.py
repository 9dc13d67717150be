"""Staff are invited and deactivated, and see when their account was last signed in to."""

from __future__ import annotations

import html
import re

import httpx
import pytest
from pydantic import SecretStr

from app.accounts import accounts, sign_in_links
from app.core.account import COMMAND_LINE, Account
from app.core.accounts.password_resets import digest
from app.core.catalogue.definitions import NewAccount
from app.core.model import Role
from app.settings import Settings
from tests.routes.conftest import Web, served

OURS = {"Origin": "http://fairgate.test"}
WORD = "correct horse battery"


def cookie_of(answer: httpx.Response) -> dict[str, str]:
    """What a browser sends after this response."""
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0], **OURS}


async def sign_in(web: Web, email: str, password: str = WORD) -> httpx.Response:
    """Send the sign-in form."""
    return await web.post("/admin/sign-in", data={"email": email, "password": password}, headers=OURS)


async def appoint(web: Web, email: str, role: Role = "operator") -> dict[str, str]:
    """A signed-in member of staff."""
    new = NewAccount(email=email, name=email.partition("@")[0].title(), password=WORD)
    await accounts.appoint(web.app.stores, web.app.passwords, new, role, by=COMMAND_LINE)
    return cookie_of(await sign_in(web, email))


async def invite(
    web: Web, boss: dict[str, str], email: str = "new@example.org", role: str = "operator"
) -> str:
    """The link shown on the page when no mail is sent."""
    form = {"email": email, "name": "Nora New", "role": role}
    answer = await web.post("/admin/users/invite", data=form, headers=boss)
    assert answer.status_code == 200, answer.text
    found = re.search(r'value="http://fairgate.test(/admin/invitation\?token=[\w-]+)"', answer.text)
    assert found is not None
    return found[1]


async def accept_invitation(web: Web, link: str, **form: str) -> httpx.Response:
    """Send the form of an invitation."""
    fields = {"token": link.partition("token=")[2], "name": "Nora", **form}
    return await web.post("/admin/invitation", data=fields, headers=OURS)


async def test_who_is_invited_chooses_a_password_once_and_is_signed_in(web: Web) -> None:
    boss = await appoint(web, "boss@example.org", "admin")
    link = await invite(web, boss)
    row = await web.app.stores.postgres.fetchrow("SELECT * FROM invitations")
    assert link.partition("token=")[2] not in str(row)
    assert "new@example.org" in (await web.get(link)).text
    assert (await accept_invitation(web, link, new_password="short")).status_code == 422
    done = await accept_invitation(web, link, new_password=WORD)
    assert (done.status_code, done.headers["location"]) == (303, "/admin")
    assert "Nora · operator" in (await web.get("/admin", headers=cookie_of(done))).text
    assert (await sign_in(web, "new@example.org")).status_code == 303
    for again in (await web.get(link), await accept_invitation(web, link, new_password=WORD)):
        assert again.status_code == 401
    rows = (await web.get("/v1/audit?kind=account", headers=web.as_("admin"))).json()["items"]
    assert [it["action"] for it in rows][:2] == ["accept invitation", "invite"]


async def test_nobody_has_the_role_before_the_link_is_used_and_an_old_password_ends(web: Web) -> None:
    """Anybody may have registered the address of an invited person."""
    await web.post("/v1/users", {"email": "new@example.org", "name": "Squatter", "password": WORD})
    link = await invite(web, await appoint(web, "boss@example.org", "admin"), role="admin")
    assert (await sign_in(web, "new@example.org")).status_code == 403
    assert (await accept_invitation(web, link, new_password="another long one")).status_code == 303
    assert (await sign_in(web, "new@example.org")).status_code == 401
    assert (await sign_in(web, "new@example.org", "another long one")).status_code == 303


async def test_an_invitation_is_withdrawn_replaced_and_runs_out(web: Web) -> None:
    boss = await appoint(web, "boss@example.org", "admin")
    first, second = await invite(web, boss), await invite(web, boss)
    assert (await web.get(first)).status_code == 401
    await web.app.stores.postgres.execute("UPDATE invitations SET expires_at = now() - interval '1 second'")
    assert (await accept_invitation(web, second, new_password=WORD)).status_code == 401
    third = await invite(web, boss)
    page = (await web.get("/admin/users", headers=boss)).text
    (action,) = re.findall(r'"(/admin/users/invitations/[\w-]+/withdraw)"', page)
    assert (await web.post(action, data={}, headers=boss)).status_code == 303
    assert (await web.post(action, data={}, headers=boss)).status_code == 404
    assert (await accept_invitation(web, third, new_password=WORD)).status_code == 401
    for email, name in (("no", "N"), ("a@b.org", "")):
        form = {"email": email, "name": name, "role": "operator"}
        assert (await web.post("/admin/users/invite", data=form, headers=boss)).status_code == 422
    operator = await appoint(web, "op@example.org")
    form = {"email": "a@example.org", "name": "A", "role": "admin"}
    assert (await web.post("/admin/users/invite", data=form, headers=operator)).status_code == 403


@pytest.fixture
def mailing(settings: Settings) -> Settings:
    """Settings of an installation that sends e-mails."""
    more = {"smtp_url": SecretStr("smtp://127.0.0.1:9"), "public_url": "http://fairgate.test"}
    return settings.model_copy(update={**more, "mail_from": "Tickets <tickets@example.org>"})


async def test_where_mails_are_sent_the_link_is_in_one_and_on_no_page(mailing: Settings) -> None:
    async with served(mailing) as web:
        boss = await appoint(web, "boss@example.org", "admin")
        form = {"email": "new@example.org", "name": "Nora", "role": "operator"}
        answer = await web.post("/admin/users/invite", data=form, headers=boss)
        assert answer.status_code == 303
        row = await web.app.stores.postgres.fetchrow("SELECT kind, recipient, until > now() FROM mails")
        assert tuple(row or ()) == ("invite", "new@example.org", True)
        assert "invitation?token" not in (await web.get("/admin/users", headers=boss)).text


async def test_a_deactivated_account_is_out_at_once_and_back_when_it_is_activated(web: Web) -> None:
    boss = await appoint(web, "boss@example.org", "admin")
    theirs = await appoint(web, "op@example.org")
    token = (await web.post("/v1/login", {"email": "op@example.org", "password": WORD})).json()[
        "access_token"
    ]
    page = (await web.get("/admin/users?q=op@example.org", headers=boss)).text
    (action,) = re.findall(r'"(/admin/users/[\w-]+/active)"', page)
    assert (await web.post(action, data={"active": "no"}, headers=boss)).status_code == 303
    assert (await web.get("/admin/sign-ins", headers=theirs)).status_code == 401
    assert (await web.get("/v1/audit", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    assert (await sign_in(web, "op@example.org")).status_code == 401
    assert (await web.post("/v1/login", {"email": "op@example.org", "password": WORD})).status_code == 401
    assert "deactivated" in (await web.get("/admin/users", headers=boss)).text
    assert (await web.post(action, data={"active": "yes"}, headers=boss)).status_code == 303
    assert (await sign_in(web, "op@example.org")).status_code == 303
    rows = (await web.get("/v1/audit?kind=account", headers=web.as_("admin"))).json()["items"]
    assert [it["action"] for it in rows][:2] == ["activate", "deactivate"]
    other = await appoint(web, "second@example.org", "admin")
    page = (await web.get("/admin/users?q=boss@example.org", headers=other)).text
    (action,) = re.findall(r'"(/admin/users/[\w-]+/active)"', page)
    assert (await web.post(action, data={"active": "no"}, headers=boss)).status_code == 409, "one's own"
    await web.app.stores.postgres.execute("UPDATE accounts SET role = 'user' WHERE email LIKE 'second%'")
    token_boss = await web.staff("admin", "of-the-command-line")
    assert (await web.post(action, data={"active": "no"}, headers=token_boss)).status_code == 409, "the last"


async def test_one_is_told_when_one_signed_in_before_and_admins_see_it(web: Web) -> None:
    first = await appoint(web, "op@example.org")
    assert "You signed in before this" not in (await web.get("/admin", headers=first)).text
    second = cookie_of(await sign_in(web, "op@example.org"))
    assert "You signed in before this" in html.unescape((await web.get("/admin", headers=second)).text)
    await web.app.stores.postgres.execute("UPDATE sign_ins SET created_at = now() - interval '3 minutes'")
    assert "You signed in before this" not in (await web.get("/admin", headers=second)).text
    boss = await web.staff("admin")
    assert "Last sign-in" in (await web.get("/admin/users", headers=boss)).text


async def test_a_browser_that_is_left_alone_is_signed_out(settings: Settings) -> None:
    async with served(settings.model_copy(update={"staff_idle_minutes": 30})) as web:
        theirs = await appoint(web, "op@example.org")
        stores = web.app.stores.postgres
        await stores.execute("UPDATE sign_ins SET seen_at = now() - interval '29 minutes'")
        assert (await web.get("/admin/sign-ins", headers=theirs)).status_code == 200
        await stores.execute("UPDATE sign_ins SET seen_at = now() - interval '31 minutes'")
        assert (await web.get("/admin/sign-ins", headers=theirs)).status_code == 401


async def test_who_was_staff_once_is_signed_out_when_their_data_is_erased(web: Web) -> None:
    """A sign-in without an account has the role that it began with."""
    theirs, postgres = await appoint(web, "op@example.org", "admin"), web.app.stores.postgres
    await postgres.execute("UPDATE accounts SET role = 'user'")
    await postgres.execute(
        "INSERT INTO ticket_links (token_hash, email, expires_at) "
        "VALUES ($1, 'op@example.org', now() + interval '1 minute')",
        digest("of-the-link"),
    )
    done = await web.post("/tickets/erase", data={"token": "of-the-link"}, headers=OURS)
    assert (done.status_code, await postgres.fetchval("SELECT count(*) FROM accounts")) == (200, 0)
    assert (await web.get("/admin/users", headers=theirs)).status_code == 401


async def test_a_link_that_signs_in_is_good_in_the_demo_alone(web: Web) -> None:
    made = await sign_in_links.create(web.app.stores, Account("demo", "admin"))
    assert (await web.get(f"/admin/link?code={made}")).status_code == 404
    entered = await web.post("/admin/link", data={"code": made}, headers=OURS)
    assert (entered.status_code, "set-cookie" in entered.headers) == (404, False)
