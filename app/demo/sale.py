"""`fairgate demo`: two concerts on sale, one with seats, and a crowd of simulated fans to watch."""

from __future__ import annotations

import asyncio
import random
import sys
import webbrowser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import msgspec

from app.accounts import sign_in_links
from app.catalogue import event_import, events
from app.core.account import COMMAND_LINE, Account
from app.core.catalogue.definitions import (
    EventDefinition,
    NewRoomOfEvent,
    NewSection,
    NewTicketType,
    TicketTypePatch,
)
from app.core.errors import EventNotFound, Refusal
from app.core.model import EventId, RoomId, Theme, TicketTypeId
from app.demo.fans import Crowd, a_client
from app.settings import Settings
from app.store.connections import STORE_AWAY, Stores, connected
from app.waiting_room import control, queue
from app.waiting_room.queue import Queues

EVENT = "demo"
HALL = "demo-seats"
HALL_SHARE = 0.25  # this share of fans comes in addition, for seats
STARTS_IN_DAYS = 60
REPORT_EVERY_S, REPORT_RARELY_S = 10.0, 300.0
SUPPLY_EVERY_S = 20.0
FANS_MAX = 20_000  # the maximum of `--fans`
FREE_LEAST, MORE = 500, 2_000  # a type with fewer free tickets gets this many more
OPEN_STATES = ("open", "sold_out")
REFUSED: tuple[type[Exception], ...] = (Refusal, *STORE_AWAY)


LOOK = Theme(
    accent="#8a1c4a",
    paper="#fbf3f0",
    welcome="One night, one harbour, no second date.",
    footer="Harbour Hall · a demo of Fairgate",
)


def concert() -> EventDefinition:
    """The demo event: two ticket types, and admission slow enough to watch the queue move."""
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
            session_ttl_s=90,
            unclaimed_per_network_max=FANS_MAX,  # all fans share one network
            message="This is a demo: nothing is really sold.",
            theme=LOOK,
        ),
        ticket_types=[
            NewTicketType(ticket_type_id="standing", name="Standing", price=5_900, quantity=4_000),
            NewTicketType(ticket_type_id="seated", name="Seated", price=8_900, quantity=1_000),
        ],
    )


def seated_concert() -> EventDefinition:
    """The second demo event: a hall with 20,000 seats, and a queue that moves fast."""
    first = concert()
    sections = [
        *(NewSection(name=f"Floor {it}", price=14_500, rows=25, seats_per_row=40) for it in "ABC"),
        *(NewSection(name=f"Lower {it}", price=9_900, rows=25, seats_per_row=40) for it in range(101, 107)),
        *(NewSection(name=f"Upper {it}", price=5_900, rows=25, seats_per_row=40) for it in range(201, 212)),
    ]
    room = msgspec.structs.replace(
        first.room, admission_rate_per_minute=240, active_visitors_max=100, session_ttl_s=900
    )
    return msgspec.structs.replace(
        first,
        event_id=HALL,
        name="The Long Wait: the seated night",
        venue="Harbour Arena",
        room=room,
        ticket_types=[],
        sections=sections,
    )


@dataclass(frozen=True)
class Demo:
    """The options: the number of `fans` at a time, whether they come only `once`, whether to open a
    browser."""

    fans: int
    once: bool = False
    opens: bool = False


async def run(url: str, settings: Settings, demo: Demo) -> None:
    """Put the concerts on sale, print the links, and run the fans until the last one is done, or forever."""
    try:
        async with connected(settings) as stores:
            queues = queue.open_queues(stores, settings)
            on_sale = [await _on_sale(stores, queues, it) for it in (concert(), seated_concert())]
            code = await sign_in_links.create(stores, Account("demo", "admin"))
    except REFUSED as error:
        _print(f"the demo events could not be put on sale: {error}")
        return
    link = f"{url}/admin/link?code={code}"
    _links(url, link)
    if demo.opens:
        await asyncio.to_thread(webbrowser.open, link)
    async with a_client(url) as client:
        crowds = []
        for (event_id, ticket_type_ids, state), share in zip(on_sale, (1, HALL_SHARE), strict=True):
            if state in OPEN_STATES:
                crowd = Crowd(
                    client, event_id, event_id, ticket_type_ids, random.Random(), seated=event_id == HALL
                )
                crowds.append((crowd, round(demo.fans * share)))
            else:
                _print(f"the room is still {state}; open it with: fairgate room open {event_id}")
        await _run_fans(settings, crowds, demo)


