"""What cannot be processed is set aside after a few tries while the rest continues; staff can retry it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from asyncpg import UndefinedColumnError

from app.core.account import COMMAND_LINE
from app.notifications.channels import webhooks
from app.notifications.relay import relay
from app.set_aside import failures
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.notifications import mails, outbox
from app.store.sql.set_aside import SetAside
from tests.notifications.test_outbox import hold, read_stream
from tests.routes.conftest import Web
from tests.support.mails import make_due, queue_mails, states
from tests.support.receiver import receiving
from tests.support.sales import a_sale
from tests.support.waiting import wait_until
from tests.support.webhooks import OPEN, a_webhook
from tests.worker.test_jobs import at_work
from worker.channels import send_queued
from worker.notices import deliver_notices, relay_notices


async def only(stores: Stores) -> SetAside | None:
    """The only thing set aside, if any."""
    found = await failures.newest(stores, limit=10)
    assert len(found) <= 1
    return found[0] if found else None


def becomes(ask: Callable[[], Awaitable[object]], wanted: object) -> Callable[[], Awaitable[bool]]:
    """A check whether this has the expected value by now."""

    async def found() -> bool:
        return await ask() == wanted

    return found


async def again(web: Web, it: SetAside) -> None:
    """Staff open the health page, and retry it from there."""
    staff = await web.staff("operator")
    page = (await web.get("/admin/health", headers=staff)).text
    assert it.subject in page
    assert "Needs attention" in page
    action = re.findall(r'action="(/admin/health/set-aside/\d+/again)"', page)[0]
    assert (await web.post(action, data={}, headers=staff)).status_code == 303
    assert await only(web.app.stores) is None
    missing = await web.post(action, data={}, headers=staff)
    assert missing.status_code == 404
    log = (await web.get(f"/v1/audit?kind=set%20aside%20{it.kind}", headers=web.as_("operator"))).json()
    assert [entry["action"] for entry in log["items"]] == ["try again"]


async def test_a_change_that_cannot_be_told_holds_up_no_other(stores: Stores, web: Web) -> None:
    await a_sale(stores)
    await hold(stores, "r1")
    insert = "INSERT INTO outbox (type, subjects) VALUES ('room.opened', '{hall}') RETURNING number"
    number = await stores.postgres.fetchval(insert)  # without its data
    await hold(stores, "r2")

    async def event_types() -> list[str]:
        return [it["data"].split('"reservation_id": "')[1][:2] for it in await read_stream(stores)]

    async with at_work(stores, relay_notices):
        await wait_until(lambda: only(stores), "it to be set aside")
        await wait_until(becomes(event_types, ["r1", "r2"]), "the others to be relayed")
        await hold(stores, "r3")
        await wait_until(becomes(event_types, ["r1", "r2", "r3"]), "later ones to be relayed")
    it = await only(stores)
    assert it is not None
    assert (it.kind, it.subject) == ("notice", str(number))
    assert "room.opened" in it.content
    assert await outbox.lag_s(stores.postgres) == 0
    await stores.postgres.execute("UPDATE outbox SET data = '{}' WHERE number = $1", number)
    await again(web, it)
    async with at_work(stores, relay_notices):
        await wait_until(becomes(lambda: outbox.lag_s(stores.postgres), 0), "it to be relayed")
    told_of = [it["type"] for it in await read_stream(stores) if it["type"] != "alert.started"]  # of workers
    assert len(told_of) == 4


async def test_a_mail_that_cannot_be_written_holds_up_no_other(stores: Stores, web: Web) -> None:
    await a_sale(stores)
    await queue_mails(stores, "a@example.org", "b@example.org", "c@example.org")
    await stores.postgres.execute("UPDATE reservations SET items = '7' WHERE reservation_id = 'res-001'")

    async def of_b() -> str:
        await make_due(stores)  # no need to wait
        return (await states(stores))["b@example.org"][0]

    async with at_work(stores, send_queued, Settings(secret=web.settings.secret)):
        await wait_until(becomes(of_b, "given_up"), "the end of it")
        await wait_until(becomes(lambda: mails.pending(stores.postgres), 0), "the others")
    assert {email: state for email, (state, _) in (await states(stores)).items()} == {
        "a@example.org": "kept",
        "b@example.org": "given_up",
        "c@example.org": "kept",
    }
    it = await only(stores)
    assert it is not None
    assert (it.kind, it.room_id) == ("mail", "hall")
    await again(web, it)
    assert await of_b() == "waiting"


async def test_a_delivery_that_breaks_holds_up_no_other(stores: Stores, web: Web) -> None:
    await a_sale(stores)
    async with receiving() as receiver, receiving() as other:
        target = await a_webhook(stores, receiver)
        await webhooks.create(stores, OPEN, other.url, (), "", by=COMMAND_LINE)
        spoilt = "UPDATE webhooks SET secret = $1 WHERE webhook_id = $2"
        await stores.postgres.execute(spoilt, "whsec_=", target.webhook_id)
        await hold(stores, "r1")

        async def waits() -> int:
            await stores.postgres.execute("UPDATE deliveries SET due_at = now()")  # no need to wait
            return int(
                await stores.postgres.fetchval("SELECT count(*) FROM deliveries WHERE given_up_at IS NULL")
            )

        async with at_work(stores, relay_notices), at_work(stores, deliver_notices, OPEN):
            await wait_until(lambda: only(stores), "it to be set aside")
            await wait_until(becomes(waits, 0), "the other to be delivered")
        assert len(other.of("r1")) == 1
        it = await only(stores)
        assert it is not None
        assert (it.kind, it.subject.partition("/")[0]) == ("webhook", target.webhook_id)
        await stores.postgres.execute(spoilt, target.secret, target.webhook_id)
        await again(web, it)
        async with at_work(stores, deliver_notices, OPEN):
            await wait_until(becomes(waits, 0), "it to be delivered")
        assert len(receiver.of("r1")) == 1


async def test_a_delivery_to_a_webhook_that_is_gone_stays_set_aside(stores: Stores, web: Web) -> None:
    await failures.set_aside(stores, "webhook", "gone/1/1", "ValueError: x", content="", room_id=None)
    it = await only(stores)
    assert it is not None
    staff, path = await web.staff("operator"), f"/admin/health/set-aside/{it.set_aside_id}"
    assert (await web.post(f"{path}/again", data={}, headers=staff)).status_code == 409
    assert await only(stores) == it
    assert (await web.get("/v1/audit?kind=set%20aside%20webhook", headers=web.as_("operator"))).json()[
        "items"
    ] == []


async def test_what_is_wrong_with_everything_sets_nothing_aside(stores: Stores) -> None:
    """Otherwise a single faulty statement of ours would set aside every event that others should receive."""
    await a_sale(stores)
    await hold(stores, "r1")
    await hold(stores, "r2")
    rename = "ALTER TABLE mails RENAME {} TO {}"
    await stores.postgres.execute(rename.format("visitor_id", "gone"))
    try:
        for apart in (False, True):
            with pytest.raises(UndefinedColumnError):
                await relay(stores, apart=apart)
        assert await only(stores) is None
    finally:
        await stores.postgres.execute(rename.format("gone", "visitor_id"))
    assert await relay(stores) == 2


async def test_what_was_answered_can_only_be_dismissed(stores: Stores, web: Web) -> None:
    await failures.set_aside(stores, "reservation", "hall r1", "ValueError: x", content="", room_id="hall")
    it = await only(stores)
    assert it is not None
    staff, path = await web.staff("operator"), "/admin/health/set-aside"
    page = (await web.get("/admin/health", headers=staff)).text
    assert "ValueError: x" in page
    assert f"{path}/{it.set_aside_id}/again" not in page
    again = await web.post(f"{path}/{it.set_aside_id}/again", data={}, headers=staff)
    assert again.status_code == 409
    assert await only(stores) == it
    dismissed = await web.post(f"{path}/{it.set_aside_id}/dismiss", data={}, headers=staff)
    assert dismissed.status_code == 303
    assert await only(stores) is None
    for wrong in ("x", "0", "9" * 30):
        answer = await web.post(f"{path}/{wrong}/dismiss", data={}, headers=staff)
        assert answer.status_code == 404
