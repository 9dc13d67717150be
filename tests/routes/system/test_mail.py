"""Mail as people receive it: they join over HTTP, and the worker's jobs send to a real SMTP server."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from app.store.connections import Stores
from app.store.sql.notifications.mail_queue import queue_of_reminders
from tests.routes.conftest import Web
from tests.routes.mailing import (
    ANN,
    BASE,
    buy,
    confirm_all,
    inside,
    register,
    server,
    settings,
    text_of,
    wait_for_mail,
    wait_until_sent,
)
from tests.support.mail_server import MailServer
from worker.context import WorkerContext

__all__ = ["server", "settings"]


async def test_every_kind_is_sent_once(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    await web.event(venue="The <Old> Hall")
    turn_of = await web.join("gala", json={"email": "late@example.org", "locale": "en"})
    await confirm_all(web)
    turn = await wait_for_mail(server, "It is your turn: Gala")
    assert (turn["To"], f"{BASE}/rooms/gala" in text_of(turn)) == ("late@example.org", True)
    assert turn_of["visitor_id"] not in turn.as_string()
    place, booking = await inside(web, "gala", json={"email": "ann@example.org"})
    held = (await web.reserve("gala", booking, 2)).json()
    first = await wait_for_mail(server, "Your tickets are held: Gala")
    assert "2 \u00d7 Floor, €50.00 each\nTotal: €100.00" in text_of(first)
    assert "Tuesday, 1 January 2030, 20:00 UTC" in text_of(first)
    path = f"/v1/reservations/{held['reservation_id']}"
    body = {"payment": {"method": "card", "token": "tok_ok"}}
    paid = await web.post(f"{path}/confirm", body, headers={**place, "Idempotency-Key": "p"})
    tickets = await wait_for_mail(server, "Your tickets: Gala")
    assert all(it["code"] in text_of(tickets) for it in paid.json()["tickets"])
    assert "The &lt;Old&gt; Hall" in text_of(tickets, "html")
    pictures = [it for it in tickets.walk() if it.get_content_type() == "image/png"]
    named = re.findall(r'src="cid:(.+?)"', text_of(tickets, "html"))
    assert [it["Content-ID"] for it in pictures] == [f"<{name}>" for name in named]
    assert [it.get_content()[:4] for it in pictures] == [b"\x89PNG"] * 2
    # It starts tomorrow: earlier buyers are reminded, by whichever worker gets to it first.
    await stores.postgres.execute("UPDATE reservations SET confirmed_at = now() - interval '3 days'")
    await stores.postgres.execute("UPDATE events SET starts_at = now() + interval '20 hours'")
    await asyncio.gather(*(reminded(stores) for _ in range(3)))
    await wait_for_mail(server, "Coming up: Gala")
    await web.post(f"{path}/cancel", headers=place)
    await wait_for_mail(server, "Your reservation was cancelled: Gala")
    assert "€100.00" in text_of(await wait_for_mail(server, "Your refund is on its way: Gala"))
    await stores.postgres.execute("UPDATE outbox SET streamed_at = NULL")  # as after a loss of Redis
    await reminded(stores)
    await wait_until_sent(stores)
    to_ann = [it["Subject"] for it in server.received() if it["To"] == "ann@example.org"]
    assert len(to_ann) == len(set(to_ann))
    assert {it["From"] for it in server.received()} == {"Tickets <tickets@example.org>"}
    ids = await stores.postgres.fetch("SELECT mail_id FROM mails WHERE state = 'sent'")
    assert {it["Message-ID"] for it in server.received()} == {f"<{it['mail_id']}@example.org>" for it in ids}


async def reminded(stores: Stores) -> None:
    """One check for reminders that are due."""

    await queue_of_reminders(stores.postgres)


@pytest.mark.parametrize(
    ("starts_in", "bought_ago"), [("25 hours", "3 days"), ("-1 minutes", "3 days"), ("20 hours", "1 hour")]
)
async def test_who_is_not_reminded(
    web: Web, stores: Stores, worker: WorkerContext, starts_in: str, bought_ago: str
) -> None:
    await web.event()
    await buy(web)
    await stores.postgres.execute(f"UPDATE reservations SET confirmed_at = now() - interval '{bought_ago}'")
    await stores.postgres.execute(f"UPDATE events SET starts_at = now() + interval '{starts_in}'")
    await reminded(stores)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails WHERE kind = 'reminder'") == 0


async def test_without_an_address_nothing_is_written(web: Web, stores: Stores, worker: WorkerContext) -> None:
    await web.event()
    _, booking = await inside(web, "gala")
    assert (await web.reserve("gala", booking)).status_code == 201
    await wait_until_sent(stores)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails") == 0
    assert await stores.postgres.fetchval("SELECT count(*) FROM mailboxes") == 0


async def test_an_account_is_written_to_without_being_asked(
    web: Web, server: MailServer, worker: WorkerContext
) -> None:
    await web.event()
    _, booking = await inside(web, "gala", headers=await register(web, ANN))
    assert (await web.reserve("gala", booking)).status_code == 201
    held = await wait_for_mail(server, "Your tickets are held: Gala")
    assert held["To"] == "ann@example.org"
    assert "claim" not in text_of(held)  # it already belongs to the account


async def test_an_address_is_forgotten_with_what_was_written_to_it(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event()
    _, place = await buy(web)
    await wait_until_sent(stores)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails") >= 1
    for _ in range(2):
        removed = await web.send("DELETE", "/v1/rooms/gala/places/me/email", headers=place)
        assert removed.status_code == 204
    for table in ("mails", "mailboxes"):
        assert await stores.postgres.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_an_address_is_in_no_log_and_no_notice(web: Web, stores: Stores, worker: WorkerContext) -> None:
    await web.event()
    await buy(web, email="secret-ann@example.org")
    await wait_until_sent(stores)
    audit = await web.get("/v1/audit", headers=web.as_("admin"))
    assert "secret-ann" not in audit.text
    client: Any = stores.redis
    assert "secret-ann" not in str(await client.xrange("fairgate:events"))


async def test_without_a_server_staff_reads_them_in_the_console(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event()
    await buy(web)
    await wait_until_sent(stores)
    assert (await web.get("/admin/mail")).status_code == 401
    staff = await web.staff("operator")
    shown = await web.get("/admin/mail", headers=staff)
    assert "FAIRGATE_SMTP_URL" in shown.text
    assert shown.text.count(">kept<") >= 1
    [mail_path] = re.findall(r'href="(/admin/mail/[0-9a-f-]+)">Your tickets: Gala', shown.text)
    mail = await web.get(mail_path, headers=staff)
    assert "ann@example.org" in mail.text
    [frame] = re.findall(r"<iframe[^>]*>", mail.text)
    assert " sandbox " in frame
    assert frame.count("data:image/png;base64,") == 2
    policy = mail.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    again = await web.post(f"{mail_path}/again", headers=staff)
    assert again.status_code == 303
    await wait_until_sent(stores)
    log = (await web.get("/v1/audit?kind=mail", headers=web.as_("admin"))).json()["items"]
    assert [(it["action"], it["before"], it["after"]) for it in log] == [
        ("send again", {"state": "kept"}, {"state": "waiting"})
    ]
    assert (await web.get(f"/admin/mail/{'0' * 36}", headers=staff)).status_code == 404
