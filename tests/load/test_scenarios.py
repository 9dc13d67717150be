"""Every scenario of `fairgate load`, small, on a running installation; and verdicts that must fail."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app import cli
from app.runtime.embedded_stores import free_port
from load.fans.outside import judge_from_outside
from load.fans.plan import Claim, Findings, Promise
from load.fans.scenarios import SCENARIOS
from load.gate import run as gate_run
from load.measure.crowd import TICKET_TYPES, open_sale
from load.servers.product import data_folder, running
from tests.chaos.site import Site, a_site
from tests.platform.outside import Ended, fairgate
from tests.support.http import plain_client
from tests.support.prepared_postgres import prepare

FANS = 30
TIMEOUT_S = 200
pytestmark = pytest.mark.timeout(300)  # a dozen processes start, sometimes next to other tests
PLANT = """
    INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency,
                              fingerprint, expires_at, released)
    VALUES ('planted', $1, 'nobody', 'confirmed', $2, 0, 'EUR', '', now(), true)
"""


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    """One installation for all of them; its books are checked once more at the end."""
    async with a_site("--server", "granian") as running:
        yield running


async def load(*arguments: str, **settings: str) -> Ended:
    """Run `fairgate load` to its end."""
    return await fairgate("load", *arguments, **settings)


async def test_every_scenario_is_played_to_its_end_and_judged_good(site: Site) -> None:
    async def play(name: str) -> tuple[str, Ended]:
        arguments = ("--scenario", name, "--fans", str(FANS), "--seconds", "45", "--data", str(site.folder))
        return name, await load(*arguments)

    played = dict(await asyncio.gather(*map(play, SCENARIOS)))
    for name, ended in played.items():
        assert ended.code == 0, f"{name}: {ended.out}{ended.err}"
        for judge in ("from outside", "from both stores", "admissions"):
            assert f"verdict {judge}: good: oversold 0, lost 0, stranded 0, over-admitted 0" in ended.out
        assert f"{FANS} came" in ended.out
        assert "confirmed" in ended.out
        assert "errors: none" in ended.out
        assert f"{FANS} of {FANS} came" in ended.err
    assert "3 storms" in played["reconnect"].out
    assert "pages loaded again" in played["reconnect"].out
    assert "credential missing" in played["bots"].out
    assert re.search("left the queue|no show|forgot to pay|cancelled", played["abandoners"].out)


async def test_tickets_sold_beyond_the_total_make_the_verdict_bad() -> None:
    """On its own installation: if the room were loaded after the planted row, Redis would have it, too."""
    with data_folder() as folder:
        prepare(folder / "postgres")
        async with running(folder, "granian") as product:
            sale = await open_sale(product, "planted", 5)
            items = f'[{{"ticket_type_id": "{TICKET_TYPES[0]}", "quantity": 50, "price": 1}}]'
            await product.stores.postgres.execute(PLANT, sale.event_id, items)
            ended = await load(
                "--room", sale.room_id, "--fans", "3", "--seconds", "20", "--data", str(folder)
            )
    assert ended.code == 1, ended.out + ended.err
    assert re.search(r"verdict from both stores: NOT GOOD: oversold [12],", ended.out), ended.out
    assert "hold or sold 5" in ended.out
    assert "verdict from outside: good" in ended.out


async def test_a_host_alone_is_judged_from_outside(site: Site) -> None:
    sale = await site.open_sale(quantity=50)
    arguments = ("--host", site.up.url, "--fans", "5", "--seconds", "15", "--scenario", "steady")
    ended, refused, made = await asyncio.gather(
        load(*arguments, "--room", sale.room_id),
        load(*arguments),
        load(*arguments, FAIRGATE_LOAD_TOKEN=site.staff_token),
    )
    assert ended.code == 0, ended.out + ended.err
    assert "verdict from outside: good" in ended.out
    assert "both stores" not in ended.out
    assert refused.code == 1
    assert "FAIRGATE_LOAD_TOKEN" in refused.err.splitlines()[-1]
    assert made.code == 0, made.out + made.err


async def test_browsers_come_through_a_gate_to_the_page_they_wanted(site: Site) -> None:
    port = free_port()
    shop = f"http://127.0.0.1:{port}"
    room = {"room_id": "behind", "name": "Shop", "target_url": f"{shop}/", "gate_mode": "queue_all"}
    staff = {"Authorization": f"Bearer {site.staff_token}"}
    async with plain_client(site.up.url, headers=staff, timeout=TIMEOUT_S) as client:
        made = await client.post("/v1/rooms", json=room)
        assert made.status_code == 201, made.text
        assert (await client.post("/v1/rooms/behind/open")).status_code == 200
    async with await asyncio.start_server(gate_run.serve, "127.0.0.1", 0) as listening:
        origin = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        options = ("--origin", origin, "--room", "behind", "--fairgate", site.up.url, "--port", str(port))
        async with gate_run.proxied(shop, *options):
            ended = await load("--scenario", "gate", "--host", shop, "--fans", "3", "--seconds", "90")
    assert ended.code == 0, ended.out + ended.err
    for words in ("3 came", "3 queued", "3 came through the queue", "errors: none", "verdict: good"):
        assert words in ended.out


async def test_a_host_that_is_not_there_is_one_line() -> None:
    ended = await load("--host", "http://127.0.0.1:9", "--room", "nowhere", "--fans", "2")
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith("fairgate: http://127.0.0.1:9 cannot be reached")
    assert "Traceback" not in ended.err


def test_without_locust_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("app.commands.load.find_spec", lambda _name: None)
    assert cli.run(["load"]) == cli.FAILED
    assert "pip install 'fairgate[load]'" in capsys.readouterr().err


GOOD = Findings(
    numbers={"ann": 1, "bob": 2},
    claims=[Claim(1.0, 1, False), Claim(2.0, 2, True)],
    serving=[(0.5, 1), (3.0, 2), (9.0, 9)],
)
WRONG: dict[str, tuple[str, str, dict[str, Any]]] = {
    "one number for two": ("lost", "queue number 1", {"numbers": {"ann": 1, "bob": 1}}),
    "a place that moved": ("lost", "place changed", {"moved": ["ann: 1 became 7"]}),
    "a promise nobody knows": ("lost", "was promised", {"promises": [Promise("nothing", 1, "x", "held", 1)]}),
    "inside before its turn": ("over_admitted", "a bot", {"claims": [Claim(1.0, 9, True)]}),
    "more than a visitor may have": (
        "over_admitted",
        "3 are allowed",
        {"promises": [Promise("a", 1, "", "held", 2), Promise("b", 1, "", "confirmed", 2)]},
    ),
    "one ticket sold twice": (
        "oversold",
        "sold 2 times",
        {
            "promises": [
                Promise("a", 1, "", "confirmed", 1, ["t"]),
                Promise("b", 2, "", "confirmed", 1, ["t"]),
            ]
        },
    ),
    "more bought than there are": (
        "oversold",
        "5 exist",
        {"promises": [Promise(f"r{n}", n, "", "confirmed", 1) for n in range(6)]},
    ),
}


@pytest.mark.parametrize(("kind", "words", "wrong"), WRONG.values(), ids=WRONG.keys())
async def test_what_is_wrong_from_outside_is_named(
    site: Site, kind: str, words: str, wrong: dict[str, Any]
) -> None:
    sale = await site.open_sale(quantity=5)
    found = Findings(**{"numbers": GOOD.numbers, "claims": GOOD.claims, "serving": GOOD.serving} | wrong)
    async with plain_client(site.up.url, timeout=20) as client:
        assert (await judge_from_outside(client, GOOD, sale.event_id, 3)).good
        verdict = await judge_from_outside(client, found, sale.event_id, 3)
    assert not verdict.good
    assert any(words in line for line in getattr(verdict, kind)), str(verdict)
