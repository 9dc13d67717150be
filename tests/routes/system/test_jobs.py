"""Jobs started by staff: files, cancellations, messages; on several workers, killed and stopped."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from typing import Any

import pytest
from arq.worker import Worker

from app.core.jobs import UNFINISHED_MAX, JobKind
from app.core.model import EventId
from app.jobs import steps
from app.notifications.channels import email
from app.reservations import consistency
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.job_queue import enqueue_step, open_queue
from app.store.sql.jobs import jobs as stored
from app.web.console.orders import orders
from tests.routes.conftest import Web
from tests.routes.orders.test_orders import a_purchase
from tests.routes.test_console_pages import actions, fetch, submit
from tests.support.waiting import wait_until
from worker import jobs as worker_jobs
from worker.context import WorkerContext
from worker.main import worker_settings

SAYS = {"event": "gala", "subject": "Doors at seven", "text": "Dear guests,\r\n\r\n<please> come early."}


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few orders make several steps, and several jobs in the queue."""
    for kind, (_, work) in steps.STEPS.items():
        monkeypatch.setitem(steps.STEPS, kind, (1, work))
    monkeypatch.setattr(steps, "TRIES_MAX", 2)
    monkeypatch.setattr(worker_jobs, "STEPS_S", 0.01)
    monkeypatch.setattr(worker_jobs, "LATER_S", 0.05)
    monkeypatch.setattr(orders, "STREAMED_MAX", 1)


async def run_queue(stores: Stores, settings: Settings, workers: int = 2) -> None:
    """Let arq workers process the queue, and everything that follows from it."""

    async def work() -> None:
        made = worker_settings(settings) | {"cron_jobs": [], "burst": True, "poll_delay": 0.02}
        made["ctx"]["worker"] = WorkerContext(settings, stores, "jobs", asyncio.Event(), made["redis_pool"])
        worker = Worker(**made, handle_signals=False)
        await worker.main()
        assert worker.jobs_failed == 0
        await worker.pool.aclose()

    await asyncio.gather(*(work() for _ in range(workers)))


async def start_job(web: Web, path: str, staff: dict[str, str], **form: str) -> str:
    """The id of the job created by a form."""
    answer = await submit(web, path, staff, **form)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/admin/jobs/")


async def state(stores: Stores, job_id: str) -> tuple[str, int, int | None, int]:
    """State, done, total, failed."""
    found = await stored.select_one(stores.postgres, job_id)
    assert found is not None
    return found.state, found.done, found.total, found.failed


async def test_a_file_of_many_orders_is_made_and_downloaded(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=20)
    bought = [(await a_purchase(web))[0] for _ in range(3)]
    olga = await web.staff("operator", "olga")
    page = await fetch(web, "/admin/orders?event=gala&status=confirmed", olga)
    assert "Make the file" in page
    assert "/admin/orders.csv" not in page
    assert "Write to the buyers" not in page  # this requires an admin
    job_id = await start_job(web, "/admin/orders/file", olga, event="gala", status="confirmed")
    queued = await fetch(web, f"/admin/jobs/{job_id}", olga)
    assert "Waiting for a worker" in queued
    assert (await web.get(f"/admin/jobs/{job_id}/file", headers=olga)).status_code == 409
    for made in range(1, 5):  # as if workers had died: several continue it, and one succeeds
        await enqueue_step(web.app.job_queue, job_id, made)
    await run_queue(stores, settings)
    assert await state(stores, job_id) == ("done", 3, 3, 0)
    for path in ("/admin/jobs", f"/admin/jobs/{job_id}"):
        assert f'href="/admin/jobs/{job_id}/file"' in await fetch(web, path, olga)
    file = await web.get(f"/admin/jobs/{job_id}/file", headers=olga)
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    streamed = await web.get("/v1/events/gala/orders.csv?status=confirmed", headers=web.as_("operator"))
    assert file.text == streamed.text
    assert [it["reservation_id"] for it in csv.DictReader(io.StringIO(file.text))] == bought
    assert await actions(web, "job") == ["start"]
    nothing = await start_job(web, "/admin/orders/file", olga, status="expired")
    await run_queue(stores, settings)
    assert await state(stores, nothing) == ("done", 0, 0, 0)
    assert (await web.get(f"/admin/jobs/{nothing}/file", headers=olga)).text.count("\n") == 1


SET_STATUS = "UPDATE reservations SET status = $2 WHERE reservation_id = $1"


