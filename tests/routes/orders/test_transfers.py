"""Giving tickets away through the API."""

from __future__ import annotations

from email.message import EmailMessage

from tests.routes.conftest import Web, bearer, code, field_of
from tests.routes.orders.test_ticket_links import link_in, sell_three, server, settings
from tests.support.mail_server import MailServer
from tests.support.waiting import wait_until
from worker.context import WorkerContext

__all__ = ["server", "settings"]


async def accept(web: Web, token: str) -> None:
    """Accept the ticket behind a link, once."""
    accepted = await web.post("/v1/transfers/accept", {"token": token})
    assert (accepted.status_code, accepted.json()["event_id"]) == (200, "gala"), accepted.text
    assert accepted.json()["code"] in (await web.get(accepted.json()["page"])).text
    again = await web.post("/v1/transfers/accept", {"token": token})
    assert code(again) == (401, "credential_invalid")


async def test_a_ticket_is_given_away_by_api_as_on_the_pages(
    web: Web, server: MailServer, worker: WorkerContext
) -> None:
    [confirmed, held, _], place = await sell_three(web)
    path = f"/v1/reservations/{confirmed}"
    mine, other = [it["ticket_id"] for it in (await web.get(path, headers=place)).json()["tickets"]]
    bob = {"ticket_id": mine, "email": "bob@example.org"}
    answers = [await web.post(f"{path}/transfers", bob, headers=place) for _ in range(2)]
    assert [it.status_code for it in answers] == [201, 200]
    listed = await web.get(f"{path}/transfers", headers=place)
    assert listed.json() == {"items": [bob]}
    eve = await web.post(f"{path}/transfers", bob | {"email": "eve@example.org"}, headers=place)
    assert code(eve) == (409, "conflict")
    strange = await web.post(f"/v1/reservations/{held}/transfers", bob, headers=place)
    assert field_of(strange) == "ticket_id"
    nowhere = bob | {"ticket_id": other, "email": "bob@localhost"}
    assert field_of(await web.post(f"{path}/transfers", nowhere, headers=place)) == "email"
    for who in (web.as_("admin"), bearer((await web.join("gala"))["place_token"])):
        for method in ("GET", "POST"):
            answer = await web.send(
                method, f"{path}/transfers", json=bob if method == "POST" else None, headers=who
            )
            assert code(answer) == (404, "reservation_not_found")
    for _ in range(2):
        assert (await web.send("DELETE", f"{path}/transfers/{mine}", headers=place)).status_code == 204
    unknown = await web.send("DELETE", f"{path}/transfers/{'t' * 32}", headers=place)
    assert code(unknown) == (404, "not_found")
    assert (await web.get(f"{path}/transfers", headers=place)).json() == {"items": []}
    offered = await web.post(
        f"{path}/transfers", {"ticket_id": other, "email": "mia@example.org"}, headers=place
    )
    assert offered.status_code == 201

    async def matching() -> list[EmailMessage]:
        return [it for it in server.received() if it["To"] == "mia@example.org"]

    [mail] = await wait_until(matching, "the offer")
    await accept(web, link_in(mail).partition("token=")[2])
    late = await web.send("DELETE", f"{path}/transfers/{other}", headers=place)
    assert code(late) == (409, "conflict")
