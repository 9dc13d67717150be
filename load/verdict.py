"""The verdict after a load or fault test: oversold, lost, stranded, over-admitted. Empty lists are good.

The four lists are computed from what both stores say (`Books`), never from the code that wrote it. The
simulation checks the same lists after every step (`tests/simulation/invariants.py`), so a run that ends well
here ended well by the same words. They live here and not beside the simulation because the package is
installed and the tests are not.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from app.core.model import EventId, RoomId
from app.store.connections import RedisClient, Stores
from app.store.keys import RoomKeys

LIVE = ("held", "paying", "confirmed")
TYPES = """
    SELECT t.ticket_type_id, t.total, t.held, t.sold,
        (SELECT count(*) FROM tickets k JOIN reservations r USING (reservation_id)
         WHERE r.event_id = t.event_id AND r.status = 'confirmed' AND k.ticket_type_id = t.ticket_type_id
        ) AS issued
    FROM ticket_types t WHERE t.event_id = $1
"""
ROWS = """
    SELECT reservation_id, visitor_id, status, released,
        (SELECT json_object_agg(i ->> 'ticket_type_id', (i ->> 'quantity')::bigint)
         FROM jsonb_array_elements(items) AS i) AS items
    FROM reservations WHERE event_id = $1
"""


@dataclass(frozen=True, slots=True)
class Count:
    """Tickets of one type as one store counts them."""

    total: int
    free: int
    held: int
    sold: int

    @property
    def balanced(self) -> bool:
        """Nothing appeared or vanished."""
        return min(self.held, self.sold) >= 0 and self.free + self.held + self.sold == self.total


@dataclass(frozen=True, slots=True)
class Owned:
    """Tickets that somebody holds, or has bought, as one store tells it."""

    visitor_id: str
    sold: bool
    items: Mapping[str, int]


@dataclass(frozen=True)
class Books:
    """What both stores say about one event at one moment."""

    # Redis
    stock: Mapping[str, Count]
    holds: Mapping[str, Owned]
    allowance: Mapping[str, int]  # visitor_id -> tickets held + bought
    in_flight: frozenset[str]  # submitted, outcome not yet settled
    # Postgres
    counters: Mapping[str, Count]
    rows: Mapping[str, Owned]  # held, paying, confirmed
    statuses: Mapping[str, str]  # of every reservation there ever was
    issued: Mapping[str, int]  # tickets with a code
    unreleased: frozenset[str]  # ended or confirmed, Redis perhaps not yet told
    missing: frozenset[str]  # reservations somebody was promised and that are not there


@dataclass(frozen=True, slots=True)
class Admitted:
    """The admission counters at one moment; `earned` is the rate integrated over time, in admissions."""

    at_ms: int
    admitted: int
    given_back: int
    earned: float


@dataclass(frozen=True)
class Verdict:
    """What was found wrong, in words."""

    oversold: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stranded: list[str] = field(default_factory=list)
    over_admitted: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Nothing was found."""
        return not (self.oversold or self.lost or self.stranded or self.over_admitted)

    def __str__(self) -> str:
        names = ("oversold", "lost", "stranded", "over_admitted")
        found: dict[str, list[str]] = {name: getattr(self, name) for name in names}
        head = ", ".join(f"{name.replace('_', '-')} {len(lines)}" for name, lines in found.items())
        return "\n".join([head, *(f"  {name}: {line}" for name in names for line in found[name][:20])])


# the lists ------------------------------------------------------------------------------------------------
def oversold(books: Books) -> Iterator[str]:
    """More tickets promised than there are, by any of the counts."""
    promised = _sums(books.rows.values())
    for kind, count in books.counters.items():
        if count.held + count.sold > count.total:
            yield f"{kind}: Postgres counts {count}"
        if (owned := promised[kind, True] + promised[kind, False]) > count.total:
            yield f"{kind}: rows hold or sold {owned} of {count.total}"
        if books.issued.get(kind, 0) > count.total:
            yield f"{kind}: {books.issued[kind]} tickets issued of {count.total}"
    if not books.holds.keys() - books.rows.keys():  # what Postgres has not seen yet it may refuse
        for kind, count in books.stock.items():
            if count.free < 0:
                yield f"{kind}: Redis counts {count}"


def lost(books: Books) -> Iterator[str]:
    """Promises that a store no longer knows."""
    for reservation_id in sorted(books.missing):
        yield f"reservation {reservation_id} was promised and is not in Postgres"
    for reservation_id in sorted(books.rows.keys() - books.holds.keys()):
        yield f"reservation {reservation_id} lives and its tickets are not set aside in Redis"
    promised = _sums(books.rows.values())
    for kind in books.counters:
        if books.issued.get(kind, 0) != promised[kind, True]:
            yield f"{kind}: {promised[kind, True]} sold, {books.issued.get(kind, 0)} tickets issued"


def stranded(books: Books) -> Iterator[str]:
    """Tickets or allowances that nobody has and nobody can get."""
    yield from _unbalanced("Redis", books.stock, _sums(books.holds.values()))
    yield from _unbalanced("Postgres", books.counters, _sums(books.rows.values()))
    for reservation_id in sorted(books.holds.keys() - books.rows.keys() - books.in_flight - books.unreleased):
        yield f"reservation {reservation_id} is set aside in Redis and lives nowhere else"
    for reservation_id in sorted((books.holds.keys() & books.rows.keys()) - books.unreleased):
        if books.holds[reservation_id].sold != books.rows[reservation_id].sold:
            yield f"reservation {reservation_id} is sold in one store and held in the other"
    spent = _by_visitor(books.holds.values())
    for visitor_id in sorted(books.allowance.keys() | spent.keys()):
        if books.allowance.get(visitor_id, 0) != spent[visitor_id]:
            allowance = books.allowance.get(visitor_id, 0)
            has = spent[visitor_id]
            yield f"visitor {visitor_id}: allowance spent {allowance}, tickets held or bought {has}"


