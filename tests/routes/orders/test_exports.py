"""Files exported by staff: what each row contains, in which units, and that nothing in them is a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from app.jobs import steps
from app.settings import Settings
from app.store.connections import Stores
from tests.routes.conftest import Web
from tests.routes.orders.test_orders import a_purchase
from tests.routes.orders.test_paying import CARD, held, pay
from tests.routes.system.test_jobs import run_queue, start_job
from tests.routes.test_console_pages import fetch, submit
from tests.worker.test_spreadsheet import cells
from worker.context import WorkerContext

FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each order a step of its own."""
    for kind, (_, work) in steps.STEPS.items():
        monkeypatch.setitem(steps.STEPS, kind, (1, work))


async def export(web: Web, stores: Stores, settings: Settings, name: str, **filters: str) -> bytes:
    """The file created by an operator."""
    olga = await web.staff("operator", "olga")
    job_id = await start_job(web, "/admin/orders/file", olga, file=name, **filters)
    await run_queue(stores, settings, workers=1)
    file = await web.get(f"/admin/jobs/{job_id}/file", headers=olga)
    assert file.status_code == 200, file.text
    about = f"{filters['event']}-{name}" if filters.get("event") else name
    assert file.headers["content-disposition"] == f'attachment; filename="{about}"'
    return file.content


def lines(file: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.decode())))


async def test_a_ticket_is_a_row_and_money_has_the_decimals_of_its_currency(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=9, name="=HYPERLINK(1)", currency="KWD", timezone="Asia/Tokyo")
    await web.event("noh", floor=9, name="Noh", currency="JPY")
    first, _ = await a_purchase(web, email="=cmd@example.org")
    second, _ = await a_purchase(web, "noh")
    tickets = lines(await export(web, stores, settings, "tickets.csv"))
    assert [it["order"] for it in tickets] == [first, first, second, second]
    codes = await stores.postgres.fetch("SELECT code FROM tickets")
    assert sorted(it["code"] for it in tickets) == sorted(it[0] for it in codes)
    assert {(it["event"], it["price"], it["currency"]) for it in tickets} == {
        ("'=HYPERLINK(1)", "5.000", "KWD"),
        ("Noh", "5000", "JPY"),
    }
    assert tickets[0]["email"] == "'=cmd@example.org"
    assert (tickets[0]["timezone"], tickets[0]["bought_at"][-6:]) == ("Asia/Tokyo", "+09:00")
    assert not [it for line in tickets for it in line.values() if it.startswith(FORMULAS)]
    (header, *rows) = cells(await export(web, stores, settings, "tickets.xlsx", event="noh"))
    assert [text for _, text in header][:3] == ["order", "event", "venue"]
    assert [row[0] for row in rows] == [("inlineStr", second)] * 2
    assert ("n 1", "5000") in rows[0]
    boss = await web.staff("admin", "boss")
    await submit(web, f"/admin/orders/{second}/cancel", boss)
    states = [(it["order"], it["status"]) for it in lines(await export(web, stores, settings, "tickets.csv"))]
    assert states == [(first, "valid")] * 2 + [(second, "cancelled")] * 2
    money = lines(await export(web, stores, settings, "money.csv"))
    assert [(it["order"], it["kind"], it["amount"]) for it in money] == [
        (first, "payment", "10.000"),
        (second, "payment", "10000"),
        (second, "refund", "-10000"),
    ]


async def test_the_audit_log_is_a_file(web: Web, stores: Stores, settings: Settings) -> None:
    await web.event(name="+Gala")
    olga = await web.staff("operator", "olga")
    await web.post("/v1/rooms/gala/pause", headers=web.as_("operator", "olga"))
    assert "Export all changes as" in await fetch(web, "/admin/audit", olga)
    found = lines(await export(web, stores, settings, "audit.csv"))
    assert [(it["who"], it["action"], it["kind"], it["what"]) for it in found][-2:] == [
        ("olga", "pause", "room", "gala"),
        ("olga", "start", "job", found[-1]["what"]),  # of this very file
    ]
    assert '"+Gala"' in found[0]["after"] or '"+Gala"' in found[1]["after"]
    tomorrow = f"{datetime.now(UTC).year + 1}-01-01T00:00"
    assert lines(await export(web, stores, settings, "audit.csv", **{"from": tomorrow})) == []
    refused = await submit(web, "/admin/orders/file", olga, file="tickets.exe")
    assert refused.status_code == 422


async def test_what_buyers_were_asked_is_in_the_files_and_with_their_orders(
    web: Web, worker: WorkerContext, stores: Stores, settings: Settings
) -> None:
    await web.event(floor=9, timezone="Asia/Tokyo")
    size = {"question_id": "size", "label": "=Size", "kind": "choice", "options": ["S", "-M"]}
    form = {"phone": "optional", "marketing": True, "terms_url": "https://example.org/t", "questions": [size]}
    await web.send("PUT", "/v1/events/gala/buyer-form", json=form, headers=web.as_("admin"))
    answers = {"phone": "+49 30 123456", "terms": True, "marketing": True, "answers": {"size": "-M"}}
    path, place, _ = await held(web)
    assert (await pay(web, path, place, payment=CARD["payment"], buyer=answers)).status_code == 200
    for name in ("tickets", "orders"):
        file = await export(web, stores, settings, f"{name}.csv", event="gala")
        (row,) = lines(file)
        assert not [it for it in (*row, *row.values()) if it.startswith(FORMULAS)]
        assert (row["phone"], row["marketing"]) == ("'+49 30 123456", "yes")
        assert (row["answers"], row["'=Size"]) == ("'=Size: -M", "'-M")
        assert row["terms_accepted_at"]
    header, row_of = cells(await export(web, stores, settings, "tickets.xlsx", event="gala"))
    assert ("inlineStr", "=Size") in header
    assert row_of[-1] == ("inlineStr", "-M")
    (all_sales,) = lines(await export(web, stores, settings, "tickets.csv"))
    assert (all_sales["answers"], "'=Size" in all_sales) == ("'=Size: -M", False)
    boss = await web.staff("admin", "boss")
    for page in (f"/admin/orders/{path.rpartition('/')[2]}", "/admin/rooms/gala/attendees"):
        text = await fetch(web, page, boss)
        assert all(it in text for it in ("=Size", "-M", "Accepted the terms", "+49 30 123456"))
