"""A link in a mail moves a guest's reservation to an account."""

from __future__ import annotations

import html
import re

from app.store.connections import Stores
from tests.routes.conftest import Web, bearer, code
from tests.routes.mailing import ANN, BASE, BOB, buy, register, server, settings, text_of, wait_for_mail
from tests.support.mail_server import MailServer
from tests.support.tampering import tampered
from worker.context import WorkerContext

__all__ = ["server", "settings"]


async def test_a_guest_reservation_is_taken_over_with_the_mailed_link(
    web: Web, stores: Stores, server: MailServer, worker: WorkerContext
) -> None:
    await web.event()
    path, place = await buy(web)
    mail = await wait_for_mail(server, "Your tickets: Gala")
    [link] = re.findall(rf"{BASE}(/v1/\S+/claim\S+)", text_of(mail))
    assert link.startswith(f"{path}/claim?expires=")
    ann, bob = await register(web, ANN), await register(web, BOB)
    assert code(await web.get(path, headers=ann)) == (404, "reservation_not_found")
    assert code(await web.post(link)) == (401, "credential_missing")
    assert code(await web.post(link, headers=bob)) == (403, "wrong_account")
    assert code(await web.post(link, headers=web.as_("admin"))) == (403, "wrong_account")
    for forged in (
        tampered(link),
        link.replace("expires=1", "expires=2"),
        f"{path}/claim",
    ):
        assert code(await web.post(forged, headers=ann)) == (401, "credential_invalid")
    other = link.replace(path, f"/v1/reservations/{'r' * 22}")
    assert code(await web.post(other, headers=ann)) == (401, "credential_invalid")
    first, second = [await web.post(link, headers=ann) for _ in range(2)]
    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert (await web.get(path, headers=ann)).json() == first.json()
    listed = (await web.get("/v1/users/me/reservations", headers=ann)).json()
    assert listed == {"items": [first.json()], "total": 1, "page": 1, "per_page": 50}
    assert (await web.get("/v1/users/me/reservations", headers=bob)).json()["total"] == 0
    assert code(await web.get(path, headers=bob)) == (404, "reservation_not_found")
    assert (await web.get(path, headers=place)).status_code == 200  # the guest's browser still has it
    assert (await web.post(f"{path}/cancel", headers=ann)).json()["status"] == "cancelled"


async def test_the_mailed_link_leads_people_to_a_form(
    web: Web, worker: WorkerContext, server: MailServer
) -> None:
    await web.event()
    path, _ = await buy(web)
    await register(web, ANN)
    [link] = re.findall(
        rf"{BASE}(/v1/\S+/claim\S+)", text_of(await wait_for_mail(server, "Your tickets: Gala"))
    )
    leads = await web.get(link)
    assert leads.status_code == 302
    form = leads.headers["location"]
    page = await web.get(form)
    assert html.escape(form) in page.text
    wrong = await web.send("POST", form, data={"email": ANN["email"], "password": "not this one"})
    assert (wrong.status_code, "password is wrong" in wrong.text) == (401, True)
    mine = {"email": ANN["email"], "password": ANN["password"]}
    foreign = await web.send("POST", form, data=mine, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    forged = await web.send("POST", form.replace("expires=1", "expires=2"), data=mine)
    assert (forged.status_code, "not valid" in forged.text) == (401, True)
    done = await web.send("POST", form, data=mine)
    assert (done.status_code, "The reservation is yours" in done.text) == (200, True)
    login = await web.post("/v1/login", mine)
    ann = bearer(login.json()["access_token"])
    assert (await web.get(path, headers=ann)).status_code == 200


async def test_a_link_runs_out(web: Web, stores: Stores, worker: WorkerContext) -> None:
    await web.event()
    path, _ = await buy(web)
    ann = await register(web, ANN)
    signature = web.app.claims.sign(path.rpartition("/")[2], "ann@example.org", 1_700_000_000)
    ended = await web.post(f"{path}/claim?expires=1700000000&signature={signature}", headers=ann)
    assert code(ended) == (401, "credential_invalid")
    assert "expired" in ended.json()["detail"]
