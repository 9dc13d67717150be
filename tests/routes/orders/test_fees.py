"""A booking fee and tax, from choosing tickets to receipt, refund and accounting."""

from __future__ import annotations

from app.notifications.relay import relay
from app.settings import Settings
from app.store.connections import Stores
from app.web.http.cookies import BOOKING_COOKIE
from tests.routes.conftest import Web
from tests.routes.orders.test_exports import export, lines
from tests.routes.orders.test_paying import pay
from tests.routes.sale.test_edit_sale import PAGE, fields
from tests.routes.sale.test_new_sale import send
from tests.routes.test_console_pages import fetch
from tests.support.waiting import wait_until
from worker.context import WorkerContext

FEE = {"fee_per_ticket": 150, "fee_rate_bp": 200, "fee_tax_rate_bp": 1900, "seller": "Hall Ltd\nGB 123"}
NOTE = "Plus a booking fee of €1.50 per ticket and 2% of the price."


async def with_fees(web: Web) -> None:
    """The gala, with both a fee and tax."""
    await web.event(floor=20)
    changed = await web.send("PATCH", "/v1/events/gala", json=FEE, headers=web.as_("admin"))
    assert changed.json()["fee_rate_bp"] == 200, changed.text
    await set_tax(web, 700)


async def set_tax(web: Web, rate_bp: int) -> None:
    path = "/v1/events/gala/ticket-types/floor"
    sent = await web.send("PATCH", path, json={"tax_rate_bp": rate_bp}, headers=web.as_("admin"))
    assert sent.json()["tax_rate_bp"] == rate_bp, sent.text


async def test_what_the_page_says_is_what_is_paid_and_refunded(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await with_fees(web)
    place, booking = await web.inside("gala", json={"email": "ann@example.org"})
    cookies = f"{BOOKING_COOKIE}gala={booking['Authorization'].split()[1]}"
    mine = {"cookie": f"{cookies}; fairgate_place_gala={place['Authorization'].split()[1]}"}
    page = await fetch(web, "/events/gala", mine)
    assert "Prices include tax." in page
    assert NOTE in page
    form = {"quantity.floor": "2", "price.floor": "5000"}
    refused = await web.send("POST", "/events/gala/reserve", data=form, headers=mine)
    assert refused.status_code == 409, "a page that did not mention the fee"
    held = await web.send("POST", "/events/gala/reserve", data=form | {"fee": "150|200"}, headers=mine)
    assert held.status_code == 303, held.text
    order = held.headers["location"].rpartition("/")[2]
    page = await fetch(web, held.headers["location"], mine)
    for part in ("Booking fee</dt><dd>€5.00", "€105.00", "Tax 7%</dt><dd>€6.54", "Tax 19%</dt><dd>€0.80"):
        assert part in page
    found = (await web.get(f"/v1/reservations/{order}", headers=place)).json()
    assert (found["amount"], found["fee"], found["tax"]) == (10_500, 500, 734)

    await set_tax(web, 1900)  # existing orders keep their rate
    paid = await pay(web, f"/v1/reservations/{order}", place)
    assert (paid.json()["status"], paid.json()["tax"]) == ("confirmed", 734)

    async def numbered() -> bool:
        await relay(stores)
        return "No. 1" in await fetch(web, f"/reservations/{order}/receipt", mine)

    await wait_until(numbered, "the receipt")
    receipt = await fetch(web, f"/reservations/{order}/receipt", mine)
    assert "Before tax</dt><dd>€97.66" in receipt
    assert "Hall Ltd" in receipt
    file = await web.get(f"/reservations/{order}/receipt.pdf", headers=mine)
    assert (file.status_code, file.headers["content-type"]) == (200, "application/pdf")
    assert (await web.get(f"/reservations/{order}/receipt.pdf")).status_code == 404  # somebody else's
    await refund(web, stores, settings, order)


async def refund(web: Web, stores: Stores, settings: Settings, order: str) -> None:
    """Refund one ticket with its share of the fee and the tax, and then the rest."""
    (ticket, _) = (await web.get(f"/v1/reservations/{order}", headers=web.as_("admin"))).json()["tickets"]
    headers = {**web.as_("admin"), "Idempotency-Key": "r"}
    part = {"ticket_ids": [ticket["ticket_id"]]}
    made = await web.post(f"/v1/orders/{order}/refunds", part, headers=headers)
    assert made.json()["amount"] == 5_250, made.text
    assert (await web.post(f"/v1/orders/{order}/cancel", headers=web.as_("admin"))).status_code == 200
    money = lines(await export(web, stores, settings, "money.csv"))
    assert [[it[name] for name in ("amount", "net", "tax", "fee")] for it in money] == [
        ["105.00", "97.66", "7.34", "5.00"],
        ["-52.50", "-48.83", "-3.67", "-2.50"],
        ["-52.50", "-48.83", "-3.67", "-2.50"],
    ]
    (sold,) = lines(await export(web, stores, settings, "orders.csv"))
    assert [sold[name] for name in ("amount", "net", "tax", "fee")] == ["105.00", "97.66", "7.34", "5.00"]
    staff = await web.staff("admin", "ada")
    assert "Booking fee" in await fetch(web, f"/admin/orders/{order}", staff)


async def test_the_api_holds_with_the_fee_and_free_tickets_have_none(web: Web, worker: WorkerContext) -> None:
    await with_fees(web)
    _, booking = await web.inside("gala")
    wanted = {"items": [{"ticket_type_id": "floor", "quantity": 2}]}
    headers = {**booking, "Idempotency-Key": "a"}
    short = await web.post(
        "/v1/events/gala/reservations", wanted, headers={**headers, "X-Expected-Amount": "10000"}
    )
    assert (short.status_code, short.json()["amount"]) == (409, 10_500)
    held = await web.post("/v1/events/gala/reservations", wanted, headers={**headers, "Idempotency-Key": "b"})
    assert [held.json()[name] for name in ("amount", "fee", "tax", "discount")] == [10_500, 500, 734, 0]
    free = {"ticket_type_id": "free", "name": "Free", "price": 0, "quantity": 9}
    await web.post("/v1/events/gala/ticket-types", free, headers=web.as_("admin"))
    wanted = {"items": [{"ticket_type_id": "free", "quantity": 2}]}
    held = await web.post("/v1/events/gala/reservations", wanted, headers={**headers, "Idempotency-Key": "c"})
    assert [held.json()[name] for name in ("amount", "fee", "tax")] == [0, 0, 0]


async def test_prices_before_tax_are_sold_with_it_and_typed_again_without(web: Web) -> None:
    money = {"type-1-tax_rate_bp": "19", "type-1-price": "10.09", "prices_before_tax": "on"}
    wrong = await send(web, **money, **{"fee_rate_bp": "2,5 per cent"})
    assert "enter a percentage" in wrong.text
    made = await send(web, **money, fee_per_ticket="1.5", fee_rate_bp="2.5", fee_tax_rate_bp="19%")
    assert made.status_code == 303, made.text
    event = (await web.get("/v1/events/spring-gala")).json()
    assert (event["fee_per_ticket"], event["fee_rate_bp"], event["prices_include_tax"]) == (150, 250, False)
    standing = next(it for it in event["ticket_types"] if it["ticket_type_id"] == "standing")
    assert (standing["price"], standing["tax_rate_bp"]) == (1_201, 1_900)
    found = await fields(web, PAGE)
    assert (found["have-0-price"], found["have-0-tax_rate_bp"]) == ("10.09", "19")
    assert (found["fee_per_ticket"], found["fee_rate_bp"]) == ("1.50", "2.5")
