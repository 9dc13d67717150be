"""Alerts: problems appear at the top of all console pages, and are sent by e-mail and webhook once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from app.core.monitoring.alert_rules import RULES
from app.core.monitoring.alerts import Key, Memory
from app.monitoring.alert_board import AlertLine
from app.monitoring.alert_reading import Reader
from app.monitoring.alerts import Watch, evaluate_rules
from app.notifications.channels import email
from app.settings import Settings
from app.store.connections import Stores
from app.web.console.frame import CONSOLE
from app.web.console.system.runbook import rendered
from tests.routes.conftest import Web, code, field_of
from tests.routes.mailing import ANN, register
from tests.support.mail_server import MailServer, mail_server
from tests.support.receiver import receiving
from tests.support.waiting import wait_until
from tests.support.webhooks import a_webhook, deliver
from tests.worker.test_jobs import at_work
from worker.admission import report

HERE = "/admin/alerts"
NO_WORKER = "No worker is running"
OLD = "The key that signs booking tokens is 400 days old."


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """The settings, with the SMTP server if a test has one."""
    update: dict[str, Any] = {"public_url": "https://tickets.example.org", "mail_from": "a@example.org"}
    if "server" in request.fixturenames:
        update["smtp_url"] = SecretStr(request.getfixturevalue("server").url)
    return settings.model_copy(update=update)


async def age_key(stores: Stores, days: int) -> None:
    """Make the key that signs booking tokens this old."""
    await stores.postgres.execute(
        "UPDATE signing_keys SET created_at = now() - make_interval(days => $1) WHERE purpose = 'booking'",
        days,
    )


async def opened(web: Web) -> list[dict[str, Any]]:
    """The open alerts, as returned by the API."""
    found = await web.get("/v1/alerts?state=open", headers=web.as_("operator"))
    items: list[dict[str, Any]] = found.json()["items"]
    return items


def watch_of(web: Web) -> Watch:
    """The initial memory of a worker."""
    return Watch(Reader(web.app.queues, web.settings))


async def test_an_alert_is_told_once_above_every_page_by_e_mail_and_by_webhook(
    web: Web, stores: Stores, server: MailServer
) -> None:
    watch, mailer = watch_of(web), email.open_mailer(web.settings)
    async with receiving() as receiver, at_work(stores, report):
        staff = await an_admin(web, stores)
        hook = await a_webhook(stores, receiver, "alert.started", "alert.ended")
        await age_key(stores, 400)
        for _ in range(3):
            assert await evaluate_rules(stores, watch, "w-1")
        assert not await evaluate_rules(
            stores, watch_of(web), "w-2"
        )  # only one at a time evaluates the rules
        [alert] = await opened(web)
        assert (alert["rule"], alert["subject"], alert["text"]) == ("key_old", "booking", OLD)
        assert (alert["severity"], alert["runbook"], alert["room_id"]) == ("ticket", "a-key-is-old", None)
        for path in ("/admin", "/admin/orders", "/admin/health", HERE):
            await wait_until(partial(is_on, web, path, staff, OLD), path)
        await deliver(stores, hook)
        await email.send_due(stores, mailer)
        await go_well(stores, watch)
        await deliver(stores, hook)
        while await email.send_due(stores, mailer):
            pass
        assert [it.document["type"] for it in receiver.received] == ["alert.started", "alert.ended"]
        assert receiver.received[0].document["data"]["text"] == OLD
        assert receiver.received[1].document["data"]["ended_at"] is not None
        first, last = server.received()
        assert (first["Subject"], first["To"]) == (f"Alert: {OLD}", "ann@example.org")
        assert last["Subject"] == f"Over: {OLD}"
        body = str(first.get_body(("plain",)).get_content())  # type: ignore[union-attr]
        assert "https://tickets.example.org/admin/runbook#a-key-is-old" in body
        assert await opened(web) == []
        page = (await web.get(HERE, headers=staff)).text
        assert "Nothing is wrong that Fairgate can see." in page
        assert OLD in page.partition("What was")[2]


async def an_admin(web: Web, stores: Stores) -> dict[str, str]:
    """A signed-in admin with an address who asks for e-mails."""
    await register(web, ANN)
    await stores.postgres.execute("UPDATE accounts SET role = 'admin'")
    staff = await web.staff("admin", await stores.postgres.fetchval("SELECT account_id FROM accounts"))
    assert "Nobody gets e-mails yet" in (await web.get(HERE, headers=staff)).text
    answer = await web.post(f"{HERE}/mailing", data={"severity": "ticket"}, headers=staff)
    assert answer.status_code == 303
    assert "1 of staff gets e-mails" in (await web.get(HERE, headers=staff)).text
    return staff


async def go_well(stores: Stores, watch: Watch) -> None:
    """Replace the key, and let it have been in order for long enough."""
    await age_key(stores, 1)
    watch.reader._slow_at = 0.0
    watch.memory = Memory(well={Key("key_old", "", "booking"): 0})
    assert await evaluate_rules(stores, watch, "w-1")


async def is_on(web: Web, path: str, staff: dict[str, str], text: str) -> bool:
    """Whether a page shows this text, with a button to acknowledge it."""
    page = (await web.get(path, headers=staff)).text
    return text in page and "/acknowledge" in page


async def test_who_acknowledges_an_alert_is_named_and_it_steps_back(web: Web, stores: Stores) -> None:
    async with at_work(stores, report):
        await age_key(stores, 400)
        await evaluate_rules(stores, watch_of(web), "w-1")
        [alert] = await opened(web)
        path = f"/v1/alerts/{alert['alert_id']}/acknowledge"
        assert code(await web.post(path, headers=web.as_("operator"))) == (403, "role_required")
        assert code(await web.post("/v1/alerts/999/acknowledge", headers=web.as_("admin")))[0] == 404
        assert code(await web.post("/v1/alerts/x/acknowledge", headers=web.as_("admin")))[0] == 404
        for subject in ("ann", "bob"):  # the second time changes nothing
            acknowledged = (await web.post(path, headers=web.as_("admin", subject))).json()
            assert acknowledged["acknowledged_by"] == "ann"
        staff = await web.staff("admin", "ann")
        await wait_until(partial(is_quiet, web, staff), "the banner to disappear")
        assert "Acknowledged by ann" in (await web.get(HERE, headers=staff)).text
        log = (await web.get("/v1/audit?kind=alert", headers=web.as_("operator"))).json()
        assert [(it["action"], it["who"]) for it in log["items"]] == [("acknowledge", "ann")]
        await stores.postgres.execute("UPDATE alerts SET acknowledged_at = NULL, ended_at = now()")
        assert code(await web.post(path, headers=web.as_("admin"))) == (409, "conflict")


async def is_quiet(web: Web, staff: dict[str, str]) -> bool:
    """Whether a page merely mentions an alert that somebody has acknowledged."""
    page = (await web.get("/admin/orders", headers=staff)).text
    return OLD not in page and "1 acknowledged" in page


async def test_rules_are_set_for_all_sales_or_for_one(web: Web, stores: Stores) -> None:
    await web.room("hall")
    staff, rule = await web.staff("admin", "ann"), f"{HERE}/rule"
    ours = {"rule": "no_movement", "enabled": "1"}
    assert (await web.post(rule, data={**ours, "threshold": "90"}, headers=staff)).status_code == 303
    own = {**ours, "threshold": "1,200", "room_id": "hall"}
    assert (await web.post(rule, data=own, headers=staff)).headers[
        "location"
    ] == f"{HERE}?room_id=hall#no_movement"
    off = {"rule": "backlog", "threshold": "500", "room_id": "hall"}
    assert (await web.post(rule, data=off, headers=staff)).status_code == 303
    rows = await stores.postgres.fetch(
        "SELECT rule, room_id, enabled, threshold FROM alert_rules ORDER BY 1, 2"
    )
    assert [tuple(it) for it in rows] == [
        ("backlog", "hall", False, 500),
        ("no_movement", "hall", True, 1_200),
        ("no_movement", None, True, 90),
    ]
    page = (await web.get(f"{HERE}?room_id=hall", headers=staff)).text
    assert 'name="threshold" value="1200"' in page
    assert "Back to: 90 s" in page
    assert "disk" not in page  # not a rule of a room
    for wrong, says in (("5", "must be from 20 to 3,600"), ("soon", "must be a whole number")):
        refused = await web.post(rule, data={**ours, "threshold": wrong}, headers=staff)
        assert (refused.status_code, says in refused.text) == (422, True)
        assert f'value="{wrong}"' in refused.text
    back = {"rule": "no_movement", "room_id": "hall", "default": "1"}
    assert (await web.post(rule, data=back, headers=staff)).status_code == 303
    assert await stores.postgres.fetchval("SELECT count(*) FROM alert_rules") == 2
    log = (await web.get("/v1/audit?kind=alert_rule", headers=web.as_("operator"))).json()["items"]
    assert [(it["id"], it["action"], it["who"]) for it in log] == [
        ("hall/no_movement", "change", "ann"),
        ("hall/backlog", "change", "ann"),
        ("hall/no_movement", "change", "ann"),
        ("no_movement", "change", "ann"),
    ]
    assert (await web.post(rule, data=ours, headers=await web.staff("operator"))).status_code == 403
    assert (await web.get(f"{HERE}?room_id=nowhere", headers=staff)).status_code == 404
    assert field_of(await web.get("/v1/alerts?state=new", headers=web.as_("operator"))) == "state"


async def test_without_a_worker_every_page_says_so_and_it_is_written_down(web: Web, stores: Stores) -> None:
    staff = await web.staff("admin", "ann")
    watched = web.app.alert_board

    async def is_shown() -> bool:
        return NO_WORKER in (await web.get("/admin/orders", headers=staff)).text

    await wait_until(is_shown, "the banner")
    [path] = [it.path for it in CONSOLE if it.name == "alarms_now"]
    document = (await web.get(path, headers=staff)).json()
    assert (document["unseen"], len(document["urgent"])) == (1, 1)
    assert NO_WORKER in document["html"]
    for route in CONSOLE:
        if route.method == "GET" and "<" not in route.path and "/now" not in route.path:
            answer = await web.get(route.path, headers=staff)
            assert NO_WORKER in answer.text or "html" not in answer.headers["content-type"], route.path

    async def is_written() -> list[dict[str, Any]]:
        return await opened(web)

    [alert] = await wait_until(is_written, "its row")
    back = {**staff, "Referer": "http://fairgate.test/admin/orders?q=x"}
    acknowledged = await web.post(f"{HERE}/{alert['alert_id']}/acknowledge", data={}, headers=back)
    assert acknowledged.headers["location"] == "/admin/orders?q=x"
    assert not await is_shown()
    news: Any = watched.watch()
    assert [it.acknowledged_by for it in await anext(news)] == ["ann"]
    async with at_work(stores, report):
        assert await asyncio.wait_for(anext(news), 60) == ()  # before a worker has stored that
    await news.aclose()


def test_every_rule_leads_to_a_part_of_the_runbook_that_the_console_shows() -> None:
    parts = set(re.findall(r'<h2 id="([\w-]+)">', rendered()))
    assert {it.runbook for it in RULES} <= parts
    assert "href=" not in rendered()


async def test_the_runbook_is_in_the_console(web: Web) -> None:
    page = (await web.get("/admin/runbook", headers=await web.staff("operator"))).text
    assert '<h2 id="the-queue-stands-still">The queue stands still</h2>' in page
    assert "fairgate room pause ROOM" in page


def test_a_line_is_the_same_alert_before_and_after_it_was_written_down() -> None:
    line = AlertLine(0, "no_worker", "page", "x", "", "", 1_800_000_000_000, "no-worker-runs")
    assert line.name == msgspec.structs.replace(line, alert_id=7, since_ms=line.since_ms + 1).name
