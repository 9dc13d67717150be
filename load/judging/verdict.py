"""The verdict after a load or fault test: oversold, lost, stranded, over-admitted. Empty lists are good.

The four lists are computed from what both stores record (`Books`), never from the code that wrote it. The
simulation checks the same lists after every step (`tests/simulation/invariants.py`), so both use the same
criteria. They are here rather than with the simulation because the package is installed and the tests are
not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from load.judging.books import Books, Count, OwnedTickets


@dataclass(frozen=True, slots=True)
class AdmissionSample:
    """The admission counters at one moment; `earned` is the rate integrated over time, in admissions."""

    at_ms: int
    admitted: int
    given_back: int
    earned: float


@dataclass(frozen=True)
class Verdict:
    """The findings, in words."""

    oversold: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stranded: list[str] = field(default_factory=list)
    over_admitted: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not (self.oversold or self.lost or self.stranded or self.over_admitted)

    def __str__(self) -> str:
        names = ("oversold", "lost", "stranded", "over_admitted")
        problems: dict[str, list[str]] = {name: getattr(self, name) for name in names}
        head = ", ".join(f"{name.replace('_', '-')} {len(lines)}" for name, lines in problems.items())
        return "\n".join([head, *(f"  {name}: {line}" for name in names for line in problems[name][:20])])


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
    by_code = Counter(it.code for it in books.rows.values())
    for code, (used, most) in books.codes.items():
        if max(used, by_code[code]) > most:
            yield f"code {code}: used {used} times, in {by_code[code]} reservations, {most} are allowed"
    if not books.holds.keys() - books.rows.keys():  # Postgres may still refuse what it has not seen yet
        for kind, count in books.stock.items():
            if count.free < 0:
                yield f"{kind}: Redis counts {count}"


def lost(books: Books) -> Iterator[str]:
    """Promises that a store no longer knows."""
    for reservation_id in sorted(books.missing):
        yield f"reservation {reservation_id} was promised but is not in Postgres"
    for reservation_id in sorted(books.rows.keys() - books.holds.keys()):
        yield f"reservation {reservation_id} is live but its tickets are not set aside in Redis"
    promised = _sums(books.rows.values())
    for kind in books.counters:
        if books.issued.get(kind, 0) != promised[kind, True]:
            yield f"{kind}: {promised[kind, True]} sold, {books.issued.get(kind, 0)} tickets issued"


def stranded(books: Books) -> Iterator[str]:
    """Tickets or allowances that nobody has and nobody can get."""
    yield from _unbalanced("Redis", books.stock, _sums(books.holds.values()))
    yield from _unbalanced("Postgres", books.counters, _sums(books.rows.values()))
    for reservation_id in sorted(books.holds.keys() - books.rows.keys() - books.in_flight - books.unreleased):
        yield f"reservation {reservation_id} is set aside in Redis but is live nowhere else"
    for reservation_id in sorted((books.holds.keys() & books.rows.keys()) - books.unreleased):
        if books.holds[reservation_id].sold != books.rows[reservation_id].sold:
            yield f"reservation {reservation_id} is sold in one store but held in the other"
    yield from _miscounted(books)
    by_visitor = _by_visitor(books.holds.values())
    for visitor_id in sorted(books.allowance.keys() | by_visitor.keys()):
        if books.allowance.get(visitor_id, 0) != by_visitor[visitor_id]:
            allowance = books.allowance.get(visitor_id, 0)
            has = by_visitor[visitor_id]
            yield f"visitor {visitor_id}: allowance spent {allowance}, tickets held or bought {has}"


def _miscounted(books: Books) -> Iterator[str]:
    """Uses of codes that nobody has."""
    in_redis = Counter(it.code for it in books.holds.values() if it.code)
    in_postgres = Counter(it.code for it in books.rows.values() if it.code)
    for code in sorted(in_redis.keys() | books.code_uses.keys()):
        if books.code_uses.get(code, 0) != in_redis[code]:
            yield f"code {code}: Redis counts {books.code_uses.get(code, 0)}, holds sum to {in_redis[code]}"
    for code, (used, _) in sorted(books.codes.items()):
        if used != in_postgres[code]:
            yield f"code {code}: Postgres counts {used}, rows sum to {in_postgres[code]}"


def over_admitted(moments: Iterable[AdmissionSample], burst: float) -> Iterator[str]:
    """Windows with more admissions than rate x window + burst + what no-shows gave back.

    One pass: a window is too full if the surplus rose by more than the burst since its lowest point. What was
    given back in the very millisecond a window begins can still be used in it.
    """
    lowest: tuple[float, int] | None = None
    at_ms, back_now, back_before = -1, 0, 0
    for moment in moments:
        if moment.at_ms > at_ms:
            at_ms, back_before = moment.at_ms, back_now
        back_now = moment.given_back
        if lowest is None or moment.admitted - moment.earned - back_before < lowest[0]:
            lowest = moment.admitted - moment.earned - back_before, moment.at_ms
        surplus = moment.admitted - moment.earned - moment.given_back - lowest[0]
        if surplus > burst + 1e-6:
            span = f"{lowest[1]} to {moment.at_ms} ms"
            yield f"{span}: {surplus:.3f} admissions above the rate, burst {burst:.3f}"


def agreement(books: Books) -> Iterator[str]:
    """Once everything is settled both stores must count alike; while something is in flight they may
    differ."""
    for kind in sorted(books.stock.keys() | books.counters.keys()):
        if books.stock.get(kind) != books.counters.get(kind):
            yield f"{kind}: Redis counts {books.stock.get(kind)}, Postgres {books.counters.get(kind)}"
    for code, (used, _) in sorted(books.codes.items()):
        if books.code_uses.get(code, 0) != used:
            yield f"code {code}: Redis counts {books.code_uses.get(code, 0)}, Postgres {used}"


def judge(books: Books, moments: Iterable[AdmissionSample] = (), burst: float = 0) -> Verdict:
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


def _sums(owned: Iterable[OwnedTickets]) -> Counter[tuple[str, bool]]:
    counted: Counter[tuple[str, bool]] = Counter()
    for it in owned:
        for kind, quantity in it.items.items():
            counted[kind, it.sold] += quantity
    return counted


def _by_visitor(owned: Iterable[OwnedTickets]) -> Counter[str]:
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
