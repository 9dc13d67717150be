"""The verdict from outside: compares what visitors were told with what the API says afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx

from load.fans.plan import Findings, Promise
from load.judging.verdict import Verdict

ASK_AGAIN_MAX = 5_000  # reservations read again, newest first
AT_ONCE = 20
SHOWN_WITHIN_S = 3.0  # the shared document is up to a second old, and the next one comes a second later
TRIES, AGAIN_S = 5, 1.0
KEPT = ("held", "paying", "confirmed")
HONEST = {  # what a reservation may have become since it was last seen
    "held": ("held", "paying", "expired", "cancelled", "confirmed"),
    "paying": ("paying", "confirmed", "expired", "cancelled"),
    "confirmed": ("confirmed",),
    "cancelled": ("cancelled",),
    "expired": ("expired",),
}


async def judge_from_outside(
    client: httpx.AsyncClient, found: Findings, event_id: str | None, tickets_max: int
) -> Verdict:
    """Check that nothing was sold twice, no promise broken, and nobody called out of turn, by the API
    alone."""
    verdict = Verdict(
        lost=list(_places_lost(found)),
        over_admitted=[*_out_of_turn(found), *_above_limit(found, tickets_max)],
        oversold=list(_sold_twice(found)),
    )
    if event_id is None:
        return verdict
    verdict.oversold.extend(_oversold(await _get(client, f"/v1/events/{event_id}/availability"), found))
    slots = asyncio.Semaphore(AT_ONCE)

    async def state_of(promise: Promise) -> str:
        async with slots:
            return await _state_kept(client, promise)

    newest = found.promises[-ASK_AGAIN_MAX:]
    verdict.lost.extend(line for line in await asyncio.gather(*map(state_of, newest)) if line)
    return verdict


def _places_lost(found: Findings) -> Iterator[str]:
    for line in found.moved:
        yield f"a place changed when the page was reloaded: {line}"
    holders = Counter(found.numbers.values())
    for number, count in sorted(holders.items()):
        if count > 1:
            yield f"queue number {number} was given to {count} visitors"


def _out_of_turn(found: Findings) -> Iterator[str]:
    """Turns that began before the shared document said so, if it was received long enough afterwards."""
    serving = found.serving
    for claim in found.claims:
        until_s = claim.at_s + SHOWN_WITHIN_S
        served = max((position for at_s, position in serving if at_s <= until_s), default=0)
        if serving and serving[-1][0] >= until_s and served < claim.queue_number:
            kind = "a bot" if claim.bot else "a visitor"
            yield f"{kind} with number {claim.queue_number} was inside at serving position {served}"


def _above_limit(found: Findings, tickets_max: int) -> Iterator[str]:
    counts: Counter[int] = Counter()
    for promise in found.promises:
        counts[promise.visitor] += promise.quantity if promise.status in KEPT else 0
    for visitor, count in counts.items():
        if tickets_max and count > tickets_max:
            yield f"visitor {visitor} was promised {count} tickets, {tickets_max} are allowed"


def _sold_twice(found: Findings) -> Iterator[str]:
    holders = Counter(ticket for promise in found.promises for ticket in promise.tickets)
    for ticket, count in sorted(holders.items()):
        if count > 1:
            yield f"ticket {ticket} was sold {count} times"


def _oversold(availability: dict[str, Any], found: Findings) -> Iterator[str]:
    """Compare by the API's counts, and by ours: what we bought was sold."""
    total = sold = 0
    for ticket_type in availability["ticket_types"]:
        total, sold = total + ticket_type["total"], sold + ticket_type["sold"]
        if (
            min(ticket_type["free"], ticket_type["held"], ticket_type["sold"]) < 0
            or ticket_type["free"] + ticket_type["held"] + ticket_type["sold"] != ticket_type["total"]
        ):
            yield f"{ticket_type['ticket_type_id']}: the API counts {ticket_type}"
    bought = sum(promise.quantity for promise in found.promises if promise.status == "confirmed")
    if bought > total:
        yield f"{bought} tickets were confirmed to us, but only {total} exist"
    if bought > sold:
        yield f"{bought} tickets were confirmed to us, but the API counts {sold} sold"


async def _state_kept(client: httpx.AsyncClient, promise: Promise) -> str:
    """What is wrong with a promised reservation; "" if nothing is."""
    headers = {"Authorization": f"Bearer {promise.place_token}"}
    answer = await _get(client, f"/v1/reservations/{promise.reservation_id}", headers)
    name = f"reservation {promise.reservation_id}"
    if "status" not in answer or "reservation_id" not in answer:
        return f"{name} was promised ({promise.status}), now: {answer.get('code', 'no answer')}"
    if answer["status"] not in HONEST.get(promise.status, KEPT):
        return f"{name} was {promise.status}, now: {answer['status']}"
    if answer["status"] == "confirmed" and len(answer["tickets"]) != promise.quantity:
        return f"{name} has {len(answer['tickets'])} tickets, but {promise.quantity} were bought"
    return ""


async def _get(client: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the response's JSON, retrying on 429 and 503."""
    for attempt in range(1, TRIES + 1):
        try:
            answer = await client.get(path, headers=headers)
            if answer.status_code not in (429, 503) or attempt == TRIES:
                document: dict[str, Any] = answer.json()
                return document
        except (httpx.HTTPError, ValueError):
            if attempt == TRIES:
                return {}
        await asyncio.sleep(AGAIN_S)
    return {}
