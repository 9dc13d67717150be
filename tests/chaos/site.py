"""An installation under stress: the running `fairgate up`, its stores, its staff, and its sales."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any

import httpx
import psutil
from redis.asyncio import Redis

from app.core.model import EventId, RoomId
from app.reservations import consistency
from app.store.connections import REDIS_AWAY, Stores, connect_postgres, connect_redis
from app.store.keys import WORKERS
from load.judging.books import Books, read_books
from load.judging.verdict import judge
from tests.chaos.crowd import Crowd, Sale
from tests.platform.conftest import new_folder
from tests.platform.outside import Up, fairgate, up
from tests.support.http import plain_client
from tests.support.prepared_postgres import prepare
from tests.support.waiting import wait_until

STARTS_AT = "2031-06-01T19:00:00Z"
TICKETS, SEATS = "standing", "stalls"
OPEN_WIDE = {  # a room that holds nobody up
    "admission_rate_per_minute": 60_000,
    "active_visitors_max": None,
    "visitors_per_ticket_max": 100,
    "restore_window_s": 0,
}


@dataclass(frozen=True)
class Site:
    """One installation, with the tools an operator has."""

    up: Up
    redis_url: str
    database_url: str
    staff_token: str

    @property
    def folder(self) -> Path:
        """Its data folder."""
        return self.up.data

    def client(self) -> httpx.AsyncClient:
        """A client for its API and pages that keeps no cookies, to be shared by many visitors."""
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=100)
        return plain_client(self.up.url, timeout=20, limits=limits, cookies=no_cookies)

    async def staff(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One staff call; asserts that it succeeds."""
        async with self.client() as client:
            answer = await client.request(
                method, path, json=body, headers={"Authorization": f"Bearer {self.staff_token}"}
            )
        assert answer.is_success, answer.text
        return answer

    @asynccontextmanager
    async def stores(self) -> AsyncIterator[Stores]:
        """Both stores, through our own connections."""
        redis = await connect_redis(self.redis_url, timeout_s=20)
        postgres = await connect_postgres(self.database_url, timeout_s=20, connections_max=3)
        try:
            yield Stores(redis, postgres)
        finally:
            postgres.terminate()
            await redis.aclose()

    async def open_sale(self, *, quantity: int = 5_000, room: Any = None, **event: Any) -> Sale:
        """An event with one ticket type and an open room."""
        name = f"sale-{secrets.token_hex(4)}"
        settings = OPEN_WIDE | (room or {})
        await self.staff(
            "POST",
            "/v1/events",
            {"event_id": name, "name": name, "starts_at": STARTS_AT, "room": settings} | event,
        )
        tickets = {"ticket_type_id": TICKETS, "name": "Standing", "price": 4900, "quantity": quantity}
        await self.staff("POST", f"/v1/events/{name}/ticket-types", tickets)
        await self.staff("POST", f"/v1/rooms/{name}/open")
        return Sale(RoomId(name), EventId(name), TICKETS, quantity)

    async def open_hall(self, *, rows: int, seats_per_row: int) -> Sale:
        """An event with only the seats `stalls-a-1` and up, and an open room."""
        name = f"hall-{secrets.token_hex(4)}"
        event = {"event_id": name, "name": name, "starts_at": STARTS_AT, "room": OPEN_WIDE}
        await self.staff("POST", "/v1/events", event)
        section = {"name": SEATS.title(), "price": 4900, "rows": rows, "seats_per_row": seats_per_row}
        await self.staff("POST", f"/v1/events/{name}/seats", {"sections": [section]})
        await self.staff("POST", f"/v1/rooms/{name}/open")
        return Sale(RoomId(name), EventId(name), SEATS, rows * seats_per_row)

    @asynccontextmanager
    async def crowd(self, sale: Sale) -> AsyncIterator[Crowd]:
        """A crowd for that sale. All responses must be in the contract, and the books must balance."""
        async with self.client() as client:
            crowd = Crowd(client, sale)
            yield crowd
        assert crowd.violations == [], "\n".join(crowd.violations)
        await self.check_books(sale, crowd)

    async def check_books(self, sale: Sale, crowd: Crowd) -> Books:
        """The books at rest: nothing oversold, lost or stranded, and exactly what was promised exists."""
        async with self.stores() as stores:
            found: list[Books] = []

            async def good() -> bool:
                found[:] = [await read_books(stores, sale.room_id, sale.event_id, set(crowd.promised))]
                return judge(found[0]).good

            try:
                await wait_until(good, "a good verdict", every_s=0.2)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{judge(found[0])}") from None
            assert await consistency.check(stores, sale.event_id) == []
            rows = await stores.postgres.fetch(
                "SELECT reservation_id FROM reservations WHERE event_id = $1", sale.event_id
            )
            assert {row["reservation_id"] for row in rows} == set(crowd.promised)
            assert sum(count.held + count.sold for count in found[0].counters.values()) <= sale.quantity
            return found[0]

    def read_log(self) -> str:
        """Everything its processes have logged."""
        return self.up.log.read_text()

    def tracebacks(self) -> list[str]:
        """The log lines that a developer would have to look at."""
        words = ("Traceback", "never retrieved", "unexpected error", "broke;")
        return [line for line in self.read_log().splitlines() if any(word in line for word in words)]

    # trouble ----------------------------------------------------------------------------------------------
    def kill_one(self, role: str) -> int:
        """`kill -9` one process of a role; returns its pid."""
        pid = min(self.up.pids(role))
        os.kill(pid, signal.SIGKILL)
        return pid

    async def worker_ids(self) -> set[str]:
        """The workers that have reported themselves."""
        async with self.stores() as stores:
            redis: Any = stores.redis
            return set(await redis.zrange(WORKERS, 0, -1))

    async def valkey_pid(self) -> int:
        """The process of the embedded Valkey."""
        async with Redis.from_url(self.redis_url) as redis:
            return int((await redis.info("server"))["process_id"])

    def postgres_pid(self) -> int:
        """The main process of the embedded PostgreSQL."""
        return int((self.folder / "postgres/data/postmaster.pid").read_text().splitlines()[0])

    async def valkey_answers(self) -> bool:
        """Whether Valkey responds."""
        try:
            async with Redis.from_url(self.redis_url, socket_timeout=20) as redis:
                return bool(await redis.ping())
        except REDIS_AWAY:
            return False


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Suspend a process and its children for a while; their connections stay open."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(family):
            process.resume()


@asynccontextmanager
async def a_site(*arguments: str, **settings: str) -> AsyncIterator[Site]:
    """An installation with throttles off; when it ends, its books are checked and its log must be clean."""
    with new_folder() as folder:
        prepare(folder / "postgres")
        running = await up(folder, "--simulate-payments", *arguments, FAIRGATE_RATE_LIMITS="off", **settings)
        env = await fairgate("env", "--data", str(folder))
        addresses = dict(line.split("=", 1) for line in env.out.splitlines())
        token = await fairgate("token", "--role", "admin", "--sub", "chaos", "--data", str(folder))
        assert token.code == 0, token.err
        site = Site(running, addresses["REDIS_URL"], addresses["DATABASE_URL"], token.out.strip())
        yield site
        checked = await fairgate("check", "--all", "--data", str(folder))
        await running.stop()
        assert checked.code == 0, checked.out + checked.err
        assert site.tracebacks() == [], "\n".join(site.tracebacks()).replace("\\n", "\n")
