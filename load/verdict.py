"""The verdict after a load or fault test: oversold, lost, stranded, over-admitted. Empty lists are good.

The four lists are computed from what both stores say (`Books`), never from the code that wrote it. The
simulation checks the same lists after every step (`tests/simulation/invariants.py`), so a run that ends well
here ended well by the same words. They live here and not beside the simulation because the package is
installed and the tests are not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.model import EventId, RoomId
from app.store.connections import RedisClient, Stores
from app.store.keys import RoomKeys

TYPES = """
    SELECT t.ticket_type_id, t.total, t.held, t.sold,
        (SELECT count(*) FROM tickets k JOIN reservations r USING (reservation_id)
         WHERE r.event_id = t.event_id AND r.status = 'confirmed' AND k.ticket_type_id = t.ticket_type_id
        ) AS issued
    FROM ticket_types t WHERE t.event_id = $1
"""
ROWS = """
    SELECT reservation_id, visitor_id, status, released, i ->> 'ticket_type_id' AS ticket_type_id,
        (i ->> 'quantity')::bigint AS quantity
    FROM reservations, jsonb_array_elements(items) AS i WHERE event_id = $1
"""
MISSING = "SELECT id FROM unnest($1::text[]) AS id EXCEPT SELECT reservation_id FROM reservations"


@dataclass(frozen=True, slots=True)
class Count:
    """Tickets of one type as one store counts them."""

    total: int
    free: int
    held: int
    sold: int

    @property
    def balanced(self) -> bool:
        """Nothing is below zero, and nothing appeared or vanished."""
        return min(self.free, self.held, self.sold) >= 0 and self.free + self.held + self.sold == self.total


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds what, as one store tells it."""

    visitor_id: str
    items: Mapping[str, int]


@dataclass(frozen=True)
class Books:
    """What both stores say about one event at one moment."""

    # Redis
    stock: Mapping[str, Count]
    holds: Mapping[str, Hold]
    allowance: Mapping[str, int]  # visitor_id -> tickets held + confirmed
    in_flight: frozenset[str]  # submitted, outcome not yet settled
    # Postgres
    counters: Mapping[str, Count]
    issued: Mapping[str, int]  # tickets with a code
    live: Mapping[str, Hold]  # held, paying
    unreleased: frozenset[str]  # ended in Postgres, not yet told to Redis
    sold: Mapping[str, int]  # sums over confirmed rows
    owned: Mapping[str, int]  # visitor_id -> tickets held + confirmed
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


# the four lists -------------------------------------------------------------------------------------------
def oversold(books: Books) -> Iterator[str]:
    """More tickets promised than there are, by any of the counts."""
    held = _tickets(books.live.values())
    for kind, count in books.counters.items():
        if count.held + count.sold > count.total:
            yield f"{kind}: Postgres counts {count}"
        if held[kind] + books.sold.get(kind, 0) > count.total:
            yield f"{kind}: rows hold {held[kind]} and sold {books.sold.get(kind, 0)} of {count.total}"
        if books.issued.get(kind, 0) > count.total:
            yield f"{kind}: {books.issued[kind]} tickets issued of {count.total}"
    for kind, count in books.stock.items():
        if count.free < 0:
            yield f"{kind}: Redis counts {count}"


def lost(books: Books) -> Iterator[str]:
    """Promises that a store no longer knows."""
    for reservation_id in sorted(books.missing):
        yield f"reservation {reservation_id} was promised and is not in Postgres"
    for reservation_id in sorted(books.live.keys() - books.holds.keys()):
        yield f"reservation {reservation_id} is live and its tickets are not set aside in Redis"
    for kind, count in books.counters.items():
        if books.issued.get(kind, 0) != books.sold.get(kind, 0):
            yield f"{kind}: {books.sold.get(kind, 0)} sold, {books.issued.get(kind, 0)} tickets issued"
        if count.sold != books.sold.get(kind, 0):
            yield f"{kind}: Postgres counts {count.sold} sold, its rows {books.sold.get(kind, 0)}"


def stranded(books: Books) -> Iterator[str]:
    """Tickets or allowances that nobody has and nobody can get."""
    yield from _unbalanced("Redis", books.stock, _tickets(books.holds.values()))
    yield from _unbalanced("Postgres", books.counters, _tickets(books.live.values()))
    for kind in books.stock.keys() | books.counters.keys():
        in_redis, in_postgres = _total(books.stock, kind), _total(books.counters, kind)
        if in_redis != in_postgres:
            yield f"{kind}: {in_redis} in all by Redis, {in_postgres} by Postgres"
    known = books.live.keys() | books.in_flight | books.unreleased
    for reservation_id in sorted(books.holds.keys() - known):
        yield f"reservation {reservation_id} is held in Redis and lives nowhere else"
    unsettled = {books.holds[found].visitor_id for found in books.holds.keys() - books.live.keys()}
    for visitor_id in sorted((books.allowance.keys() | books.owned.keys()) - unsettled):
        spent, owned = books.allowance.get(visitor_id, 0), books.owned.get(visitor_id, 0)
        if spent != owned:
            yield f"visitor {visitor_id}: allowance spent {spent}, tickets held or bought {owned}"