async def _run_fans(settings: Settings, crowds: list[tuple[Crowd, int]], demo: Demo) -> None:
    """Run the fans of both events; reports progress at intervals and at the end."""
    if not sum(fans for _, fans in crowds):
        return
    _print(f"{sum(fans for _, fans in crowds)} simulated fans are on their way")
    try:
        with _reported([crowd for crowd, _ in crowds], REPORT_EVERY_S if demo.once else REPORT_RARELY_S):
            async with asyncio.TaskGroup() as group:
                supplying = None if demo.once else group.create_task(_supply(settings))
                await asyncio.gather(*(crowd.run_fans(fans, again=not demo.once) for crowd, fans in crowds))
                if supplying:
                    supplying.cancel()
    except* httpx.HTTPError as errors:
        _print(f"the fans gave up: {errors.exceptions[0]}")
    _print(f"the fans have left: {_summary([crowd for crowd, _ in crowds])}; the sale continues until Ctrl-C")


async def _supply(settings: Settings) -> None:
    """Put more tickets on sale before the concert sells out: an endless crowd needs them."""
    while True:
        await asyncio.sleep(SUPPLY_EVERY_S)
        try:
            async with connected(settings, "command") as stores:
                await _add_tickets(stores)
        except REFUSED as error:
            _print(f"no more tickets could be put on sale: {error}")


async def _add_tickets(stores: Stores) -> None:
    event_id = EventId(EVENT)
    _, ticket_types = await events.event(stores, event_id)
    for ticket_type in ticket_types:
        if ticket_type.total - ticket_type.held - ticket_type.sold < FREE_LEAST:
            more = TicketTypePatch(quantity=ticket_type.total + MORE)
            await events.change_ticket_type(
                stores, event_id, TicketTypeId(ticket_type.ticket_type_id), more, by=COMMAND_LINE
            )


async def _on_sale(stores: Stores, queues: Queues, definition: EventDefinition) -> tuple[str, list[str], str]:
    """Import the event if it is missing, and open its room the first time. Returns id, ticket types and
    state."""
    event_id, room_id = EventId(definition.event_id), RoomId(definition.event_id)
    try:
        await events.event(stores, event_id)
    except EventNotFound:
        await event_import.import_event(stores, definition, by=COMMAND_LINE)
    _, ticket_types = await events.event(stores, event_id)
    _, status = await queue.status(queues, room_id)
    state = status.state
    if state == "scheduled":
        room = await control.set_state(queues, room_id, "open", by=COMMAND_LINE)
        state = room.state
    return event_id, [it.ticket_type_id for it in ticket_types], state


def _links(url: str, link: str) -> None:
    print(f"  sign in     {link}", flush=True)
    for name, path in (
        ("demo", "/admin/demo"),
        ("queue page", f"/rooms/{EVENT}"),
        ("seat map", f"/rooms/{HALL}"),
        ("API docs", "/docs"),
    ):
        print(f"  {name:<12}{url}{path}", flush=True)
    print("  the first link signs you in to the console once, within 15 minutes", flush=True)


@contextmanager
def _reported(crowds: list[Crowd], every_s: float) -> Iterator[None]:
    reporting = asyncio.create_task(_report(crowds, every_s))
    try:
        yield
    finally:
        reporting.cancel()


async def _report(crowds: list[Crowd], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        _print(f"fans: {_summary(crowds)}")


def _summary(crowds: list[Crowd]) -> str:
    tally = sum((it.tally for it in crowds), Counter[str]())
    return ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in tally.items()) or "none yet"


def _print(line: str) -> None:
    print(f"fairgate: {line}", file=sys.stderr, flush=True)
