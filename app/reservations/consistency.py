"""Conservation: per ticket type free + held + sold = total, in Redis and in Postgres, and the two agree.

Unsold is as wrong as oversold, so both directions are checked, down to the single reservation. Under traffic
the two stores always differ by what is in flight, but by something else a moment later. Only differences
found in every reading are reported.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from app.core.catalogue.seating import BLOCKED, FREE, HELD, SOLD, SeatRow, seat_id
from app.core.errors import EventNotFound
from app.core.model import EventId, RoomId
from app.reservations.holds import keys_of
from app.restoring.room import rebuild_room
from app.store.connections import Stores
from app.store.redis import backlogs, ledger, seat_rows
from app.store.sql.catalogue import codes, seats
from app.store.sql.catalogue.codes import CodeBalance
from app.store.sql.reservations import balances, reservations
from app.store.sql.waiting_room import idle_rooms

LOOKS = 12
PAUSE_S = 0.5  # all readings together take longer than `repair` needs after a crash
LINES_MAX = 20
NONE = ("none", "")  # a seat that Redis does not have

Finding = tuple[str, str]  # the kind, and the ticket type, reservation, seat or visitor


class _Side(NamedTuple):
    """The state in Redis at one moment. `quiet`: nothing changed while it was read, so its sums are exact."""

    stock: dict[str, int]
    prices: dict[str, int]
    holds: dict[str, ledger.Entry]
    allowance: dict[str, int]
    seat_rows: dict[str, list[SeatRow]]
    sitters: dict[str, str]
    codes: dict[str, str]
    quiet: bool


class _Seats(NamedTuple):
    """The seats according to Postgres."""

    live: dict[str, seats.LiveSeat]
    claims: list[seats.Claim]


async def check(stores: Stores, event_id: EventId) -> list[str]:
    """Return what does not add up, one line each; empty if all is well. Raises EventNotFound.

    A room that Redis has lost, and that nobody has requested since, is restored first, as its next visitor
    would do.
    """
    room_id = await reservations.room_of(stores.postgres, event_id)
    if room_id is None:
        raise EventNotFound
    if await idle_rooms.select_unloaded(stores.postgres, room_id):
        return [line for _, line in _postgres(await balances.balances(stores.postgres, event_id))]
    if not await ledger.has_room(stores.redis, keys_of(room_id)):
        await rebuild_room(stores, room_id)
    lines = sorted((await settled_differences(stores, room_id, event_id)).values())
    more = len(lines) - LINES_MAX
    return lines if more <= 0 else [*lines[:LINES_MAX], f"and {more} more like these"]


async def settled_differences(stores: Stores, room_id: RoomId, event_id: EventId) -> dict[Finding, str]:
    """Return the lasting differences, except holds that still wait in the stream for a worker to write
    them."""
    differences = await lasting_differences(stores, room_id, event_id)
    uncommitted = {name for kind, name in differences if kind == "reservation held gone"}
    if not uncommitted:
        return differences
    waiting = await backlogs.waiting(stores.redis, keys_of(room_id), uncommitted)
    seats = await ledger.seats_of(stores.redis, keys_of(room_id), waiting)
    return {it: line for it, line in differences.items() if it[1] not in waiting | seats}


async def lasting_differences(stores: Stores, room_id: RoomId, event_id: EventId) -> dict[Finding, str]:
    """Return the differences found in every one of several readings, each with a line that describes it."""
    keys = keys_of(room_id)
    differences: dict[Finding, str] = {}
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(PAUSE_S)
        before = await ledger.stock(stores.redis, keys)
        holds = await ledger.holds(stores.redis, keys)
        allowance = await ledger.allowance(stores.redis, keys)
        rows = await seat_rows.live_rows(stores.redis, keys)
        sitters = await ledger.sitters(stores.redis, keys)
        of_codes = await ledger.codes(stores.redis, keys)
        after = await ledger.stock(stores.redis, keys)
        prices = await ledger.prices(stores.redis, keys)
        redis = _Side(after, prices, holds, allowance, rows, sitters, of_codes, quiet=before == after)
        counted = await balances.balances(stores.postgres, event_id)
        live = await balances.live_states(stores.postgres, event_id)
        seated = await _seats_of(stores, event_id)
        now = dict(_findings(redis, counted, live)) | dict(_seats(redis, seated, counted))
        settled = redis.quiet and redis.holds.keys() == live.keys()
        now |= dict(_codes(redis, *await _codes_of(stores, event_id), settled=settled))
        differences = {finding: line for finding, line in now.items() if not look or finding in differences}
        if not differences:
            break
    return differences


async def _seats_of(stores: Stores, event_id: EventId) -> _Seats:
    live = await seats.live_seats(stores.postgres, event_id)
    return _Seats(live, await seats.claims(stores.postgres, event_id) if live else [])


async def _codes_of(stores: Stores, event_id: EventId) -> tuple[dict[str, str], list[CodeBalance]]:
    """Return the codes as Redis should have them, and how often each is used in Postgres."""
    terms: dict[str, str] = {}
    async for fields in codes.fields(stores.postgres, event_id):
        terms |= fields
    return terms, await codes.balances(stores.postgres, event_id)


def _findings(
    redis: _Side, counted: list[balances.Balance], live: dict[str, str]
) -> Iterator[tuple[Finding, str]]:
    yield from _postgres(counted)
    yield from _stock(redis.stock, counted)
    for balance in counted:
        if (price := redis.prices.get(balance.ticket_type_id)) != balance.price:
            line = f"{balance.ticket_type_id}: price is {price} in Redis, {balance.price} in Postgres"
            yield ("price", balance.ticket_type_id), line
    differing = list(_reservations(redis.holds, live))
    yield from differing
    yield from _allowance(redis)
    if redis.quiet:
        yield from _sums(redis)
        if not differing:
            yield from _counters(redis.stock, counted)


def _postgres(counted: list[balances.Balance]) -> Iterator[tuple[Finding, str]]:
    """Compare Postgres' counters with its rows."""
    for balance in counted:
        if balance.held + balance.sold > balance.total:
            yield ("oversold", balance.ticket_type_id), f"Postgres: {balance} is oversold"
        if (balance.held, balance.sold) != (balance.rows_held, balance.rows_sold):
            yield ("rows", balance.ticket_type_id), f"Postgres: counters and rows of {balance} differ"


