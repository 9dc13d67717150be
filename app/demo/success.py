"""The story of success: two visitors queue, reserve and pay, and one of them cancels."""

from __future__ import annotations

from app.demo.story import admit, card, close_room, on_sale, open_room, standing_tickets, unpublish
from app.demo.story_run import Call, StoryRun


async def success(run: StoryRun, event_id: str) -> None:
    """Run from creating an event to its orders. Raises StoryEnded."""
    await on_sale(run, event_id, {"session_ends_on_confirm": False})
    await open_room(run, event_id)
    reserve = f"/v1/events/{event_id}/reservations"

    ann, in_ann = await admit(run, event_id, "Ann")
    await run.call("Everybody sees how the queue moves", Call("GET", f"/v1/rooms/{event_id}"))
    await run.call("... and Ann sees her place", Call("GET", f"/v1/rooms/{event_id}/places/me", ann))
    await run.call("The tickets that are free", Call("GET", f"/v1/events/{event_id}/availability"))
    key = "tickets of Ann"
    held = await run.call(
        "Ann reserves two tickets, which are held for her durably",
        Call("POST", reserve, in_ann, standing_tickets(2), status=201, key=key),
    )
    await run.call(
        "The response was lost; her browser sends it again with the same key and gets the same reservation",
        Call("POST", reserve, in_ann, standing_tickets(2), status=201, key=key),
    )
    hers = f"/v1/reservations/{held['reservation_id']}"
    await run.call("She pays", Call("POST", f"{hers}/confirm", ann, card("tok_ok")))
    await run.until("... and has her tickets", Call("GET", hers, ann), status="confirmed")

    ben, in_ben = await admit(run, event_id, "Ben")
    seats = {"best_available": {"ticket_type_id": "stalls", "quantity": 2}}
    held = await run.call(
        "Ben takes the best two seats together", Call("POST", reserve, in_ben, seats, status=201)
    )
    his = f"/v1/reservations/{held['reservation_id']}"
    await run.call("He pays", Call("POST", f"{his}/confirm", ben, card("tok_ok")))
    await run.call("He cannot come and cancels: refunded", Call("POST", f"{his}/cancel", ben))
    await run.call("The seats are free again", Call("GET", f"/v1/events/{event_id}/availability"))
    await run.call(
        "Ben leaves, and somebody else gets his turn",
        Call("DELETE", f"/v1/rooms/{event_id}/places/me", ben, status=204),
    )
    await run.call("Staff see the orders", Call("GET", f"/v1/orders?event_id={event_id}", run.staff))
    await close_room(run, event_id)
    await unpublish(run, event_id)
