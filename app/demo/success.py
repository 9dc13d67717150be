"""The story of success: two visitors queue, reserve and pay, and one of them cancels."""

from __future__ import annotations

from app.demo.story import admitted, card, closed, on_sale, opened, standing_tickets, unpublished
from app.demo.story_run import Call, Telling


async def success(telling: Telling, event_id: str) -> None:
    """Run from creating an event to its orders. Raises StoryEnded."""
    await on_sale(telling, event_id, {"session_ends_on_confirm": False})
    await opened(telling, event_id)
    reserve = f"/v1/events/{event_id}/reservations"

    ann, in_ann = await admitted(telling, event_id, "Ann")
    await telling.call("Everybody sees how the queue moves", Call("GET", f"/v1/rooms/{event_id}"))
    await telling.call("... and Ann sees her place", Call("GET", f"/v1/rooms/{event_id}/places/me", ann))
    await telling.call("The tickets that are free", Call("GET", f"/v1/events/{event_id}/availability"))
    key = "tickets of Ann"
    held = await telling.call(
        "Ann reserves two tickets, which are held for her durably",
        Call("POST", reserve, in_ann, standing_tickets(2), status=201, key=key),
    )
    await telling.call(
        "The response was lost; her browser sends it again with the same key and gets the same reservation",
        Call("POST", reserve, in_ann, standing_tickets(2), status=201, key=key),
    )
    hers = f"/v1/reservations/{held['reservation_id']}"
    await telling.call("She pays", Call("POST", f"{hers}/confirm", ann, card("tok_ok")))
    await telling.until("... and has her tickets", Call("GET", hers, ann), status="confirmed")

    ben, in_ben = await admitted(telling, event_id, "Ben")
    seats = {"best_available": {"ticket_type_id": "stalls", "quantity": 2}}
    held = await telling.call(
        "Ben takes the best two seats together", Call("POST", reserve, in_ben, seats, status=201)
    )
    his = f"/v1/reservations/{held['reservation_id']}"
    await telling.call("He pays", Call("POST", f"{his}/confirm", ben, card("tok_ok")))
    await telling.call("He cannot come and cancels: refunded", Call("POST", f"{his}/cancel", ben))
    await telling.call("The seats are free again", Call("GET", f"/v1/events/{event_id}/availability"))
    await telling.call(
        "Ben leaves, and somebody else gets his turn",
        Call("DELETE", f"/v1/rooms/{event_id}/places/me", ben, status=204),
    )
    await telling.call("Staff see the orders", Call("GET", f"/v1/orders?event_id={event_id}", telling.staff))
    await closed(telling, event_id)
    await unpublished(telling, event_id)
