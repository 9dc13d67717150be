"""The page about outgoing e-mail: the settings, the sender's DNS records, and a test mail that arrives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.settings import Settings
from tests.routes.access.test_people import appoint
from tests.routes.conftest import served
from tests.routes.mailing import wait_for_mail
from tests.support.mail_server import MailServer, mail_server
from tests.support.name_server import SILENT, name_server

PAGE = "/admin/mail/sender"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


async def test_what_is_set_is_shown_and_a_test_arrives(settings: Settings, server: MailServer) -> None:
    zone = {
        ("tickets.example.org.", "TXT"): ['"google-site=1"', '"v=spf1 include:mail.example.net ~all"'],
        ("_dmarc.tickets.example.org.", "TXT"): [SILENT],
    }
    mail = {"mail_from": "Box <box@tickets.example.org>", "smtp_url": SecretStr(server.url)}
    async with name_server() as names:
        names.zone |= zone
        now = settings.model_copy(update=mail | {"dns_servers": [names.address]})
        async with served(now) as web:
            boss = await appoint(web, "boss@example.org", "admin")
            assert "v=spf1" not in (await web.get(PAGE, headers=boss)).text
            assert not names.queries, "only on request"
            page = (await web.get(f"{PAGE}?look=1&selector=s1", headers=boss)).text
            assert "v=spf1 include:mail.example.net ~all" in page
            assert [page.count(f">{it}</span>") for it in ("there", "missing", "unknown")] == [1, 1, 1]
            assert ("s1._domainkey.tickets.example.org.", "TXT") in names.queries
            sent = await web.post(f"{PAGE}/test", data={}, headers=boss)
            assert "The server took a test to boss@example.org" in sent.text
            assert (await wait_for_mail(server, "A test from Fairgate"))["To"] == "boss@example.org"
            theirs = await appoint(web, "op@example.org")
            assert (await web.get(PAGE, headers=theirs)).status_code == 403


async def test_a_server_that_is_not_there_is_told_in_words_without_its_password(settings: Settings) -> None:
    url = SecretStr("smtp://me:do-not-tell@127.0.0.1:9")
    async with served(settings.model_copy(update={"mail_from": "a@example.org", "smtp_url": url})) as web:
        boss = await appoint(web, "boss@example.org", "admin")
        answer = await web.post(f"{PAGE}/test", data={}, headers=boss)
        assert (answer.status_code, "did not take it" in answer.text) == (502, True)
        assert "do-not-tell" not in answer.text
    async with served(settings) as web:
        boss = await appoint(web, "boss2@example.org", "admin")
        assert "not set: e-mails are written but not sent" in (await web.get(PAGE, headers=boss)).text
        assert (await web.post(f"{PAGE}/test", data={}, headers=boss)).status_code == 409
        token = await web.staff("admin")
        assert (await web.post(f"{PAGE}/test", data={}, headers=token)).status_code == 404, "no address"