def over_admitted(moments: Iterable[Admitted], burst: float) -> Iterator[str]:
    """Windows with more admissions than rate x window + burst, no-shows given back not counted.

    One pass: a window is too full when the surplus rose by more than the burst since its lowest point.
    """
    lowest: tuple[float, int] | None = None
    for moment in moments:
        surplus = moment.admitted - moment.given_back - moment.earned
        if lowest is None or surplus < lowest[0]:
            lowest = surplus, moment.at_ms
        if surplus - lowest[0] > burst + 1e-6:
            yield (
                f"from {lowest[1]} to {moment.at_ms} ms: "
                f"{surplus - lowest[0]:.3f} admissions above the rate, burst {burst:.3f}"
            )


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


def _tickets(holds: Iterable[Hold]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for hold in holds:
        counted.update(hold.items)
    return counted


def _total(counts: Mapping[str, Count], kind: str) -> int:
    return counts[kind].total if kind in counts else 0


def _unbalanced(store: str, counts: Mapping[str, Count], held: Counter[str]) -> Iterator[str]:
    for kind, count in counts.items():
        if not count.balanced:
            yield f"{kind}: {store} counts {count}"
        if count.held != held[kind]:
            yield f"{kind}: {store} counts {count.held} held, its holds sum to {held[kind]}"


# reading the stores ---------------------------------------------------------------------------------------
async def read_books(
    stores: Stores, room_id: RoomId, event_id: EventId, promised: Collection[str] = ()
) -> Books:
    """What both stores say about one event now; `promised` are reservations somebody was answered 201 for."""
    return Books(
        **await _read_redis(stores.redis, room_id), **await _read_postgres(stores, event_id, promised)
    )


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
        "holds": {reservation_id: _hold(text) for reservation_id, text in holds.items()},
        "allowance": {who: int(count) for who, count in allowance.items() if not who.endswith(":sold")},
        "in_flight": frozenset(fields["reservation_id"] for _, fields in submissions),
    }


def _count(stock: Mapping[str, str], kind: str) -> Count:
    return Count(*(int(stock[f"{name}:{kind}"]) for name in ("total", "free", "held", "sold")))


def _hold(text: str) -> Hold:
    visitor_id, _, _, items = text.split("|")
    return Hold(visitor_id, {kind: int(count) for kind, count, _ in (i.split(":") for i in items.split(","))})


async def _read_postgres(stores: Stores, event_id: EventId, promised: Collection[str]) -> dict[str, Any]:
    types = await stores.postgres.fetch(TYPES, event_id)
    rows = await stores.postgres.fetch(ROWS, event_id)
    missing = await stores.postgres.fetch(MISSING, list(promised)) if promised else []
    live = [row for row in rows if row["status"] in ("held", "paying")]
    ended = [row for row in rows if row["status"] not in ("held", "paying")]
    confirmed = [row for row in rows if row["status"] == "confirmed"]
    return {
        "counters": {
            row["ticket_type_id"]: Count(
                row["total"], row["total"] - row["held"] - row["sold"], row["held"], row["sold"]
            )
            for row in types
        },
        "issued": {row["ticket_type_id"]: row["issued"] for row in types},
        "live": _holds(live),
        "unreleased": frozenset(row["reservation_id"] for row in ended if not row["released"]),
        "sold": _sum(confirmed, "ticket_type_id"),
        "owned": _sum([*live, *confirmed], "visitor_id"),
        "missing": frozenset(row["id"] for row in missing),
    }


def _holds(rows: Sequence[Any]) -> dict[str, Hold]:
    holds: dict[str, Hold] = {}
    for row in rows:
        hold = holds.setdefault(row["reservation_id"], Hold(row["visitor_id"], Counter()))
        assert isinstance(hold.items, Counter)
        hold.items[row["ticket_type_id"]] += row["quantity"]
    return holds


def _sum(rows: Sequence[Any], by: str) -> Counter[str]:
    counted: Counter[str] = Counter()
    for row in rows:
        counted[row[by]] += row["quantity"]
    return counted
