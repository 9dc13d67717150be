"""Where tickets are paid: through the simulated gateway if wanted, in the shop's checkout, or nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from app.core.errors import Conflict
from app.core.model import ReservationId
from app.reservations import paid_elsewhere
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web, code, field_of, served
from worker.context import WorkerContext

CARD = {"payment": {"method": "card", "token": "tok_ok"}}


@pytest.fixture
async def shop(stores: Stores, settings: Settings) -> AsyncIterator[Web]:
    """An installation without a gateway, as `fairgate up` starts it."""
    async with served(settings.model_copy(update={"simulate_payments": False})) as found:
        yield found


async def held(web: Web, room_id: str = "gala") -> tuple[str, dict[str, str], dict[str, str]]:
    """A hold of a new visitor: its address, and their credentials."""
    place, booking = await web.inside(room_id)
    made = await web.reserve(room_id, booking, 1)
    assert made.status_code == 201, made.text
    return f"/v1/reservations/{made.json()['reservation_id']}", place, booking


async def pay(web: Web, path: str, place: dict[str, str], key: str = "pay", **body: object) -> httpx.Response:
    return await web.post(f"{path}/confirm", body or CARD, headers={**place, "Idempotency-Key": key})


async def test_nothing_is_sold_for_nothing(shop: Web, stores: Stores, worker: WorkerContext) -> None:
    await shop.event(floor=5)
    path, place, _ = await held(shop)
    for token in ("tok_ok", "tok_slow", "tok_stolen"):
        paying = {"payment": {"method": "card", "token": token}}
        assert code(await pay(shop, path, place, token, **paying)) == (409, "payments_not_configured")
    page = path.replace("/v1", "")
    cookie = {"Cookie": f"fairgate_place_gala={place['Authorization'].split()[1]}"}
    shown = (await shop.get(page, headers=cookie)).text
    assert "Payment is not set up here yet." in shown
    assert "data-pay>" not in shown
    sent = await shop.post(f"{page}/pay", headers=cookie, data={"token": "tok_ok", "idempotency_key": "form"})
    assert sent.status_code == 303
    assert (await shop.get(path, headers=place)).json()["status"] == "held"
    assert await stores.postgres.fetchval("SELECT count(*) FROM payments") == 0
    assert await stores.postgres.fetchval("SELECT count(*) FROM tickets") == 0


async def test_a_hold_that_was_paid_elsewhere_is_confirmed_by_staff(
    shop: Web, stores: Stores, worker: WorkerContext
) -> None:
    await shop.event(floor=5)
    path, place, booking = await held(shop)
    staff = shop.as_("admin")
    for theirs in (place, booking, shop.as_("operator")):
        refused = await shop.post(f"{path}/confirm-paid", {}, headers=theirs)
        assert refused.status_code in (401, 403), refused.text
    first = await shop.post(f"{path}/confirm-paid", {"reference": "till 7"}, headers=staff)
    assert first.status_code == 200, first.text
    assert (first.json()["status"], len(first.json()["tickets"])) == ("confirmed", 1)
    again = await shop.post(f"{path}/confirm-paid", {"reference": "till 8"}, headers=staff)
    assert again.json() == first.json()
    assert (await pay(shop, path, place)).json() == first.json()  # already confirmed: nothing to pay
    log = await shop.get("/v1/audit?kind=reservation", headers=shop.as_("admin"))
    (entry,) = log.json()["items"]
    assert (entry["action"], entry["after"]) == (
        "confirm_paid",
        {"status": "confirmed", "paid_elsewhere": "till 7"},
    )
    (payment,) = await stores.postgres.fetch("SELECT status, token, gateway FROM payments")
    assert tuple(payment) == ("succeeded", "till 7", False)
    free = await shop.get("/v1/events/gala/availability", headers=staff)
    assert free.json()["ticket_types"][0]["free"] == 4
    assert (await shop.post(f"{path}/cancel", headers=place)).json()["status"] == "cancelled"
    owed = await stores.postgres.fetchval("SELECT count(*) FROM payments WHERE status = 'refunding'")
    assert owed == 0  # the shop refunds it
    assert code(await shop.post(f"{path}/confirm-paid", {}, headers=staff)) == (409, "conflict")
    none = await shop.post("/v1/reservations/none/confirm-paid", {}, headers=staff)
    assert code(none) == (404, "reservation_not_found")


async def test_a_hold_that_ran_out_was_paid_too_late(
    shop: Web, stores: Stores, worker: WorkerContext
) -> None:
    await shop.event(floor=5)
    path, _, _ = await held(shop)
    await stores.postgres.execute("UPDATE reservations SET expires_at = now()")
    late = await shop.post(f"{path}/confirm-paid", {}, headers=shop.as_("admin"))
    assert code(late) == (410, "hold_expired")


async def test_a_room_that_is_a_test_has_the_simulated_gateway(shop: Web, worker: WorkerContext) -> None:
    await shop.event(floor=5)
    staff = shop.as_("admin")
    changed = await shop.send("PATCH", "/v1/rooms/gala", json={"test": True}, headers=staff)
    assert changed.json()["test"] is True, changed.text
    path, place, _ = await held(shop)
    for page in ("/rooms/gala", "/events/gala"):
        assert "Test sale." in (await shop.get(page)).text
    assert (await pay(shop, path, place)).json()["status"] == "confirmed"


async def test_free_tickets_are_confirmed_without_a_gateway(
    shop: Web, stores: Stores, worker: WorkerContext
) -> None:
    await shop.event(floor=5)
    path, place, _ = await held(shop)
    answer = await shop.post(f"{path}/confirm", {}, headers={**place, "Idempotency-Key": "none"})
    assert (answer.status_code, field_of(answer)) == (422, "payment")
    with pytest.raises(Conflict, match="not free"):  # whoever asks
        await paid_elsewhere.confirm_free(shop.app.engine, ReservationId(path.rpartition("/")[2]))
    await stores.postgres.execute("UPDATE reservations SET amount = 0")
    cookie = {"Cookie": f"fairgate_place_gala={place['Authorization'].split()[1]}"}
    assert "free of charge" in (await shop.get(path.replace("/v1", ""), headers=cookie)).text
    first, again = [
        await shop.post(f"{path}/confirm", {}, headers={**place, "Idempotency-Key": "free"}) for _ in range(2)
    ]
    assert first.json()["status"] == again.json()["status"] == "confirmed"
    assert again.headers["idempotent-replay"] == "true"
    assert await stores.postgres.fetchval("SELECT count(*) FROM tickets") == 1
