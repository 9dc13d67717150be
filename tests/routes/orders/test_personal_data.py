"""A fan's data belongs to them: a file to download, erased everywhere on request; the books stay."""

from __future__ import annotations

from app.core.accounts.password_resets import digest
from app.store.sql import retention
from tests.routes.conftest import Web
from tests.routes.mailing import wait_for_mail
from tests.routes.orders.test_ticket_links import ANN, link_in, sell_three, server, settings
from tests.support.mail_server import MailServer
from worker.context import WorkerContext

__all__ = ["server", "settings"]

TOKEN = "of-the-link"
EVERY_TABLE = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


async def link_account(web: Web) -> None:
    """The link in a mail to Ann."""
    await web.app.stores.postgres.execute(
        "INSERT INTO ticket_links (token_hash, email, expires_at) VALUES ($1, $2, now() + interval "
        "'1 minute') "
        "ON CONFLICT DO NOTHING",
        *(digest(TOKEN), ANN["email"].upper()),
    )


async def where_named(web: Web, word: str) -> set[str]:
    """Every table with a row that contains this word, in any column."""
    postgres = web.app.stores.postgres
    found = set()
    for row in await postgres.fetch(EVERY_TABLE):
        table = row["tablename"]
        if await postgres.fetchval(
            f"SELECT EXISTS (SELECT FROM {table} AS it WHERE it::text ILIKE $1)", f"%{word}%"
        ):
            found.add(table)
    return found


async def test_a_fan_downloads_what_is_known_and_is_forgotten_in_every_table(
    web: Web, server: MailServer, worker: WorkerContext
) -> None:
    held, place = await sell_three(web)
    await wait_for_mail(server, "Your tickets: Gala")
    buyer = {**ANN, "name": "Ann Unmistakable", "phone": "+49 170 5550123"}
    answer = await web.send("PUT", f"/v1/reservations/{held[1]}/buyer", json=buyer, headers=place)
    assert answer.status_code in (200, 422), answer.text  # what this sale does not ask for is not stored
    await web.post(
        "/v1/users", {"email": ANN["email"], "name": "Ann Unmistakable", "password": "correct horse"}
    )
    await link_account(web)
    postgres = web.app.stores.postgres
    books = "SELECT reservation_id, status, amount, currency FROM reservations ORDER BY 1"
    counts = "SELECT count(*) FROM tickets"
    before = [tuple(it) for it in await postgres.fetch(books)], await postgres.fetchval(counts)
    known = await web.post("/tickets/data", data={"token": TOKEN})
    assert known.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    assert {it["reservation_id"] for it in known.json()["orders"]} == set(held)
    assert known.json()["account"][0]["name"] == "Ann Unmistakable"
    assert "buyers" in await where_named(web, ANN["email"])
    assert "Erase my data" in (await web.get(f"/tickets/open?token={TOKEN}")).text
    done = await web.post("/tickets/erase", data={"token": TOKEN})
    assert (done.status_code, "Your data is erased" in done.text) == (200, True)
    assert await where_named(web, ANN["email"]) == set()
    assert await where_named(web, "Ann Unmistakable") == set()
    after = [tuple(it) for it in await postgres.fetch(books)], await postgres.fetchval(counts)
    assert after == before
    for path in ("/tickets/erase", "/tickets/data"):
        assert (await web.post(path, data={"token": TOKEN})).status_code == 401, "the link is used up"


async def test_buyers_of_long_ago_are_forgotten_if_a_setting_says_so(
    web: Web, server: MailServer, worker: WorkerContext
) -> None:
    await sell_three(web)
    await wait_for_mail(server, "Your tickets: Gala")
    postgres = web.app.stores.postgres
    await postgres.execute("UPDATE tickets SET holder_email = $1", ANN["email"])
    books = "SELECT reservation_id, status, amount, currency FROM reservations ORDER BY 1"
    before = await postgres.fetch(books)
    await postgres.execute("UPDATE events SET starts_at = now() - interval '100 days'")
    boss, page = await web.staff("admin", "ada"), "/admin/rooms/gala/buyers"
    assert "Nobody's data is deleted by itself" in (await web.get(page, headers=boss)).text
    assert (await web.post(page, data={"keep_days": "soon"}, headers=boss)).status_code == 422
    for days, its_own, sells_on, named in (
        (0, "", False, True),
        (101, "", False, True),
        (90, "", True, True),
        (90, "0", False, True),  # the sale sets: never
        (10, "110", False, True),
        (0, "90", True, True),
        (0, "90", False, False),
    ):
        saved = await web.post(page, data={"email": "required", "keep_days": its_own}, headers=boss)
        assert saved.status_code == 303, saved.text
        await postgres.execute("UPDATE events SET sell_after_start = $1", sells_on)
        assert not await retention.forget(postgres, 0, days)
        found = await where_named(web, ANN["email"])
        assert ({"buyers", "tickets", "mails"} <= found, bool(found - {"mailboxes"})) == (named, named), found
    for path in (page, "/admin/rooms/gala/overview"):
        assert "90 days after the event. The books stay." in (await web.get(path, headers=boss)).text, path
    form = (await web.get("/v1/events/gala/buyer-form")).json()
    assert (form["keep_days"], form["email"]) == (90, "required")
    assert await postgres.fetch(books) == before
    assert await postgres.fetchval("SELECT count(*) FROM tickets"), "which tickets are valid stays, too"


async def test_who_only_queued_gets_a_link_and_is_forgotten(
    web: Web, server: MailServer, worker: WorkerContext
) -> None:
    await web.event()
    await web.join("gala", json={"email": "quinn@example.org"})
    ours = {"Origin": "http://fairgate.test"}
    assert (await web.post("/tickets", data={"email": "Quinn@example.org"}, headers=ours)).status_code == 200
    link = link_in(await wait_for_mail(server, "Your link to your tickets"))
    token = link.partition("token=")[2]
    known = await web.post("/tickets/data", data={"token": token})
    assert [it["room_id"] for it in known.json()["queues"]] == ["gala"]
    assert (await web.post("/tickets/erase", data={"token": token})).status_code == 200
    assert await where_named(web, "quinn@") == set()
