"""The Python and the TypeScript client go through a visitor's whole visit; their types match the contract."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fairgate_client import Fairgate, Over, Refused

from app.web.api.openapi import contract
from app.web.api.registry import CALLS
from tests.clients.conftest import CLIENTS, Product
from tests.support.relay import Relay

EVENT: dict[str, Any] = {"session_ends_on_confirm": False, "claim_window_s": 60}
BY_HAND = (
    *("PlaceDocument", "StatusDocument", "BookingTokenDocument", "ReserveBody", "PaymentBody"),
    *("ReservationDocument", "Problem", "JoinBody", "ConfirmBody", "Accepted"),
)
TSC = CLIENTS / "node_modules" / ".bin" / "tsc"


async def a_sale(product: Product, event_id: str) -> None:
    await product.web.event(event_id, room={**EVENT, "admission_rate_per_minute": 0})


async def call_all(product: Product, event_id: str) -> None:
    await product.staff("PATCH", f"/v1/rooms/{event_id}", {"admission_rate_per_minute": 6000})


async def test_python_joins_waits_claims_reserves_and_pays(product: Product) -> None:
    await a_sale(product, "py")
    async with Relay(product.url).open() as way, Fairgate(way.url, patience_s=20) as fairgate:
        place = await fairgate.join("py")
        leaver = await fairgate.join("py")
        assert leaver["visitor_id"] != place["visitor_id"]
        assert (await fairgate.join("py", place_token=place["place_token"]))["queue_number"] == 1
        path = f"/v1/rooms/py/visitors/{leaver['visitor_id']}"
        await product.staff("DELETE", path)
        with pytest.raises(Over) as over:
            await fairgate.wait(leaver)
        assert over.value.state == "removed"
        claiming = asyncio.create_task(fairgate.claim(place))  # not called yet: it waits by itself
        await call_all(product, "py")
        token = (await claiming)["booking_token"]
        way.cut()
        reserving = asyncio.create_task(
            fairgate.reserve("py", token, {"items": [{"ticket_type_id": "floor", "quantity": 2}]}, key="k")
        )
        await asyncio.wait({reserving}, timeout=0.1)
        assert not reserving.done()
        way.restore()
        held = await reserving
        again = await fairgate.reserve(
            "py", token, {"items": [{"ticket_type_id": "floor", "quantity": 2}]}, key="k"
        )
        assert again["reservation_id"] == held["reservation_id"]
        with pytest.raises(Refused) as refused:
            await fairgate.pay(held["reservation_id"], token, {"method": "card", "token": "tok_declined"})
        assert (refused.value.status, refused.value.code) == (402, "payment_declined")
        paid = await fairgate.pay(held["reservation_id"], token, {"method": "card", "token": "tok_ok"})
        assert (paid["status"], len(paid["tickets"])) == ("confirmed", 2)
        with pytest.raises(Refused):
            await fairgate.request("GET", "/v1/rooms/nowhere")


async def test_typescript_does_the_same(product: Product, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not TSC.exists():
        pytest.skip("no node here, or not what it needs (make test installs it)")
    compiled = await asyncio.create_subprocess_exec(
        TSC, "--outDir", tmp_path, cwd=CLIENTS / "typescript", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await compiled.communicate()
    assert compiled.returncode == 0, output.decode()
    (tmp_path / "package.json").write_text('{"type": "module"}')
    await a_sale(product, "ts")
    sale = await asyncio.create_subprocess_exec(
        *(node, "tests/sale.mjs", str(tmp_path / "client.js"), product.url, "ts"),
        cwd=CLIENTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert sale.stdin is not None

    async def line() -> str:
        assert sale.stdout is not None
        return (await sale.stdout.readline()).decode().strip()

    assert await line() == "joined 1"
    visitor_id = (await line()).removeprefix("leaves ")
    await product.staff("DELETE", f"/v1/rooms/ts/visitors/{visitor_id}")
    sale.stdin.write(b"gone\n")
    assert await line() == "over removed"
    await call_all(product, "ts")
    assert await line() == "state called"
    assert await line() == "held held true"
    assert await line() == "refused payment_declined"
    assert await line() == "paid confirmed 2"
    assert await sale.wait() == 0


def test_the_types_of_what_is_done_by_hand_are_those_of_the_contract() -> None:
    """The other types may follow an older contract until `make client-types`."""
    spec = importlib.util.spec_from_file_location("generate", CLIENTS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    document = json.loads(json.dumps(contract(CALLS)))
    made = generate.files(document)
    committed, now = (classes_of(it) for it in (generate.PYTHON.read_text(), made[generate.PYTHON]))
    for name in BY_HAND:
        assert committed[name] == now[name], f"{name}: make client-types"
    typescript = generate.TYPESCRIPT.read_text()
    for name in BY_HAND:
        one = generate.typescript_types(document["components"]["schemas"])[name]
        assert one in typescript, f"{name}: make client-types"


def classes_of(text: str) -> dict[str, str]:
    """The classes of a module by name, without their docstrings."""
    found = {it.name: it for it in ast.parse(text).body if isinstance(it, ast.ClassDef)}
    return {name: "".join(map(ast.dump, it.body[1:])) for name, it in found.items()}