def _stock(stock: dict[str, int], counted: list[balances.Balance]) -> Iterator[tuple[Finding, str]]:
    """Check that Redis' stock adds up, and compare its totals with Postgres."""
    for balance in counted:
        name = balance.ticket_type_id
        parts = [stock.get(f"{word}:{name}", 0) for word in ("free", "held", "sold")]
        total = stock.get(f"total:{name}")
        if total != sum(parts):
            yield ("stock", name), f"Redis: {name}: free + held + sold = {parts}, total = {total}"
        if total != balance.total:
            yield ("total", name), f"{name}: total is {total} in Redis, {balance.total} in Postgres"
        if min(parts) < 0:
            yield ("negative", name), f"Redis: {name}: free, held, sold = {parts}"
    for word in ("free", "held", "sold", "total"):
        parts = [number for field, number in stock.items() if field.startswith(f"{word}:")]
        if stock.get(word, 0) != sum(parts):
            yield ("sum", word), f"Redis: {word} over all is {stock.get(word)}, its parts sum to {sum(parts)}"


def _reservations(holds: dict[str, ledger.Entry], live: dict[str, str]) -> Iterator[tuple[Finding, str]]:
    """Compare each reservation in the two stores."""
    for reservation_id in holds.keys() | live.keys():
        entry = holds.get(reservation_id)
        in_redis, in_postgres = (entry.state if entry else "gone"), live.get(reservation_id, "gone")
        if in_redis != in_postgres:
            line = f"reservation {reservation_id} is {in_redis} in Redis, {in_postgres} in Postgres"
            yield (f"reservation {in_redis} {in_postgres}", reservation_id), line


def _seats(redis: _Side, seated: _Seats, counted: list[balances.Balance]) -> Iterator[tuple[Finding, str]]:
    """Compare seat by seat: each has one state, the same in both stores, and at most one holder."""
    for claim in seated.claims:
        if claim.kept_by != claim.reservation_id:
            line = f"Postgres: seat {claim.seat_id} is of {claim.reservation_id}, taken by {claim.kept_by}"
            yield ("claim", claim.seat_id), line
    sums = Counter(it.ticket_type_id for it in seated.live.values() if it.state != BLOCKED)
    types = {it.ticket_type_id for it in seated.live.values()}
    for balance in counted:
        name = balance.ticket_type_id
        if name in types and sums[name] != balance.total:
            line = f"Postgres: {name} has {sums[name]} seats, total = {balance.total}"
            yield ("seats", name), line
    yield from _each_seat(redis, seated.live)