def over_admitted(moments: Iterable[Admitted], burst: float) -> Iterator[str]:
    """Windows with more admissions than rate x window + burst + what no-shows gave back.

    One pass: a window is too full when the surplus rose by more than the burst since its lowest point. What
    was given back in the very ms a window begins is still to be spent in it.
    """
    lowest: tuple[float, int] | None = None
    at_ms, back_now, back_before = -1, 0, 0
    for it in moments:
        if it.at_ms > at_ms:
            at_ms, back_before = it.at_ms, back_now
        back_now = it.given_back
        if lowest is None or it.admitted - it.earned - back_before < lowest[0]:
            lowest = it.admitted - it.earned - back_before, it.at_ms
        surplus = it.admitted - it.earned - it.given_back - lowest[0]
        if surplus > burst + 1e-6:
            yield f"{lowest[1]} to {it.at_ms} ms: {surplus:.3f} admissions above the rate, burst {burst:.3f}"


def agreement(books: Books) -> Iterator[str]:
    """Once everything is settled both stores count alike; while something is under way they may not."""
    for kind in sorted(books.stock.keys() | books.counters.keys()):
        if books.stock.get(kind) != books.counters.get(kind):
            yield f"{kind}: Redis counts {books.stock.get(kind)}, Postgres {books.counters.get(kind)}"


def judge(books: Books, moments: Iterable[Admitted] = (), burst: float = 0) -> Verdict:
    """The verdict on one event at rest: nothing in flight, everything that ended released."""
    left = sorted(books.in_flight | books.unreleased)
    return Verdict(
        oversold=list(oversold(books)),
        lost=list(lost(books)),
        stranded=[
            *stranded(books),
            *agreement(books),
            *(f"reservation {found} never settled" for found in left),
        ],
        over_admitted=list(over_admitted(moments, burst)),
    )


def _sums(owned: Iterable[Owned]) -> Counter[tuple[str, bool]]:
    counted: Counter[tuple[str, bool]] = Counter()
    for it in owned:
        for kind, quantity in it.items.items():
            counted[kind, it.sold] += quantity
    return counted


def _by_visitor(owned: Iterable[Owned]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for it in owned:
        counted[it.visitor_id] += sum(it.items.values())
    return counted


def _unbalanced(store: str, counts: Mapping[str, Count], owned: Counter[tuple[str, bool]]) -> Iterator[str]:
    for kind, count in counts.items():
        if not count.balanced:
            yield f"{kind}: {store} counts {count}"
        if (count.held, count.sold) != (owned[kind, False], owned[kind, True]):
            yield (
                f"{kind}: {store} counts {count.held} held and {count.sold} sold, "
                f"one by one they are {owned[kind, False]} and {owned[kind, True]}"
            )


# reading the stores ---------------------------------------------------------------------------------------
async def read_books(
    stores: Stores, room_id: RoomId, event_id: EventId, promised: Collection[str] = ()
) -> Books:
    """What both stores say about one event now; `promised` are reservations somebody was answered 201 for."""
    in_redis, in_postgres = await asyncio.gather(
        _read_redis(stores.redis, room_id), _read_postgres(stores.postgres, event_id)
    )
    missing = frozenset(promised) - in_postgres["statuses"].keys()
    return Books(**in_redis, **in_postgres, missing=missing)


async def _read_redis(redis: RedisClient, room_id: RoomId) -> dict[str, Any]:
    keys = RoomKeys(room_id)
    client: Any = redis  # redis-py types these for its sync and async clients at once
    async with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(keys.stock).hgetall(keys.holds).hgetall(keys.allowance).xrange(keys.submissions)
        stock, holds, allowance, submissions = await pipe.execute()
    return {
        "stock": {
            name.partition(":")[2]: _count(stock, name.partition(":")[2])
            for name in stock
            if name.startswith("total:")
        },
        "holds": {reservation_id: _owned(text) for reservation_id, text in holds.items()},
        "allowance": {who: int(count) for who, count in allowance.items() if not who.endswith(":sold")},
        "in_flight": frozenset(fields["s"].partition("|")[0] for _, fields in submissions),
    }


def _count(stock: Mapping[str, str], kind: str) -> Count:
    return Count(*(int(stock[f"{name}:{kind}"]) for name in ("total", "free", "held", "sold")))


def _owned(text: str) -> Owned:
    state, visitor_id, *_, lines = text.split("|")
    items = (line.split(":") for line in lines.split(","))
    return Owned(visitor_id, state == "sold", {kind: int(quantity) for kind, quantity, _ in items})


async def _read_postgres(postgres: asyncpg.Pool, event_id: EventId) -> dict[str, Any]:
    types, rows = await asyncio.gather(postgres.fetch(TYPES, event_id), postgres.fetch(ROWS, event_id))
    statuses = {row["reservation_id"]: row["status"] for row in rows}
    return {
        "counters": {
            row["ticket_type_id"]: Count(
                row["total"], row["total"] - row["held"] - row["sold"], row["held"], row["sold"]
            )
            for row in types
        },
        "rows": {
            row["reservation_id"]: Owned(
                row["visitor_id"], row["status"] == "confirmed", json.loads(row["items"])
            )
            for row in rows
            if row["status"] in LIVE
        },
        "statuses": statuses,
        "issued": {row["ticket_type_id"]: row["issued"] for row in types},
        "unreleased": frozenset(
            row["reservation_id"]
            for row in rows
            if row["status"] not in ("held", "paying") and not row["released"]
        ),
    }
