"""The story of failures: each refusal of the API, and what remains unchanged after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from app.demo.story import admit, card, close_room, join, on_sale, open_room, standing_tickets, unpublish
from app.demo.story_run import Call, StoryRun


@dataclass
class Failures:
    """The story; `store` is the process of an embedded Redis that may be stopped for a moment."""

    store: psutil.Process | None = None

    async def play(self, run: StoryRun, event_id: str) -> None:
        """Run from a sale that has not opened to one that is closed. Raises StoryEnded."""
        short = f"{event_id}-short"
        await on_sale(run, event_id, {"session_ends_on_confirm": False}, max_tickets_per_visitor=3)
        await on_sale(run, short, {"claim_window_s": 2}, hold_ttl_s=2)
        await _before_the_sale(run, event_id)
        await open_room(run, event_id)
        await open_room(run, short)
        ann, in_ann = await admit(run, event_id, "Ann")
        await _wrong_requests(run, event_id, in_ann)
        await _wrong_credentials(run, event_id, short, ann, in_ann)
        await _seat_taken(run, event_id, in_ann)
        await _payments(run, event_id, ann, in_ann)
        await _too_late(run, short)
        await self._store_away(run, event_id, ann, in_ann)
        await _interrupted(run, event_id, ann, in_ann)
        for sale in (short, event_id):
            await close_room(run, sale)
            await run.call(
                "Somebody joins a sale that has closed",
                Call("POST", f"/v1/rooms/{sale}/places", status=409, code="room_closed"),
            )
            await unpublish(run, sale)

    async def _store_away(self, run: StoryRun, event_id: str, ann: str, in_ann: str) -> None:
        reserve = Call("POST", f"/v1/events/{event_id}/reservations", in_ann, standing_tickets(1))
        if self.store is None:
            run.print_line("Skipped: an unavailable store (only in an installation of its own)")
            return
        run.print_line(f"Redis stops (process {self.store.pid})")
        reserve.status, reserve.code = 503, "store_unavailable"
        with stopped(self.store):
            await run.call("Ann reserves meanwhile: refused, with the time to retry", reserve)
        run.print_line("Redis continues")
        reserve.status, reserve.code = 201, ""
        held = await run.until("Ann sends the same request again and gets her ticket, once", reserve)
        path = f"/v1/reservations/{held['reservation_id']}/cancel"
        await run.until("... and cancels it", Call("POST", path, ann))


@contextmanager
def stopped(process: psutil.Process) -> Iterator[None]:
    """Suspend a process, and let it continue in any case."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


async def _before_the_sale(run: StoryRun, event_id: str) -> None:
    await run.call(
        "Somebody joins before the sale opens",
        Call("POST", f"/v1/rooms/{event_id}/places", status=409, code="room_not_open"),
    )
    await run.call(
        "A room that does not exist",
        Call("POST", f"/v1/rooms/no-{event_id}/places", status=404, code="room_not_found"),
    )
    await run.call(
        "An event that does not exist",
        Call("GET", f"/v1/events/no-{event_id}", status=404, code="event_not_found"),
    )


async def _wrong_requests(run: StoryRun, event_id: str, in_ann: str) -> None:
    """Invalid input is refused by name, and changes nothing."""
    path = f"/v1/events/{event_id}/reservations"

    def reserve(body: Any, status: int, code: str, key: str | None = "a key of Ann") -> Call:
        return Call("POST", path, in_ann, body, status, code, key)

    wrong = (422, "validation_failed")
    await run.call(
        "Ann reserves without a key", reserve(standing_tickets(1), 400, "idempotency_key_required", None)
    )
    await run.call("... with a body that is not JSON", reserve(b"{two tickets", 400, "malformed_json"))
    await run.call("... and names a price herself", reserve(standing_tickets(1) | {"price": 1}, *wrong))
    await run.call("... no ticket at all", reserve(standing_tickets(0), *wrong))
    unknown = {"items": [{"ticket_type_id": "royal-box", "quantity": 1}]}
    await run.call("... a ticket type that does not exist", reserve(unknown, *wrong))
    await run.call("... a malformed seat", reserve({"seat_ids": ["somewhere in front"]}, *wrong))
    await run.call("... a seat that does not exist", reserve({"seat_ids": ["stalls-z-99"]}, *wrong))
    await run.call("... more tickets than allowed", reserve(standing_tickets(4), 422, "limit_exceeded"))