async def test_orders_of_an_event_are_cancelled_and_paid_back_and_what_cannot_be_is_listed(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=20)
    await web.event("matinee")
    other, _ = await a_purchase(web, "matinee")
    bought = [(await a_purchase(web))[0] for _ in range(3)]
    _, booking = await web.inside("gala")
    held = (await web.reserve("gala", booking)).json()["reservation_id"]
    stuck, *rest = bought
    await stores.postgres.execute(SET_STATUS, stuck, "paying")
    olga, boss = await web.staff("operator", "olga"), await web.staff("admin", "boss")
    assert (await submit(web, "/admin/orders/cancel", olga, event="gala")).status_code == 403
    assert (await submit(web, "/admin/orders/cancel", boss)).status_code == 422  # without an event
    assert "Cancel and refund all" in await fetch(web, "/admin/orders?event=gala", boss)
    job_id = await start_job(web, "/admin/orders/cancel", boss, event="gala")
    again = await submit(web, "/admin/orders/cancel", boss, event="gala")
    assert again.status_code == 409  # pressed twice
    await run_queue(stores, settings)
    assert await state(stores, job_id) == ("done", 4, 4, 1)
    page = await fetch(web, f"/admin/jobs/{job_id}", olga)
    assert re.findall(r'href="/admin/orders/([\w-]{22})"', page) == [stuck]
    assert "A payment is under way" in page
    rows = await stores.postgres.fetch("SELECT reservation_id, status FROM reservations")
    assert {row[0]: row[1] for row in rows} == {
        **dict.fromkeys((*rest, held), "cancelled"),
        stuck: "paying",
        other: "confirmed",
    }

    async def refunded() -> bool:
        found = await stores.postgres.fetch("SELECT reservation_id FROM payments WHERE status = 'refunded'")
        return sorted(row[0] for row in found) == sorted(rest)

    await wait_until(refunded, "the refunds")
    assert await actions(web, "reservation") == ["cancel"] * 3
    assert "Staff: cancel" in await fetch(web, f"/admin/orders/{held}", boss)
    await stores.postgres.execute(SET_STATUS, stuck, "confirmed")
    assert await consistency.check(stores, EventId("gala")) == []


async def test_a_message_reaches_each_buyer_once(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=20)
    for name in ("ann", "bob", "ann"):
        await a_purchase(web, email=f"{name}@example.org")
    await a_purchase(web)  # left no address
    boss = await web.staff("admin", "boss")
    form = await fetch(web, "/admin/orders/message?event=gala", boss)
    assert 'name="event" value="gala"' in form
    for wrong in (
        {"subject": " "},
        {"text": ""},
        {"subject": "two\nlines"},
        {"text": "a\0b"},
        {"event": "A B"},
    ):
        assert (await submit(web, "/admin/orders/message", boss, **SAYS | wrong)).status_code == 422, wrong
    assert (await submit(web, "/admin/orders/message", boss, **SAYS | {"event": "none"})).status_code == 404
    job_id = await start_job(web, "/admin/orders/message", boss, **SAYS)
    twice = await submit(web, "/admin/orders/message", boss, **SAYS)
    assert twice.status_code == 409
    assert "Doors at seven" in twice.text  # the text is not lost
    await run_queue(stores, settings)
    assert await state(stores, job_id) == ("done", 3, 3, 0)
    assert "Dear guests," in await fetch(web, f"/admin/jobs/{job_id}", boss)

    async def written() -> list[Any]:
        found = await stores.postgres.fetch(
            "SELECT recipient, subject, body, html FROM mails WHERE kind = 'message' AND state = 'kept'"
        )
        return found if len(found) == 3 else []

    found = await wait_until(written, "the mails")
    assert sorted(it["recipient"] for it in found) == ["ann@example.org"] * 2 + ["bob@example.org"]
    for mail in found:
        assert mail["subject"] == "Doors at seven"
        assert "Dear guests,\n\n<please> come early." in mail["body"]
        assert "<p>&lt;please&gt; come early.</p>" in mail["html"]
    assert (await email.page(stores, limit=9, offset=0))[1] >= 3


