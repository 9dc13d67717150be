"""Mail through a real SMTP server that refuses, disappears and disconnects; workers that are killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.core.clock import now_ms
from app.notifications.channels.email import Mailer, open_mailer, send_due
from app.settings import Settings
from app.store.connections import Stores, connect_postgres
from app.store.keys import RoomKeys
from app.store.redis import busy
from app.store.sql.notifications import mailboxes
from app.store.sql.notifications import mails as stored
from app.store.sql.notifications.mailboxes import NewMailbox
from tests.conftest import Servers
from tests.platform.outside import killed_at_the_end
from tests.support.mail_server import MailServer, mail_server
from tests.support.mails import make_due, queue_mails, states
from tests.support.sales import HALL, a_sale
from tests.support.waiting import wait_until
from worker import mail
from worker.context import WorkerContext

pytestmark = pytest.mark.slow

KILLS = 3
EACH = 25


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    with mail_server(tmp_path) as found:
        yield found


@pytest.fixture
def mailer(server: MailServer) -> Mailer:
    settings = Settings(
        smtp_url=SecretStr(server.url), mail_from="tickets@example.org", secret=SecretStr("s" * 32)
    )
    return open_mailer(settings)


def a_worker(servers: Servers, database_url: str, server: MailServer) -> AbstractContextManager[None]:
    """`fairgate worker`, killed at the end."""
    return killed_at_the_end(
        "worker",
        FAIRGATE_REDIS_URL=servers.redis_url,
        FAIRGATE_DATABASE_URL=database_url,
        FAIRGATE_SMTP_URL=server.url,
        FAIRGATE_MAIL_FROM="tickets@example.org",
        FAIRGATE_SECRET="only for these tests",
        FAIRGATE_LOG_LEVEL="error",
    )


async def test_killed_again_and_again_nothing_is_sent_twice_and_nothing_lost(
    stores: Stores, servers: Servers, database_url: str, server: MailServer
) -> None:
    await a_sale(stores, {"floor": 1000})
    everybody = [f"fan-{number}@example.org" for number in range(KILLS * EACH)]
    for round_ in range(KILLS):
        await queue_mails(stores, *everybody[round_ * EACH : (round_ + 1) * EACH], first=round_ * EACH)
        before = len(server.subjects())
        with a_worker(servers, database_url, server):

            async def some(before: int = before) -> bool:
                return len(server.subjects()) > before + 3

            await wait_until(some, "the first mails", every_s=0.005)
        await make_due(stores)
    with a_worker(servers, database_url, server):

        async def over() -> bool:
            left = "SELECT count(*) FROM mails WHERE state IN ('waiting', 'handing_over')"
            return not await stores.postgres.fetchval(left)

        await wait_until(over, "the last mail")
    got = Counter(it["To"] for it in server.received())
    became = await states(stores)
    assert became.keys() == set(everybody)
    assert max(got.values()) == 1
    for email, (state, why) in became.items():
        # Mail that was in transmission when its worker was killed is recorded as such, delivered or not.
        assert state == "sent" or (state == "unclear" and why), email
        assert got[email] == 1 or state == "unclear", email
    assert sum(state == "unclear" for state, _ in became.values()) <= KILLS * 4  # one per lane


async def test_what_is_refused_is_given_up_on_record_and_the_others_arrive(
    stores: Stores, server: MailServer, mailer: Mailer
) -> None:
    await a_sale(stores)
    no_addresses = ["a b@example.org", "a,b@example.org", "<a@example.org", "@"]
    await queue_mails(stores, "refused@example.org", "later@example.org", "ann@example.org", *no_addresses)
    while await send_due(stores, mailer) is not None:
        pass
    became = await states(stores)
    assert became["refused@example.org"] == ("given_up", "550 no such mailbox")
    assert {became[it][0] for it in no_addresses} == {"given_up"}
    assert became["later@example.org"][0] == "waiting"
    assert "451 come back later" in became["later@example.org"][1].replace("(", "").replace(", '", " ")
    assert became["ann@example.org"] == ("sent", "")
    assert [it["To"] for it in server.received()] == ["ann@example.org"]
    assert await send_due(stores, mailer) is None  # not due yet
    await stores.postgres.execute("UPDATE mails SET created_at = now() - interval '25 hours'")
    await make_due(stores)
    assert await send_due(stores, mailer) is False
    assert (await states(stores))["later@example.org"][0] == "given_up"


async def test_retries_wait_longer_each_time(stores: Stores, mailer: Mailer) -> None:
    await a_sale(stores)
    await queue_mails(stores, "later@example.org")
    waits = []
    for _ in range(4):
        await send_due(stores, mailer)
        waits.append(
            await stores.postgres.fetchval("SELECT extract(epoch FROM due_at - now())::float8 FROM mails")
        )
        await make_due(stores)
    for wait_s, longest_s in zip(waits, (2.5, 10, 40, 160), strict=True):
        assert longest_s * 0.5 < wait_s <= longest_s


async def test_a_server_that_is_away_loses_nothing(
    stores: Stores, server: MailServer, mailer: Mailer
) -> None:
    await a_sale(stores)
    everybody = [f"fan-{number}@example.org" for number in range(7)]
    server.stop()
    await queue_mails(stores, *everybody)
    assert await send_due(stores, mailer) is False
    assert {state for state, _ in (await states(stores)).values()} == {"waiting"}
    server.start()
    await make_due(stores)
    await asyncio.gather(*(send_due(stores, mailer) for _ in range(4)))
    assert {state for state, _ in (await states(stores)).values()} == {"sent"}
    assert sorted(it["To"] for it in server.received()) == everybody


async def test_what_may_have_arrived_is_not_sent_again(
    stores: Stores, server: MailServer, mailer: Mailer
) -> None:
    await a_sale(stores)
    await queue_mails(stores, "hangup@example.org", "ann@example.org")
    for _ in range(3):
        await send_due(stores, mailer)
        await make_due(stores)
    became = await states(stores)
    assert became["hangup@example.org"] == ("unclear", stored.BROKE_OFF)
    assert became["ann@example.org"] == ("sent", "")
    assert sorted(it["To"] for it in server.received()) == ["ann@example.org", "hangup@example.org"]


async def test_one_that_arrived_is_not_sent_again_when_postgres_could_not_be_told(
    stores: Stores, database_url: str, server: MailServer, mailer: Mailer
) -> None:
    await a_sale(stores)
    await queue_mails(stores, "slow@example.org")
    hasty = Stores(stores.redis, await connect_postgres(database_url, timeout_s=0.5, connections_max=4))
    sending = asyncio.create_task(send_due(hasty, mailer))

    async def taken() -> bool:
        return len(server.received()) == 1

    await wait_until(taken, "the mail")
    async with stores.postgres.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM mails FOR UPDATE")  # so its outcome cannot be written
        server.go_on()
        assert await sending is False
    assert await states(stores) == {"slow@example.org": ("handing_over", "")}
    for _ in range(2):
        await make_due(stores)
        assert await send_due(stores, mailer) is None
    assert await states(stores) == {"slow@example.org": ("unclear", stored.BROKE_OFF)}
    assert len(server.received()) == 1
    hasty.postgres.terminate()


async def test_what_was_overtaken_is_not_sent(stores: Stores, server: MailServer, mailer: Mailer) -> None:
    await a_sale(stores)
    await queue_mails(stores, "ann@example.org", "bob@example.org")
    await stores.postgres.execute("UPDATE reservations SET status = 'expired' WHERE visitor_id = 'visitor-0'")
    await stores.postgres.execute("UPDATE mails SET until = now() WHERE visitor_id = 'visitor-1'")
    assert await send_due(stores, mailer)
    assert await states(stores) == {
        "ann@example.org": ("dropped", "The reservation is already expired."),
        "bob@example.org": ("dropped", "It would have arrived too late."),
    }
    assert server.received() == []


async def test_an_address_in_another_script_arrives(
    stores: Stores, server: MailServer, mailer: Mailer
) -> None:
    await a_sale(stores)
    await queue_mails(stores, "jürgen@bücher.example")
    assert await send_due(stores, mailer)
    assert await states(stores) == {"jürgen@bücher.example": ("sent", "")}


async def test_a_turn_is_told_once_by_however_many_workers(stores: Stores) -> None:
    await a_sale(stores)
    for visitor in ("ann", "bob"):
        new = NewMailbox(HALL, visitor, f"{visitor}@example.org", "", guest=True, confirmed=True)
        await mailboxes.save(stores.postgres, new)
    keys = RoomKeys(HALL)
    await mark_called(stores, {"ann": 7, "eve": 8}, in_ms=60_000)
    await for_a_moment(stores, mail.mail_turns, "SELECT count(*) FROM mails")
    await mark_called(stores, {"ann": 7, "bob": 9}, in_ms=90_000)  # restored: the same turn, but later
    await for_a_moment(stores, mail.mail_turns, "SELECT count(*) FROM mails WHERE visitor_id = 'bob'")
    await mark_called(stores, {"ann": 12}, in_ms=90_000)  # another turn
    await for_a_moment(stores, mail.mail_turns, "SELECT count(*) FROM mails WHERE subject_id = 'hall ann 12'")
    rows = await stores.postgres.fetch("SELECT subject_id FROM mails WHERE kind = 'your_turn' ORDER BY 1")
    assert [row["subject_id"] for row in rows] == ["hall ann 12", "hall ann 7", "hall bob 9"]
    await stores.redis.delete(keys.called, keys.turns)


async def mark_called(stores: Stores, numbers: dict[str, int], in_ms: int) -> None:
    """Call these visitors with these queue numbers."""
    redis: Any = stores.redis
    await redis.zadd(RoomKeys(HALL).called, {name: now_ms() + in_ms for name in numbers})
    await redis.hset(RoomKeys(HALL).turns, mapping=numbers)
    await busy.mark_busy(stores.redis, busy.KEYS, [HALL])


async def for_a_moment(stores: Stores, job: Callable[[WorkerContext], Awaitable[None]], until: str) -> None:
    """Three workers do this until the query is true."""
    ctx = WorkerContext(Settings(), stores, "worker-of-a-test", asyncio.Event())
    jobs = [asyncio.ensure_future(job(ctx)) for _ in range(3)]

    async def done() -> bool:
        return bool(await stores.postgres.fetchval(until))

    await wait_until(done, until)
    ctx.stopping.set()
    await asyncio.gather(*jobs)


async def test_a_reminder_missed_by_workers_that_were_down_is_made_up_for(stores: Stores) -> None:
    await a_sale(stores)
    await queue_mails(stores, "ann@example.org", "bob@example.org")
    await stores.postgres.execute(
        "UPDATE reservations SET status = 'confirmed', confirmed_at = now() - interval '2 days' "
        "WHERE visitor_id = 'visitor-0'"
    )
    await stores.postgres.execute("UPDATE events SET starts_at = now() + interval '2 hours'")
    count = "SELECT count(*) FROM mails WHERE kind = 'reminder'"
    ctx = WorkerContext(Settings(), stores, "worker-of-a-test", asyncio.Event())
    await asyncio.gather(*(mail.mail_reminders(ctx) for _ in range(3)))
    await mail.mail_reminders(ctx)
    assert await stores.postgres.fetchval(count) == 1
    for starts_in, reminders in (("3 days", 1), ("20 hours", 2), ("20 hours", 2)):  # the sale is moved
        await stores.postgres.execute(
            f"UPDATE events SET starts_at = date_trunc('hour', now()) + interval '{starts_in}'"
        )
        await mail.mail_reminders(ctx)
        assert await stores.postgres.fetchval(count) == reminders


async def test_an_international_domain_needs_no_server_that_knows_other_letters(
    stores: Stores, tmp_path: Path
) -> None:
    await a_sale(stores, {"floor": 10})
    with mail_server(tmp_path, smtputf8=False) as server:
        settings = Settings(smtp_url=SecretStr(server.url), mail_from="tickets@example.org")
        await queue_mails(stores, "ann@b\u00fccher.example.org")
        await send_due(stores, open_mailer(settings))
        assert [it["To"] for it in server.received()] == ["ann@xn--bcher-kva.example.org"]
