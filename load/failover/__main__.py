"""A store fails over during a sale: what fans notice, and what is lost. `python -m load.failover --store
NAME`.

Real store servers, a web process and a worker run on this machine; fans join, claim, reserve, pay and cancel.
Then the primary is killed without warning, and its replica is promoted; with `--behind` the replica had
received nothing for a second. At the end both stores are compared, and everything that was acknowledged is
looked for. Exit code 1 if any of it is lost.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer

from app.core.model import EventId, RoomId
from app.runtime.embedded_stores import free_port
from app.store.connections import Stores, connect_postgres, connect_redis
from load.failover.crowd import FailoverCrowd, no_cookies
from load.failover.site import (
    READY_S,
    SALE,
    Installation,
    StoreName,
    command,
    end,
    environment_of,
    installation,
    ready,
    start,
)
from load.judging.books import read_books
from load.judging.verdict import judge
from load.servers.replicas import beside

MENDED_S = 200.0  # reconciliation runs every minute
ROOM = {"admission_rate_per_minute": 60_000, "active_visitors_max": None, "visitors_per_ticket_max": 100}
SLOW = {"admission_rate_per_minute": 120, "burst": 1}


async def run(store: StoreName, folder: Path, seconds: float, *, behind: bool) -> bool:
    """Run once; return whether the run kept what this configuration promises."""
    async with installation(store, folder, behind) as site, AsyncExitStack() as running:
        environment = environment_of(site, folder)
        await command(environment, "migrate", "up")
        port = free_port()
        for number, role in enumerate((("web", "--server", "granian", "--port", str(port)), ("worker",))):
            running.callback(end, start(environment, folder / f"role{number}.log", *role))
        token = (await command(environment, "token", "--role", "admin", "--sub", "failover")).strip()
        url = f"http://127.0.0.1:{port}"
        limits = httpx.Limits(max_connections=100)
        client = await running.enter_async_context(
            httpx.AsyncClient(base_url=url, timeout=15, limits=limits, cookies=no_cookies(), trust_env=False)
        )
        await ready(client)
        crowd = FailoverCrowd(client, SALE, beside(SALE, "line"))
        await _open(client, crowd, token)
        return await _trial(site, crowd, store, seconds, environment, behind=behind)


async def _trial(
    site: Installation,
    crowd: FailoverCrowd,
    store: StoreName,
    seconds: float,
    environment: dict[str, str],
    *,
    behind: bool,
) -> bool:
    responses = crowd.responses
    fans = asyncio.create_task(crowd.run())
    await asyncio.sleep(seconds / 2)
    lost_at = time.monotonic() - responses.began
    await site.fail_over()
    promoted_s = time.monotonic() - responses.began - lost_at
    print(f"store: {store}{', replica behind' if behind else ''}")
    print(f"promoted after: {promoted_s:.1f} s")
    stores = await _stores(site)
    await asyncio.sleep(seconds / 2)
    crowd.over.set()
    await fans
    good = await _judged(stores, crowd, environment, lost_at)
    await stores.redis.aclose()
    stores.postgres.terminate()
    return good


async def _judged(stores: Stores, crowd: FailoverCrowd, environment: dict[str, str], lost_at: float) -> bool:
    """Print the findings; return whether nothing is lost."""
    responses = crowd.responses
    expected = responses.reserved - responses.cancelled
    absent = await _absent(stores, expected)
    settled = await _settled(stores, crowd, expected)
    still = await _absent(stores, expected)
    unsold = await _unsold(stores, responses.confirmed - still)
    places = await _places(crowd)
    checked = await command(environment, "check", "--all", fails=True)
    for what in ("join", "claim", "reserve", "confirm"):
        print(f"longest pause without a successful {what}: {responses.longest_pause_s(what, lost_at):.1f} s")
    for what, count in sorted(responses.failed.items()):
        print(f"failed: {what}: {count}")
    print(f"reservations acknowledged: {len(responses.reserved)}, paid: {len(responses.confirmed)}")
    print(f"cancelled: {len(responses.cancelled)}")
    print(f"of these missing in PostgreSQL when fans left: {len(absent)}, at the end: {len(still)}")
    print(f"paid but not confirmed at the end: {len(unsold)}")
    print(f"places acknowledged in the queue: {len(responses.queue)}; {places}")
    print(f"verdict: {settled}")
    print(f"fairgate check: {checked.strip() or 'clean'}")
    good = places.good and settled.startswith("oversold 0, lost 0, stranded 0") and not still and not unsold
    print("kept" if good else "NOT KEPT")
    return good


@dataclass(frozen=True, slots=True)
class Places:
    """What became of the places in the queue."""

    lost: int
    moved: int
    twice: int

    @property
    def good(self) -> bool:
        """Whether all places kept their numbers."""
        return not (self.lost or self.moved or self.twice)

    def __str__(self) -> str:
        return f"lost {self.lost}, with another number {self.moved}, numbers given twice {self.twice}"


async def _places(crowd: FailoverCrowd) -> Places:
    """Request the place of everybody in the queue."""
    lost, moved, numbers = 0, 0, [it.number for it in crowd.responses.queue]
    for promise in crowd.responses.queue:
        response = await crowd.call("place", "GET", f"/v1/rooms/{crowd.queue_room}/places/me", promise.token)
        place = response.json()
        lost += response.status_code != 200
        moved += response.status_code == 200 and place["queue_number"] != promise.number
    return Places(lost, moved, len(numbers) - len(set(numbers)))


async def _settled(stores: Stores, crowd: FailoverCrowd, expected: set[str]) -> str:
    """Return the verdict at rest, once it is good or the time is up."""
    deadline = time.monotonic() + MENDED_S
    while True:
        books = await read_books(stores, RoomId(crowd.sale), EventId(crowd.sale), expected)
        verdict = judge(books)
        if verdict.good or time.monotonic() > deadline:
            return str(verdict)
        await asyncio.sleep(0.5)


async def _absent(stores: Stores, promised: set[str]) -> set[str]:
    rows = await stores.postgres.fetch(
        "SELECT reservation_id FROM reservations WHERE reservation_id = ANY($1)", [*promised]
    )
    return promised - {row["reservation_id"] for row in rows}


async def _unsold(stores: Stores, confirmed: set[str]) -> set[str]:
    rows = await stores.postgres.fetch(
        "SELECT reservation_id FROM reservations WHERE reservation_id = ANY($1) AND status = 'confirmed'",
        [*confirmed],
    )
    return confirmed - {row["reservation_id"] for row in rows}


async def _stores(site: Installation) -> Stores:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            redis = await connect_redis(site.settings["REDIS_URL"], 5.0)
            return Stores(redis, await connect_postgres(site.settings["DATABASE_URL"], 5.0, 3))
        except Exception:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


async def _open(client: httpx.AsyncClient, crowd: FailoverCrowd, token: str) -> None:
    """Create the event on sale, and a room that calls few of its visitors."""
    event = {"event_id": crowd.sale, "name": "Gala", "starts_at": "2031-06-01T19:00:00Z", "room": ROOM}
    floor = {"ticket_type_id": "floor", "name": "Floor", "price": 4900, "quantity": 50_000}
    for path, body in (
        ("/v1/events", event),
        (f"/v1/events/{crowd.sale}/ticket-types", floor),
        (f"/v1/rooms/{crowd.sale}/open", None),
        ("/v1/rooms", {"room_id": crowd.queue_room, "name": "Queue", **SLOW}),
        (f"/v1/rooms/{crowd.queue_room}/open", None),
    ):
        response = await client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
        response.raise_for_status()


def main(
    store: Annotated[StoreName, typer.Option(help="The store that fails over.")],
    seconds: Annotated[
        float,
        typer.Option(min=4, max=600, help="Length of the run: half before the fail-over, half after it."),
    ] = 20,
    behind: Annotated[bool, typer.Option(help="The replica received nothing for the last second.")] = False,
    keep: Annotated[bool, typer.Option(help="Keep the folder with all logs.")] = False,
) -> None:
    """Fail a store over during a sale, and report what fans noticed and what was lost."""
    folder = Path(tempfile.mkdtemp(prefix="fairgate-failover-"))
    folder.chmod(0o711)  # as root, Postgres runs as another user
    try:
        good = asyncio.run(run(store, folder, seconds, behind=behind))
    finally:
        if keep:
            print(f"the logs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(0 if good else 1)


if __name__ == "__main__":
    typer.run(main)
