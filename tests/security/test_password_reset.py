"""Forgotten passwords: a link in an e-mail, valid once, for half an hour; it does not reveal accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.accounts import accounts
from app.core.account import COMMAND_LINE
from app.core.catalogue.definitions import NewAccount
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.accounts.password_resets import ASKING_AN_HOUR, LINKS_A_DAY
from app.store.sql.notifications.mails import select
from tests.routes.conftest import Web, bearer, code, field_of, served
from tests.routes.mailing import text_of, wait_until_sent
from tests.security.test_origins import everything
from tests.support.mail_server import MailServer, mail_server
from worker.context import WorkerContext

BASE = "http://tickets.example.org"
BOSS = {"email": "boss@example.org", "password": "correct horse"}
STRANGER = "stranger@example.org"
NEW = "battery staple"
ASK, CONFIRM = "/v1/users/password-reset", "/v1/users/password-reset/confirm"
OURS = {"Origin": BASE}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@pytest.fixture
def settings(settings: Settings, server: MailServer) -> Settings:
    """Settings with a mail server and a public address for links."""
    links = {"smtp_url": SecretStr(server.url), "mail_from": "t@example.org", "public_url": BASE}
    return settings.model_copy(update=links)


async def appoint(web: Web) -> dict[str, str]:
    """An admin, and the header of their token."""
    new = NewAccount(name="Boss", **BOSS)
    await accounts.appoint(web.app.stores, web.app.passwords, new, "admin", by=COMMAND_LINE)
    return bearer((await web.post("/v1/login", BOSS)).json()["access_token"])


async def ask(web: Web, email: str, **headers: str) -> httpx.Response:
    return await web.post(ASK, {"email": email}, headers=headers)


async def mailed_tokens(stores: Stores, server: MailServer) -> list[str]:
    """The tokens of the mailed links, oldest first."""
    await wait_until_sent(stores)
    texts = [text_of(it) for it in server.received() if it["Subject"].startswith("Choose a new password")]
    return [re.findall(rf"{BASE}/admin/reset-password\?token=(\S+)", it)[0] for it in texts]


async def choose(web: Web, token: str, new: str = NEW) -> httpx.Response:
    return await web.post(CONFIRM, {"token": token, "new_password": new})


async def test_a_link_is_good_once_and_ends_every_session(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    token = await appoint(web)
    console = {"Cookie": (await signed_in(web, BOSS["password"])).headers["set-cookie"].partition(";")[0]}
    assert (await ask(web, " BOSS@example.org ")).status_code == 204
    assert (await ask(web, BOSS["email"])).status_code == 204
    first, second = await mailed_tokens(stores, server)
    for wrong in ("short", "1234567890"):
        assert field_of(await choose(web, first, wrong)) == "new_password"
    assert (await choose(web, first)).status_code == 204
    for used in (first, second, first[:-1], "", "x" * 100):  # the other link has become invalid, too
        assert code(await choose(web, used)) == (401, "credential_invalid")
    assert code(await web.get("/v1/keys", headers=token)) == (401, "credential_invalid")
    assert (await web.get("/admin/sign-ins", headers=console)).status_code == 401
    assert code(await web.post("/v1/login", BOSS)) == (401, "credential_invalid")
    again = bearer((await web.post("/v1/login", BOSS | {"password": NEW})).json()["access_token"])
    changes = (await web.get("/v1/audit?kind=account", headers=again)).json()["items"]
    (entry,) = [it for it in changes if it["action"] == "reset password"]
    assert (entry["who"], entry["name"]) == (entry["id"], "Boss")


async def test_nothing_that_staff_or_the_store_have_is_the_link(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    await appoint(web)
    await ask(web, BOSS["email"])
    (token,) = await mailed_tokens(stores, server)
    (row,), _ = await select(stores.postgres, None, None, limit=10, offset=0)
    assert "shown to nobody else" in row.body + row.html
    for table in ("mails", "password_resets", "mail_traces", "audit"):
        rows = await stores.postgres.fetch(f"SELECT * FROM {table}")
        assert token not in str([tuple(it) for it in rows]), table
    await stores.postgres.execute("UPDATE password_resets SET expires_at = now()")
    assert code(await choose(web, token)) == (401, "credential_invalid")


async def test_whoever_is_no_staff_gets_a_link_too(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    fan = {"email": STRANGER, "password": "correct horse"}
    await web.post("/v1/users", fan | {"name": "Fan"})
    for lost in (BOSS["email"], STRANGER):
        assert (await ask(web, lost)).status_code == 204
    (token,) = await mailed_tokens(stores, server)
    assert (await choose(web, token)).status_code == 204
    assert (await web.post("/v1/login", fan | {"password": NEW})).status_code == 200


async def test_the_answer_does_not_tell_who_has_an_account(web: Web, stores: Stores) -> None:
    await appoint(web)

    def visible_part(answer: httpx.Response) -> tuple[int, bytes, list[str]]:
        return answer.status_code, answer.content, sorted(answer.headers)

    known, unknown = await ask(web, BOSS["email"]), await ask(web, STRANGER)
    assert visible_part(known) == visible_part(unknown)
    pages = [
        await web.post("/admin/forgot-password", data={"email": it}, headers=OURS)
        for it in (BOSS["email"], STRANGER)
    ]
    assert pages[0].text.replace(BOSS["email"], STRANGER) == pages[1].text
    traces = await stores.postgres.fetch(
        "SELECT count(*) FROM mail_traces WHERE kind = 'reset_password' GROUP BY recipient"
    )
    assert [it[0] for it in traces] == [2, 2], "both are counted"
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails") == 2
    assert field_of(await ask(web, "no address")) == "email"


async def test_neither_a_mailbox_nor_a_network_gets_more_than_its_share(web: Web, stores: Stores) -> None:
    await appoint(web)
    count = "SELECT count(*) FROM mails WHERE kind = 'reset_password'"
    for n in range(LINKS_A_DAY + 2):
        assert (await ask(web, BOSS["email"])).status_code == 204, n
    assert await stores.postgres.fetchval(count) == LINKS_A_DAY
    for n in range(ASKING_AN_HOUR - LINKS_A_DAY):
        await ask(web, f"{n}@example.org")
    await web.post("/v1/users", {"email": STRANGER, "name": "S", "password": "correct horse"})
    await ask(web, STRANGER)
    assert await stores.postgres.fetchval(count) == LINKS_A_DAY, "no more mail from there for an hour"


async def test_the_pages(web: Web, stores: Stores, server: MailServer, worker: WorkerContext) -> None:
    await appoint(web)
    assert "/admin/forgot-password" in (await web.get("/admin")).text
    assert 'name="email"' in (await web.get("/admin/forgot-password")).text
    wrong = await web.post("/admin/forgot-password", data={"email": "x"}, headers=OURS)
    assert (wrong.status_code, "not an e-mail address" in wrong.text) == (422, True)
    sent = await web.post("/admin/forgot-password", data={"email": BOSS["email"]}, headers=OURS)
    assert "we have sent it a link" in sent.text
    (token,) = await mailed_tokens(stores, server)
    path = f"/admin/reset-password?token={token}"
    for _ in range(2):  # merely opening it, as mail scanners do, does not use it up
        assert token in (await web.get(path)).text
    for new, message in (("short", "10 to 200 characters"), ("1234567890", "commonest")):
        form = {"token": token, "new_password": new}
        refused = await web.post("/admin/reset-password", data=form, headers=OURS)
        assert (refused.status_code, message in refused.text, token in refused.text) == (422, True, True)
    form = {"token": token, "new_password": NEW}
    assert "is changed" in (await web.post("/admin/reset-password", data=form, headers=OURS)).text
    for over in (await web.get(path), await web.post("/admin/reset-password", data=form, headers=OURS)):
        assert (over.status_code, "has been used or has expired" in over.text) == (401, True)
    assert (await signed_in(web, NEW)).status_code == 303


@pytest.mark.parametrize(
    "lacking", [{"smtp_url": SecretStr("")}, {"public_url": ""}], ids=["mail", "address"]
)
async def test_without_mail_or_an_address_of_ours_one_is_sent_to_people(
    settings: Settings, stores: Stores, lacking: dict[str, object]
) -> None:
    """The link is never built from `Host`."""
    async with served(settings.model_copy(update=lacking)) as web:
        await appoint(web)
        before = await everything(stores)
        for email in (BOSS["email"], STRANGER):
            refused = await ask(web, email, Host="evil.example")
            assert code(refused) == (409, "conflict")
            assert "Ask another admin" in refused.json()["detail"]
        page = await web.get("/admin/forgot-password")
        assert "Ask another admin" in page.text
        assert "<form" not in page.text
        ours = {"Origin": "http://fairgate.test"} if "public_url" in lacking else OURS
        sent = await web.post("/admin/forgot-password", data={"email": BOSS["email"]}, headers=ours)
        assert (sent.status_code, "Ask another admin" in sent.text) == (409, True)
        assert await everything(stores) == before


async def signed_in(web: Web, password: str) -> httpx.Response:
    form = {"email": BOSS["email"], "password": password}
    return await web.post("/admin/sign-in", data=form, headers=OURS)
