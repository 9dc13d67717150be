"""Several gateways at once: the buyer chooses, and each payment stays with the gateway where it started."""

from __future__ import annotations

import pytest

from app.payments.gateway import NotDecided
from app.payments.gateways import gateway_for, open_gateway
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import field_of, served
from tests.routes.orders.test_paying import held, pay
from tests.routes.sale.test_new_sale import NEW, SALE
from worker.context import WorkerContext


@pytest.mark.parametrize(
    ("names", "method", "chosen"),
    [
        ("stripe,invoice", "card", "stripe"),
        ("invoice,stripe", "checkout", "stripe"),
        ("invoice,stripe", "invoice", "invoice"),
        ("at_door,invoice", "card", "at_door"),  # which will refuse it
        ("stripe", "invoice", "stripe"),
    ],
)
def test_a_method_goes_to_the_gateway_that_takes_it(names: str, method: str, chosen: str) -> None:
    assert gateway_for(names.split(","), method) == chosen


def of(place: dict[str, str]) -> str:
    """The cookie of the visitor with this place token."""
    return f"fairgate_place_gala={place['Authorization'].split()[1]}"


async def test_the_buyer_chooses_on_the_page_and_in_the_api(
    stores: Stores, settings: Settings, worker: WorkerContext
) -> None:
    both = settings.model_copy(update={"payments": "at_door,invoice", "simulate_payments": False})
    async with served(both) as shop:
        await shop.event(floor=9)
        path, place, _ = await held(shop)
        page = path.removeprefix("/v1")
        cookie = {"Cookie": of(place)}
        shown = (await shop.get(page, headers=cookie)).text
        assert 'name="way" value="at_door reserve" checked' in shown
        assert 'name="way" value="invoice order"' in shown
        strange = await pay(shop, path, place, "k1", payment={"method": "card", "token": "x"})
        assert field_of(strange) == "payment.method"
        sent = {"way": "invoice order", "idempotency_key": "form"}
        assert (await shop.send("POST", f"{page}/pay", headers=cookie, data=sent)).status_code == 303
        found = await shop.get(path, headers=place)
        assert found.json()["status"] == "confirmed"
        path, place, _ = await held(shop)
        paid = await pay(shop, path, place, "k2", payment={"method": "at_door", "token": "reserve"})
        assert paid.json()["status"] == "confirmed", paid.text
        change = {"payments": ["at_door"]}
        changed = await shop.send("PATCH", "/v1/events/gala", json=change, headers=shop.as_("admin"))
        assert changed.json()["payments"] == ["at_door"]
        path, place, _ = await held(shop)
        assert (
            'name="way"' not in (await shop.get(path.removeprefix("/v1"), headers={"Cookie": of(place)})).text
        )
        refused = await pay(shop, path, place, "k3", payment={"method": "invoice", "token": "order"})
        assert field_of(refused) == "payment.method"
        staff = await shop.staff("admin", "ada")
        edit = await shop.get("/admin/rooms/gala/edit", headers=staff)
        assert 'name="pays_at_door" checked' in edit.text
        assert 'name="pays_invoice">' in edit.text
    begun = await stores.postgres.fetch("SELECT payment_id FROM payments ORDER BY created_at")
    assert [it["payment_id"].partition("-")[0] for it in begun] == ["invoice", "at_door"]


async def test_a_payment_is_asked_about_where_it_was_begun_whatever_is_set_up_now(
    stores: Stores, settings: Settings
) -> None:
    now = settings.model_copy(update={"payments": "invoice", "simulate_payments": False})
    async with open_gateway(now, stores) as gateway:
        at_door = await gateway.look_up("at_door-1")  # opened on first use
        assert at_door is not None
        assert at_door.status == "succeeded"
        assert await gateway.look_up("simulated-1") is None
        with pytest.raises(NotDecided, match="begun with stripe"):
            await gateway.look_up("stripe-1")  # its key is missing: nothing is known
        with pytest.raises(NotDecided):
            await gateway.refund("stripe-1")


async def test_a_new_sale_chooses_among_them(stores: Stores, settings: Settings) -> None:
    both = settings.model_copy(update={"payments": "at_door,invoice", "simulate_payments": False})
    async with served(both) as shop:
        staff = await shop.staff("admin", "ann")
        assert 'name="pays_invoice"' in (await shop.get(NEW, headers=staff)).text
        made = await shop.post(NEW, data={**SALE, "do": "make", "pays_invoice": "on"}, headers=staff)
        assert made.status_code == 303, made.text
        assert await stores.postgres.fetchval("SELECT payments FROM events") == ["invoice"]
    async with served(settings) as one:  # a single gateway offers no choice
        assert "pays_" not in (await one.get(NEW, headers=await one.staff("admin", "ann"))).text
