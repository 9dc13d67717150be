"""`fairgate demo --story success | failures`: the calls a shop makes, and every way in which they can be
refused.

Each story sells events of its own, with test payments, and leaves them unpublished. Stories are plain lists
of calls: read them beside docs/tutorials/api.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from app.core.errors import CannotRun
from app.demo.fans import a_client
from app.demo.story_run import Call, StoryRun

Story = Callable[[StoryRun, str], Awaitable[None]]  # called with an unused event id
STARTS_AT = "2035-06-01T19:00:00Z"


class ResponseDiffers(CannotRun):
    """A response differs from the story."""


async def play(story: Story, url: str, staff: str) -> None:
    """Run one story against the installation at `url`. Raises ResponseDiffers, StoryEnded."""
    async with a_client(url) as client:
        run = StoryRun(client, staff)
        await story(run, f"story-{secrets.token_hex(3)}")
    if run.wrong:
        raise ResponseDiffers(f"{run.wrong} of {run.calls} responses differ from the story")
    print(f"\n{run.calls} calls, each with the expected response", flush=True)


async def on_sale(run: StoryRun, event_id: str, room: dict[str, Any], **event: object) -> None:
    """Create an event with four tickets and three seats, and open its room."""
    settings = {"admission_rate_per_minute": 60_000, "test": True, "public": False, **room}
    body = {
        "event_id": event_id,
        "name": f"Story {event_id}",
        "starts_at": STARTS_AT,
        "room": settings,
        **event,
    }
    await run.call(
        "Staff create an event, with a room for test payments",
        Call("POST", "/v1/events", run.staff, body, status=201),
    )
    await run.call(
        "... four tickets for it",
        Call(
            "POST",
            f"/v1/events/{event_id}/ticket-types",
            run.staff,
            {"ticket_type_id": "standing", "name": "Standing", "price": 4900, "quantity": 4},
            status=201,
        ),
    )
    await run.call(
        "... and three seats",
        Call(
            "POST",
            f"/v1/events/{event_id}/seats",
            run.staff,
            {"sections": [{"name": "Stalls", "price": 7900, "rows": 1, "seats_per_row": 3}]},
            status=201,
        ),
    )


async def open_room(run: StoryRun, room_id: str) -> None:
    """Open the room."""
    await run.call("Staff open the sale", Call("POST", f"/v1/rooms/{room_id}/open", run.staff))


async def join(run: StoryRun, room_id: str, name: str = "A visitor") -> str:
    """Let a visitor join; returns their place token."""
    place = await run.call(f"{name} joins", Call("POST", f"/v1/rooms/{room_id}/places", status=201))
    return str(place["place_token"])


async def admit(run: StoryRun, room_id: str, name: str = "A visitor") -> tuple[str, str]:
    """Let a visitor join, be called and go in; returns their place token and their booking token."""
    place_token = await join(run, room_id, name)
    path = f"/v1/rooms/{room_id}/places/me/booking-token"
    claimed = await run.until(
        f"{name} is called and goes in (202 until then)",
        Call("POST", path, place_token, status=201),
    )
    return place_token, str(claimed["booking_token"])


async def close_room(run: StoryRun, room_id: str) -> None:
    """Close the room."""
    await run.call("Staff close the sale", Call("POST", f"/v1/rooms/{room_id}/close", run.staff))


async def unpublish(run: StoryRun, event_id: str) -> None:
    """Unpublish the event, so that nothing of the story stays visible."""
    path = f"/v1/events/{event_id}"
    await run.call("... and unpublish it", Call("PATCH", path, run.staff, {"published": False}))


def card(token: str) -> dict[str, Any]:
    """The body that pays with a card of the simulated gateway."""
    return {"payment": {"method": "card", "token": token}}


def standing_tickets(quantity: int) -> dict[str, Any]:
    """The body that reserves tickets without seats."""
    return {"items": [{"ticket_type_id": "standing", "quantity": quantity}]}