async def test_a_step_that_is_killed_has_not_happened_and_the_job_goes_on(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=20)
    for name in ("ann", "bob"):
        await a_purchase(web, email=f"{name}@example.org")
    boss = await web.staff("admin", "boss")
    job_id = await start_job(web, "/admin/orders/message", boss, **SAYS)
    await stores.redis.delete("fairgate:jobs")  # as if the queue had been unreachable: it is empty
    assert await steps.step(stores, job_id) == "more"
    async with stores.postgres.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM mailboxes FOR UPDATE")  # a step waits here
        killed = asyncio.ensure_future(steps.step(stores, job_id))

        async def waiting() -> bool:
            return bool(
                await stores.postgres.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                )
            )

        await wait_until(waiting, "the step to wait")
        assert await steps.step(stores, job_id) == "over"  # another worker skips it
        killed.cancel()
        await asyncio.wait({killed})
    assert await state(stores, job_id) == ("running", 0, 2, 0)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails WHERE kind = 'message'") == 0
    async with open_queue(settings) as queue:
        ctx = WorkerContext(settings, stores, "jobs", asyncio.Event(), queue)
        await worker_jobs.resume_jobs(ctx)
        assert await queue.zcard(queue.default_queue_name) == 0  # somebody may still be working on it
        await stores.postgres.execute("UPDATE jobs SET changed_at = now() - interval '1 minute'")
        for _ in range(2):
            await worker_jobs.resume_jobs(ctx)
            await enqueue_step(queue, job_id, 1)
        assert await queue.zcard(queue.default_queue_name) == 1
    await run_queue(stores, settings)
    assert await state(stores, job_id) == ("done", 2, 2, 0)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mails WHERE kind = 'message'") == 2


async def test_a_job_is_stopped_and_what_is_done_stays_done(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=20)
    bought = [(await a_purchase(web))[0] for _ in range(2)]
    olga, boss = await web.staff("operator", "olga"), await web.staff("admin", "boss")
    job_id = await start_job(web, "/admin/orders/cancel", boss, event="gala")
    for _ in range(2):
        await steps.step(stores, job_id)
    path = f"/admin/jobs/{job_id}"
    assert f'action="{path}/stop"' in await fetch(web, path, boss)
    assert f'action="{path}/stop"' not in await fetch(web, path, olga)
    assert (await submit(web, f"{path}/stop", olga)).status_code == 403
    assert (await submit(web, f"{path}/stop", boss)).status_code == 303
    assert (await submit(web, f"{path}/stop", boss)).status_code == 409
    await run_queue(stores, settings)
    assert await state(stores, job_id) == ("stopped", 1, 2, 0)
    rows = await stores.postgres.fetch("SELECT reservation_id, status FROM reservations ORDER BY created_at")
    assert [tuple(row) for row in rows] == [(bought[0], "cancelled"), (bought[1], "confirmed")]
    assert await actions(web, "job") == ["stop", "start"]
    missing = f"/admin/jobs/{'0' * 36}"
    assert (await web.get(missing, headers=boss)).status_code == 404
    assert (await web.get(f"{path}/file", headers=boss)).status_code == 404
    assert (await submit(web, f"{missing}/stop", boss)).status_code == 404


async def test_there_are_only_so_many_and_one_that_breaks_again_and_again_is_given_up(
    web: Web, stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await web.event()
    olga = await web.staff("operator", "olga")
    for _ in range(UNFINISHED_MAX):
        broken = await start_job(web, "/admin/orders/file", olga)
    refused = await submit(web, "/admin/orders/file", olga)
    assert refused.status_code == 409
    assert f"{UNFINISHED_MAX} jobs are" in refused.text
    await stores.postgres.execute("ALTER TABLE job_items RENAME TO elsewhere")
    try:
        for _ in range(stored.BREAKS_MAX):
            with pytest.raises(Exception, match="job_items"):
                await steps.step(stores, broken)
    finally:
        await stores.postgres.execute("ALTER TABLE elsewhere RENAME TO job_items")
    assert await state(stores, broken) == ("failed", 0, None, 0)
    assert "UndefinedTableError" in await fetch(web, f"/admin/jobs/{broken}", olga)
    much = await start_job(web, "/admin/orders/file", olga)  # there is room for one more
    await stores.postgres.execute(
        "INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency, "
        "fingerprint, expires_at) VALUES ('r', 'gala', 'v', 'expired', '[]', 0, 'EUR', 'f', now())"
    )
    monkeypatch.setattr(steps, "ITEMS_MAX", 0)
    assert await steps.step(stores, much) == "over"
    assert await state(stores, much) == ("failed", 0, None, 0)
    assert "Choose fewer" in await fetch(web, f"/admin/jobs/{much}", olga)
    monkeypatch.undo()
    listed = await fetch(web, "/admin/jobs", olga)
    assert f"{UNFINISHED_MAX + 1} in total" in listed
    await run_queue(stores, settings)


def test_every_kind_has_its_steps_its_words_and_its_role() -> None:
    from typing import get_args

    from app.web.console.system.jobs import ROLES, WORDS

    kinds = set(get_args(JobKind))
    assert set(steps.STEPS) == set(steps.LISTS) == set(WORDS) == set(ROLES) == kinds