async def _wrong_credentials(run: StoryRun, event_id: str, short: str, ann: str, in_ann: str) -> None:
    path = f"/v1/events/{event_id}/reservations"
    await run.call(
        "Somebody reserves without a turn",
        Call("POST", path, body=standing_tickets(1), status=401, code="credential_missing"),
    )
    await run.call(
        "... with a forged token",
        Call("POST", path, f"{in_ann[:-4]}AAAA", standing_tickets(1), 401, "credential_invalid"),
    )
    await run.call(
        "... with a place in the queue instead of a turn",
        Call("POST", path, ann, standing_tickets(1), 401, "credential_invalid"),
    )
    await run.call(
        "... with a turn in another sale",
        Call("POST", f"/v1/events/{short}/reservations", in_ann, standing_tickets(1), 403, "wrong_room"),
    )
    await run.call(
        "A visitor tries something only staff may do",
        Call("POST", f"/v1/rooms/{event_id}/close", in_ann, status=401, code="credential_invalid"),
    )


async def _seat_taken(run: StoryRun, event_id: str, in_ann: str) -> None:
    """Tickets that somebody else took first."""
    path = f"/v1/events/{event_id}/reservations"
    _, in_ben = await admit(run, event_id, "Ben")
    seat = {"seat_ids": ["stalls-a-2"]}
    await run.call("Ben takes a seat", Call("POST", path, in_ben, seat, 201, key="seat of Ben"))
    await run.call(
        "He uses the same key for a different request",
        Call("POST", path, in_ben, standing_tickets(1), 409, "idempotency_key_reused", key="seat of Ben"),
    )
    await run.call("Ann wants the same seat", Call("POST", path, in_ann, seat, 409, "seat_taken"))
    await run.call("Ben also takes two tickets", Call("POST", path, in_ben, standing_tickets(2), 201))
    await run.call(
        "Ann wants three, but only two are left",
        Call("POST", path, in_ann, standing_tickets(3), 409, "sold_out"),
    )


async def _payments(run: StoryRun, event_id: str, ann: str, in_ann: str) -> None:
    path = f"/v1/events/{event_id}/reservations"
    held = await run.call("Ann reserves one ticket", Call("POST", path, in_ann, standing_tickets(1), 201))
    hers = f"/v1/reservations/{held['reservation_id']}"
    cara = await join(run, event_id, "Cara")
    await run.call(
        "Cara tries to pay for Ann's reservation: not found",
        Call("POST", f"{hers}/confirm", cara, card("tok_ok"), 404, "reservation_not_found"),
    )
    await run.call(
        "A hold that never existed",
        Call("GET", "/v1/reservations/nothing", ann, status=404, code="reservation_not_found"),
    )
    await run.call(
        "Ann's card is declined",
        Call("POST", f"{hers}/confirm", ann, card("tok_declined"), 402, "payment_declined"),
    )
    await run.until("... her tickets are still held", Call("GET", hers, ann), status="held")
    await run.call("She pays with another card", Call("POST", f"{hers}/confirm", ann, card("tok_ok")))


async def _too_late(run: StoryRun, short: str) -> None:
    """Turns and holds that end after two seconds."""
    dan, in_dan = await admit(run, short, "Dan")
    path = f"/v1/events/{short}/reservations"
    held = await run.call(
        "Dan reserves, for two seconds", Call("POST", path, in_dan, standing_tickets(1), 201)
    )
    eve = await join(run, short, "Eve")
    await run.until(
        "Eve is called and does not claim her turn",
        Call("GET", f"/v1/rooms/{short}/places/me", eve),
        state="no_show",
    )
    await run.call(
        "... and then claims it too late",
        Call("POST", f"/v1/rooms/{short}/places/me/booking-token", eve, status=410, code="no_show"),
    )
    his = f"/v1/reservations/{held['reservation_id']}"
    await run.until("Dan does not pay in time", Call("GET", his, dan), status="expired")
    await run.call(
        "... and then pays", Call("POST", f"{his}/confirm", dan, card("tok_ok"), 410, "hold_expired")
    )


async def _interrupted(run: StoryRun, event_id: str, ann: str, in_ann: str) -> None:
    """Turns that end early."""
    me = f"/v1/rooms/{event_id}/places/me"
    path = f"/v1/events/{event_id}/reservations"
    await run.call("Ann leaves", Call("DELETE", me, ann, status=204))
    await run.call(
        "... and still tries to reserve",
        Call("POST", path, in_ann, standing_tickets(1), 403, "session_ended"),
    )
    finn = await run.call("Finn joins", Call("POST", f"/v1/rooms/{event_id}/places", status=201))
    visitor = f"/v1/rooms/{event_id}/visitors/{finn['visitor_id']}"
    await run.call("Staff remove him", Call("DELETE", visitor, run.staff, status=204))
    await run.call(
        "... and he joins again",
        Call("POST", f"/v1/rooms/{event_id}/places", finn["place_token"], status=403, code="removed"),
    )
