"""Buyers: what the sale asks them, answered before or with the payment, and where their mail goes."""

from __future__ import annotations

from app.store.connections import Stores
from tests.routes.conftest import Web, code
from tests.routes.orders.test_paying import CARD, held, pay
from tests.support.waiting import wait_until
from worker.context import WorkerContext

FORM = {"email": "required", "name": "optional", "terms_url": "https://example.org/terms"}
ANN = {"email": "ann@example.org", "name": "Ann", "terms": True, "locale": "de"}


async def test_a_sale_asks_who_buys_and_keeps_what_is_said(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event(floor=5)
    answer = await web.send("PUT", "/v1/events/gala/buyer-form", json=FORM, headers=web.as_("admin"))
    assert answer.status_code == 200, answer.text
    assert (await web.get("/v1/events/gala/buyer-form")).json()["email"] == "required"
    path, place, _ = await held(web)
    refused = await pay(web, path, place)
    assert code(refused) == (422, "validation_failed")
    assert refused.json()["errors"][0]["field"] == "buyer.email"
    wrong = await pay(web, path, place, payment=CARD["payment"], buyer=ANN | {"terms": False})
    assert wrong.json()["errors"][0]["field"] == "buyer.terms"
    assert (await web.get(f"{path}/buyer", headers=place)).json()["email"] == ""
    paid = await pay(web, path, place, payment=CARD["payment"], buyer=ANN)
    assert paid.json()["status"] == "confirmed", paid.text
    buyer = (await web.get(f"{path}/buyer", headers=web.as_("operator"))).json()
    assert (buyer["email"], buyer["name"], buyer["locale"]) == ("ann@example.org", "Ann", "de")
    assert buyer["terms_at"]
    changed = await web.send(
        "PUT", f"{path}/buyer", json={"email": "a@example.org", "terms": True}, headers=place
    )
    assert changed.json()["email"] == "a@example.org"
    stranger, _ = await web.inside("gala")
    assert (await web.get(f"{path}/buyer", headers=stranger)).status_code == 404
    found = await web.get("/v1/orders?q=A@example.org", headers=web.as_("operator"))
    assert [it["email"] for it in found.json()["items"]] == ["a@example.org"]


async def test_a_ticket_is_one_row_and_a_code_that_ended_says_why(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    """The rule for the door: `tickets` has the valid codes, `void_codes` the former ones."""
    await web.event(floor=5)
    path, place, _ = await held(web)
    [ticket] = (await pay(web, path, place)).json()["tickets"]
    await stores.postgres.execute("UPDATE tickets SET code = 'NEW', transferred_at = now()")
    shown = (await web.get(path, headers=place)).json()["tickets"]
    assert [(it["code"], it["transferred"]) for it in shown] == [("", True)]
    cancelled = await web.post(f"/v1/orders/{path.rpartition('/')[2]}/cancel", {}, headers=web.as_("admin"))
    assert cancelled.status_code == 200, cancelled.text
    void = await stores.postgres.fetch("SELECT code, why FROM void_codes ORDER BY voided_at")
    assert [tuple(it) for it in void] == [(ticket["code"], "transferred"), ("NEW", "cancelled")]
    assert await stores.postgres.fetchval("SELECT count(*) FROM tickets") == 0


async def the_boss(web: Web) -> dict[str, str]:
    """A signed-in admin with an address."""
    await web.app.stores.postgres.execute(
        "INSERT INTO accounts (account_id, email, name, password_hash, role) "
        "VALUES ('boss', 'boss@example.org', 'Boss', '', 'admin')"
    )
    return await web.staff("admin", "boss")


async def test_the_organiser_says_what_is_asked_for(web: Web) -> None:
    await web.event()
    boss = await the_boss(web)
    fields = {"email": "required", "name": "optional", "phone": "off", "label-0": "Size", "kind-0": "choice"}
    path = "/admin/rooms/gala/buyers"
    assert (await web.post(path, data=fields, headers=boss)).status_code == 422  # a choice without options
    saved = await web.post(path, data=fields | {"options-0": "S, M", "required-0": "on"}, headers=boss)
    assert saved.status_code == 303, saved.text
    form = (await web.get("/v1/events/gala/buyer-form")).json()
    assert (form["email"], form["name"], form["questions"][0]["options"]) == (
        "required",
        "optional",
        ["S", "M"],
    )
    assert 'value="Size"' in (await web.get(path, headers=boss)).text


async def test_the_organiser_says_what_mails_say(web: Web, stores: Stores, worker: WorkerContext) -> None:
    await web.event()
    boss = await the_boss(web)
    path = "/admin/rooms/gala/mails"
    words = {"kind": "confirmed", "subject": "See you at {event}", "intro": "Doors at <7>.", "do": "look"}
    shown = (await web.post(path, data=words, headers=boss)).text
    assert "As it looks: See you at Gala" in shown
    assert "Doors at &amp;lt;7&amp;gt;." in shown  # escaped once for the mail and once for its frame
    assert await stores.postgres.fetchval("SELECT count(*) FROM mail_texts") == 0
    tested = await web.post(path, data=words | {"do": "test"}, headers=boss)
    assert tested.headers["location"].endswith("done=sent"), tested.text

    async def is_stored() -> bool:
        return bool(await stores.postgres.fetchval("SELECT state = 'kept' FROM mails WHERE kind = 'test'"))

    await wait_until(is_stored, "the test mail")
    mail = await stores.postgres.fetchrow("SELECT * FROM mails WHERE kind = 'test'")
    assert mail is not None
    assert (mail["recipient"], mail["subject"]) == ("boss@example.org", "See you at Gala")
    assert "Doors at <7>." in mail["body"]
    log = (await web.get("/v1/audit?kind=room", headers=web.as_("admin"))).json()["items"]
    assert log[0]["after"]["mail_confirmed_subject"] == "See you at {event}"


async def test_mails_say_it_in_other_words_by_language(
    web: Web, stores: Stores, worker: WorkerContext
) -> None:
    await web.event()
    boss, path = await the_boss(web), "/admin/rooms/gala/mails"
    words = {"kind": "confirmed", "subject": "See you at {event}", "intro": "", "do": "test"}
    assert (await web.post(path, data=words, headers=boss)).status_code == 303
    german = {
        "kind": "confirmed",
        "language": "de",
        "subject": "Bis bald: {event}",
        "intro": "",
        "do": "test",
    }
    asked_in = (await web.get(f"{path}?kind=confirmed&language=de", headers=boss)).text
    assert "As it looks: See you at Gala" in asked_in  # as long as there is no German text
    tested = await web.post(path, data=german, headers=boss)
    assert tested.headers["location"] == f"{path}?kind=confirmed&language=de&done=sent"
    assert "Deutsch (own words)" in (await web.get(path, headers=boss)).text
    tests = "SELECT locale, subject, state FROM mails WHERE kind = 'test' ORDER BY created_at"

    async def both() -> list[tuple[str, str]] | None:
        rows = await stores.postgres.fetch(tests)
        done = all(it["state"] == "kept" for it in rows)
        return [(it["locale"], it["subject"]) for it in rows] if done else None

    assert await wait_until(both, "both") == [("en", "See you at Gala"), ("de", "Bis bald: Gala")]
    await web.post(path, data=german | {"subject": "", "do": "save"}, headers=boss)
    assert await stores.postgres.fetchval("SELECT count(*) FROM mail_translations") == 0