def _each_seat(redis: _Side, live: dict[str, seats.LiveSeat]) -> Iterator[tuple[Finding, str]]:
    states = _states(redis.seat_rows)
    for seat, (_, its_kind) in states.items():
        if seat in live and live[seat].kind != its_kind:
            yield ("kind", seat), f"seat {seat} is of kind {its_kind} in Redis, {live[seat].kind} in Postgres"
    held = [(seat, entry) for entry in redis.holds.values() for seat in entry.seats]
    due = {seat: (SOLD if entry.state == "sold" else HELD, entry.visitor_id) for seat, entry in held}
    times = Counter(seat for seat, _ in held)
    for seat in states.keys() | live.keys() | due.keys() | redis.sitters.keys():
        in_redis, in_postgres = states.get(seat, NONE)[0], live[seat].state if seat in live else "none"
        if in_redis != in_postgres:
            line = f"seat {seat} is {in_redis} in Redis, {in_postgres} in Postgres"
            yield (f"seat {in_redis} {in_postgres}", seat), line
        sitter, unheld = redis.sitters.get(seat), (BLOCKED if in_redis == BLOCKED else FREE, None)
        if (in_redis, sitter) != due.get(seat, unheld):
            yield ("seat", seat), f"Redis: seat {seat} is {in_redis} for {sitter}, holds say {due.get(seat)}"
        if times[seat] > 1:
            yield ("twice", seat), f"Redis: seat {seat} is in {times[seat]} holds"


def _states(rows: dict[str, list[SeatRow]]) -> dict[str, tuple[str, str]]:
    """The state and the kind of each seat in Redis."""
    return {
        seat_id(ticket_type_id, row.row, seat.label): (seat.state, seat.kind)
        for ticket_type_id, its_rows in rows.items()
        for row in its_rows
        for seat in row.seats()
    }


def _codes(
    redis: _Side, terms: dict[str, str], counted: list[CodeBalance], *, settled: bool
) -> Iterator[tuple[Finding, str]]:
    """Compare the terms of codes in the two stores, and the counters of their uses with the rows."""
    for it in counted:
        if it.used != it.rows or it.used > it.uses_max:
            yield ("code rows", it.code), f"Postgres: counter and rows of {it} differ"
    in_redis = {field: value for field, value in redis.codes.items() if not field.startswith("used:")}
    for field in in_redis.keys() | terms.keys():
        if (in_postgres := terms.get(field, "")) != in_redis.get(field, ""):
            yield (
                ("code terms", field),
                f"{field} is {in_redis.get(field)} in Redis, {in_postgres} in Postgres",
            )
    if not redis.quiet:
        return
    due = Counter(entry.code for entry in redis.holds.values() if entry.code)
    used = {it.code: it.used for it in counted}
    for code in due.keys() | used.keys() | {it[5:] for it in redis.codes if it.startswith("used:")}:
        uses = int(redis.codes.get(f"used:{code}", 0))
        if uses != due[code] or (settled and uses != used.get(code, 0)):
            line = f"code {code} is used {uses} times in Redis, by {due[code]} according to its holds"
            yield ("code", code), f"{line}, Postgres counts {used.get(code, 0)}"


def _allowance(redis: _Side) -> Iterator[tuple[Finding, str]]:
    """Compare each visitor's allowance with the tickets they have."""
    due: Counter[str] = Counter()
    for entry in redis.holds.values():
        count = sum(entry.quantities.values())
        due[entry.visitor_id] += count
        if entry.state == "sold":
            due[f"{entry.visitor_id}:sold"] += count
    for name in due.keys() | redis.allowance.keys():
        if due[name] != redis.allowance.get(name, 0):
            line = f"Redis: allowance of {name} is {redis.allowance.get(name, 0)}, holds sum to {due[name]}"
            yield ("allowance", name), line


def _sums(redis: _Side) -> Iterator[tuple[Finding, str]]:
    """Compare Redis' counters with its holds."""
    sums: Counter[str] = Counter()
    for entry in redis.holds.values():
        for name, quantity in entry.quantities.items():
            sums[f"{entry.state}:{name}"] += quantity
    for field, number in redis.stock.items():
        if field.startswith(("held:", "sold:")) and number != sums[field]:
            yield ("holds", field), f"Redis: {field} is {number}, its holds sum to {sums[field]}"


def _counters(stock: dict[str, int], counted: list[balances.Balance]) -> Iterator[tuple[Finding, str]]:
    """Compare the counters of the two stores; called only when nothing is in progress."""
    for balance in counted:
        name, in_postgres = balance.ticket_type_id, (balance.held, balance.sold)
        in_redis = (stock.get(f"held:{name}", 0), stock.get(f"sold:{name}", 0))
        if in_redis != in_postgres:
            line = f"{name}: held, sold are {in_redis} in Redis, {in_postgres} in Postgres"
            yield ("counters", name), line
