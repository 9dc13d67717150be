"""`fairgate demo`: a concert on sale, and a crowd of simulated fans to watch it with."""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from app import catalog, room_control, waiting_room
from app.core.definitions import EventDefinition, NewRoomOfEvent, NewTicketType
from app.core.errors import EventNotFound, Refusal
from app.core.model import COMMAND_LINE, EventId, RoomId
from app.fans import Crowd, a_client
from app.settings import Settings
from app.store.connections import STORE_AWAY, connected

EVENT = "demo"
STARTS_IN_DAYS = 60
REPORT_EVERY_S = 10.0
OPEN_STATES = ("open", "sold_out")
REFUSED: tuple[type[Exception], ...] = (Refusal, *STORE_AWAY)


def concert() -> EventDefinition:
    """The demo event: two ticket types, and an admission slow enough to see the line move."""
    starts_at = (datetime.now(UTC) + timedelta(days=STARTS_IN_DAYS)).replace(
        hour=19, minute=0, second=0, microsecond=0
    )
    return EventDefinition(
        event_id=EVENT,
        name="The Long Wait: Live in Concert",
        venue="Harbour Hall",
        artist="The Long Wait",
        starts_at=starts_at,
        currency="EUR",
        max_tickets_per_visitor=4,
        hold_ttl_s=120,
        room=NewRoomOfEvent(
            admission_rate_per_minute=120,
            active_visitors_max=60,
            claim_window_s=60,
            session_ttl_s=300,
            message="Simulated fans are in line with you. Nothing here is sold in earnest.",
        ),
        ticket_types=[
            NewTicketType(ticket_type_id="standing", name="Standing", price=5_900, quantity=4_000),
            NewTicketType(ticket_type_id="seated", name="Seated", price=8_900, quantity=1_000),
        ],
    )


async def run(url: str, settings: Settings, fans: int) -> None:
    """Put the concert on sale, print where to look, let the fans come. Ends when the last one is through."""
    try:
        ticket_type_ids, state = await _on_sale(settings)
    except REFUSED as error:
        _tell(f"the demo event could not be put on sale: {error}")
        return
    _links(url, settings.data)
    if state not in OPEN_STATES:
        _tell(f"the room is {state}, as it was left; open it with: fairgate room open {EVENT}")
        return
    async with a_client(url) as client:
        crowd = Crowd(client, EVENT, EVENT, ticket_type_ids, random.Random())
        _tell(f"{fans} simulated fans are on their way")
        reporting = asyncio.create_task(_report(crowd))
        try:
            await crowd.come(fans)
        except* httpx.HTTPError as errors:
            _tell(f"the fans gave up: {errors.exceptions[0]}")
        finally:
            reporting.cancel()
    _tell(f"the fans are gone: {_summary(crowd)}; the sale goes on, Ctrl-C ends it")


async def _on_sale(settings: Settings) -> tuple[list[str], str]:
    """Import the event where it is missing, and open its room the first time; ticket types and state."""
    async with connected(settings) as stores:
        line = waiting_room.open_line(stores, settings)
        try:
            await catalog.event(stores, EventId(EVENT))
        except EventNotFound:
            await catalog.import_event(stores, concert(), by=COMMAND_LINE)
        _, ticket_types = await catalog.event(stores, EventId(EVENT))
        _, status = await waiting_room.status(line, RoomId(EVENT))
        state = status.state
        if state == "scheduled":
            room = await room_control.set_state(line, RoomId(EVENT), "open", by=COMMAND_LINE)
            state = room.state
        return [it.ticket_type_id for it in ticket_types], state


def _links(url: str, data: Path) -> None:
    for name, path in (("queue page", f"/rooms/{EVENT}"), ("console", "/admin"), ("API docs", "/docs")):
        print(f"  {name:<12}{url}{path}", flush=True)
    print(
        f"  a token for the console and the API:  fairgate token --role admin --sub me --data {data}",
        flush=True,
    )


async def _report(crowd: Crowd) -> None:
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        _tell(f"fans: {_summary(crowd)}")


def _summary(crowd: Crowd) -> str:
    return ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in crowd.tally.items()) or "none yet"


def _tell(line: str) -> None:
    print(f"fairgate: {line}", file=sys.stderr, flush=True)
