"""A third-party gateway: one file and a line in the table, as docs/contributing/gateway.md describes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from app.core.errors import WrongUsage
from app.payments import gateways
from app.payments.gateways import GATEWAYS
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import field_of, served
from tests.routes.orders.test_paying import held, pay
from worker.context import WorkerContext

GATEWAY = """
from contextlib import asynccontextmanager
from app.core.errors import ValidationFailed
from app.payments.gateway import Charge

class Purse:
    taken = {}
    given = []
    def accept(self, attempt):
        if attempt.method != "coins":
            raise ValidationFailed("payment.method", "has to be coins")
    async def charge(self, attempt, bill):
        return self.taken.setdefault(attempt.payment_id, Charge("succeeded"))
    async def look_up(self, payment_id):
        return self.taken.get(payment_id)
    async def refund(self, payment_id):
        self.taken[payment_id] = Charge("declined")

    async def refund_part(self, refund):
        self.given.append(refund.amount)

@asynccontextmanager
async def open_purse(settings, stores):
    assert settings.payments_key.get_secret_value() == "ours"
    yield Purse()
"""
COINS = {"method": "coins", "token": "three of them"}


@pytest.fixture
def purse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The file, and its line in the table."""
    file = tmp_path / "purse.py"
    file.write_text(GATEWAY)
    spec = importlib.util.spec_from_file_location("purse", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "purse", module)
    monkeypatch.setitem(GATEWAYS, "purse", module.open_purse)
    return module


@pytest.fixture
def settings(settings: Settings, purse: ModuleType) -> Settings:
    """What the environment would contain."""
    chosen = Settings(payments="purse", payments_key="ours")  # type: ignore[arg-type]  # as the environment gives it
    update = {"simulate_payments": False, "payments": chosen.payments, "payments_key": chosen.payments_key}
    return settings.model_copy(update=update)


async def test_a_gateway_of_ten_lines_sells_a_ticket_and_gives_the_money_back(
    stores: Stores, settings: Settings, purse: ModuleType, worker: WorkerContext
) -> None:
    async with served(settings) as web:
        await web.event(floor=5)
        path, place, _ = await held(web)
        assert field_of(await pay(web, path, place)) == "payment.method"
        paid = await pay(web, path, place, payment=COINS)
        assert paid.json()["status"] == "confirmed", paid.text
        again = await pay(web, path, place, payment=COINS)
        assert again.headers["idempotent-replay"] == "true"
        (charge,) = purse.Purse.taken.values()
        assert charge.status == "succeeded"
        assert (await web.post(f"{path}/cancel", headers=place)).json()["status"] == "cancelled"
        (charge,) = purse.Purse.taken.values()
        assert charge.status == "declined"
        assert await stores.postgres.fetchval("SELECT count(*) FROM simulated_charges") == 0


async def test_a_room_that_is_a_test_takes_no_coins(
    stores: Stores, settings: Settings, purse: ModuleType, worker: WorkerContext
) -> None:
    async with served(settings) as web:
        await web.event(floor=5)
        await web.send("PATCH", "/v1/rooms/gala", json={"test": True}, headers=web.as_("admin"))
        path, place, _ = await held(web)
        assert field_of(await pay(web, path, place, payment=COINS)) == "payment.token"
        assert (await pay(web, path, place)).json()["status"] == "confirmed"
        assert purse.Purse.taken == {}
        assert (await web.post(f"{path}/cancel", headers=place)).json()["status"] == "cancelled"
        refunded = await stores.postgres.fetchval("SELECT refunded_at IS NOT NULL FROM simulated_charges")
        assert refunded


def test_a_name_that_is_not_in_the_table_is_refused_with_those_that_are() -> None:
    with pytest.raises(WrongUsage, match="no gateway 'nowhere'; known: at_door, invoice, simulated, stripe"):
        gateways.check("nowhere")


@pytest.mark.parametrize(("name", "button"), [("at_door", "at the door"), ("invoice", "by invoice")])
async def test_tickets_are_booked_now_and_paid_outside(
    settings: Settings, worker: WorkerContext, name: str, button: str
) -> None:
    async with served(settings.model_copy(update={"payments": name})) as web:
        await web.event(floor=5)
        path, place, _ = await held(web)
        assert field_of(await pay(web, path, place)) == "payment.method"
        cookie = {"Cookie": f"fairgate_place_gala={place['Authorization'].split()[1]}"}
        page = path.replace("/v1", "")
        shown = (await web.get(page, headers=cookie)).text
        assert button in shown
        assert f'name="method" value="{name}"' in shown
        form = {"method": name, "token": "x", "idempotency_key": "k1"}
        assert (await web.post(f"{page}/pay", headers=cookie, data=form)).status_code == 303
        assert (await web.get(path, headers=place)).json()["status"] == "confirmed"
        assert (await web.post(f"{path}/cancel", headers=place)).json()["status"] == "cancelled"
