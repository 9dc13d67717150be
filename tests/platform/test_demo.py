"""`fairgate demo` from outside: its links, its crowd, and the books afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg

from tests.platform.outside import fairgate, up
from tests.platform.test_up import addresses, stopped_beside_a_stream
from tests.support.http import plain_client
from tests.support.prepared_postgres import prepare
from tests.support.waiting import PATIENCE_S, wait_until


async def check_signs_in_once(url: str, link: str) -> None:
    """The link has a button that leads to the demo page; used once, it has none."""
    code = link.partition("?code=")[2]
    async with plain_client(url, timeout=PATIENCE_S, headers={"Origin": url}) as client:
        for _ in range(2):  # viewing it does not use it up
            assert f'value="{code}"' in (await client.get(link)).text
        entered = await client.post("/admin/link", data={"code": code})
        assert (entered.status_code, entered.headers["location"]) == (303, "/admin/demo")
        page = await client.get("/admin/demo")
        assert page.status_code == 200
        assert page.text.count("<iframe") == 2
        assert page.headers["x-frame-options"] == "SAMEORIGIN"
        assert "frame-ancestors 'self'" in page.headers["content-security-policy"]
        again = await client.post("/admin/link", data={"code": code})
        assert (again.status_code, "not good any more" in again.text) == (401, True)


async def test_the_demo_sells_to_a_crowd_and_ends_in_balance(data: Path) -> None:
    prepare(data / "postgres")
    running = await up(data, "--fans", "12", "--once", command="demo")
    assert running.process.stdout is not None
    links = [(await running.process.stdout.readline()).decode().split()[-1] for _ in range(5)]
    assert links[1:] == [
        f"{running.url}{path}" for path in ("/admin/demo", "/rooms/demo", "/rooms/demo-seats", "/docs")
    ]
    await check_signs_in_once(running.url, links[0])

    async def through() -> re.Match[str] | None:
        return re.search(r"the fans have left: 15 joined, .*\b(\d+) bought", running.log.read_text())

    bought = int((await wait_until(through, "twelve fans, and three for seats"))[1])
    ended = await fairgate("check", "--all", "--data", str(data))
    assert ended.code == 0, ended.out
    connection = await asyncpg.connect((await addresses(data))["DATABASE_URL"])
    confirmed = await connection.fetchval("SELECT count(*) FROM reservations WHERE status = 'confirmed'")
    await connection.close()
    assert confirmed == bought > 0
    await stopped_beside_a_stream(running)
