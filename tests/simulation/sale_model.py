"""The reservation half as dicts: what Redis decides, what Postgres remembers, and every state in between.

An operation of several steps is a generator that yields after each one, because it may be interrupted there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from load.judging.books import LIVE, Books, OwnedTickets
from tests.simulation.model import RoomModel
from tests.simulation.reservations import DecidedBatch, Hold, Row, Wish, counts_of, read_order, uses

IN_REDIS = ("stock", "holds", "outcomes", "refusals", "stream")


@dataclass
class SaleModel:
    """An event behind a room. `redis`: its room is whole, old after a restart, being restored, or gone."""

    room: RoomModel
    totals: dict[str, int]
    max_tickets: int
    codes: dict[str, int]  # how many orders each may be used in
    hold_ttl_ms: int
    now_ms: int = 0
    redis: Literal["whole", "old", "restoring", "gone"] = "whole"
    epoch: int = 1  # in Postgres
    redis_epoch: int = 1
    messages: int = 0
    stock: dict[str, int] = field(default_factory=dict)  # totals in Redis
    holds: dict[str, Hold] = field(default_factory=dict)
    outcomes: dict[str, tuple[Wish, str]] = field(default_factory=dict)
    refusals: dict[str, tuple[Wish, str]] = field(default_factory=dict)  # the last one of each visitor
    stream: dict[int, tuple[Wish, str]] = field(default_factory=dict)  # message -> wish, who has read it
    granted: dict[int, tuple[int, int]] = field(default_factory=dict)  # message -> epoch, end; stated in it
    rows: dict[str, Row] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether the scripts of this half decide anything. An outdated room may lack running sessions."""
        return self.redis == "whole"

    def submit(self, wish: Wish, session_ms: int) -> str:
        """The visitor's immediate answer: queued, a known outcome, or the reason for a refusal."""
        if not self.ready:
            return "restoring" if self.redis == "restoring" else "unknown"
        known = self._known(wish)
        if known is not None:
            if known[0] != wish:
                return "reused"
            return "pending" if known[1] == "pending" else "known"
        if session_ms <= self.now_ms or self.room.active.get(wish.visitor) != session_ms:
            return "session_ended"
        word = self._refusal(wish)
        if word:
            self.refusals[wish.visitor] = wish, word
            return word
        self.messages += 1
        self.stream[self.messages] = wish, ""
        self.granted[self.messages] = self.redis_epoch, self._hold(wish)
        self.outcomes[wish.reservation_id] = wish, "pending"
        return "queued"

    def read(self, worker: str, only: str) -> list[tuple[int, Wish]]:
        """Give this worker the messages that `only` has read (nobody: "")."""
        found = [(message, wish) for message, (wish, reader) in self.stream.items() if reader == only]
        self.stream.update({message: (wish, worker) for message, wish in found})
        return sorted(found, key=read_order)

    def take_over(self, worker: str) -> None:
        """Give this worker everything that anybody has read."""
        self.stream = {it: (wish, reader and worker) for it, (wish, reader) in self.stream.items()}

    def decide(self, messages: Sequence[tuple[int, Wish]], *, again: bool) -> DecidedBatch | None:
        """What the messages were granted before, or are granted now. None: the room is not ready."""
        epochs = {self.granted[it][0] for it, _ in messages}
        if len(epochs) == 1 and not again:
            decisions = [(it, wish, "held", self.granted[it][1]) for it, wish in messages]
            return DecidedBatch(epochs.pop(), decisions)
        if not self.ready:
            return None
        return DecidedBatch(self.redis_epoch, [(it, wish, *self._decide(wish)) for it, wish in messages])

    def record(self, batch: DecidedBatch) -> Iterator[None]:
        """Write to Postgres, apply its answer to Redis, then publish the outcomes."""
        wanted = [(wish, expires) for _, wish, word, expires in batch.decisions if word in ("held", "known")]
        if wanted and batch.epoch != self.epoch:
            return
        before = [wish for wish, _ in wanted if wish.reservation_id in self.rows]
        refused = [
            it.reservation_id for it, expires in wanted if it not in before and not self._insert(it, expires)
        ]
        yield
        if refused:
            if not self.ready:
                return
            self._release(refused)
            yield
            self.stock = dict(self.totals)
            yield
        yield from self._report([it.reservation_id for it in before])
        for message, wish, word, _ in batch.decisions:
            self.stream.pop(message, None)
            if word == "forgotten":
                continue
            row = self.rows.get(wish.reservation_id)
            if row is not None and word in ("held", "known"):
                self.outcomes[wish.reservation_id] = wish, "held" if row.wish == wish else "reused"
            elif wish.reservation_id in refused:
                self.outcomes[wish.reservation_id] = wish, "sold_out"
            else:  # reported again, in case Redis was lost since the decision
                self.outcomes[wish.reservation_id] = wish, word.removeprefix("settled ")

    def expire(self) -> Iterator[None]:
        """End the holds that have run out."""
        due = [it for it, row in self.rows.items() if row.status == "held" and row.expires_ms <= self.now_ms]
        yield from self.end(due, "expired")

    def end(self, ids: Sequence[str], status: str) -> Iterator[None]:
        """End the row first, then release the tickets."""
        for reservation_id in ids:
            self.rows[reservation_id] = replace(self.rows[reservation_id], status=status, released=False)
        yield
        yield from self._report(ids)

    def paid_late(self, ids: Sequence[str]) -> Iterator[None]:
        """Confirmed if enough tickets are free besides its own; otherwise it ends."""
        counts = self.books().counters
        fits = all(counts[kind].free >= count for it in ids for kind, count in self.rows[it].wish.items)
        yield from self.end(ids, "confirmed" if fits else "expired")

    def set_status(self, reservation_id: str, status: str) -> None:
        """A payment was started or has failed; this does not concern Redis."""
        self.rows[reservation_id] = replace(self.rows[reservation_id], status=status)

    def change_total(self, kind: str, total: int) -> Iterator[None]:
        """Change the number of tickets, never below what Postgres has promised."""
        count = self.books().counters[kind]
        if count.held + count.sold <= total:
            self.totals[kind] = total
        yield
        if self.ready:
            self.stock = dict(self.totals)

    def repair(self) -> Iterator[None]:
        """Bring Redis up to date with everything it may have missed."""
        unreported = [
            it for it, row in self.rows.items() if row.status not in ("held", "paying") and not row.released
        ]
        yield from self._report(unreported)

    def restore(self) -> None:
        """Rebuild Redis from Postgres; submissions that were not written are forgotten."""
        self.redis, self.redis_epoch = "whole", self.epoch
        self.stock = dict(self.totals)
        live = {it: row for it, row in self.rows.items() if row.status in LIVE}
        self.holds = {
            it: Hold(row.wish, row.expires_ms, row.status == "confirmed") for it, row in live.items()
        }
        self.outcomes.update({it: (row.wish, "held") for it, row in self.rows.items()})

    def in_redis(self) -> dict[str, Any]:
        """A copy of everything Redis has."""
        return deepcopy({name: getattr(self, name) for name in (*IN_REDIS, "redis_epoch")})

    def wipe(self) -> None:
        """Redis loses everything."""
        self.redis = "gone"
        for name in IN_REDIS:
            getattr(self, name).clear()

    def restart(self, saved: dict[str, Any]) -> None:
        """Redis has what was saved, and nothing that happened since."""
        self.redis = "old"
        for name, kept in deepcopy(saved).items():
            setattr(self, name, kept)

    def books(self) -> Books:
        """Both stores, in the words of the verdict."""
        live = {it: row for it, row in self.rows.items() if row.status in LIVE}
        held = {
            it: OwnedTickets(hold.wish.visitor, hold.sold, dict(hold.wish.items), hold.wish.code)
            for it, hold in self.holds.items()
        }
        rows = {
            it: OwnedTickets(r.wish.visitor, r.status == "confirmed", dict(r.wish.items), r.wish.code)
            for it, r in live.items()
        }
        spent = Counter[str]()
        for hold in self.holds.values():
            spent[hold.wish.visitor] += hold.wish.quantity
        counters = counts_of(self.totals, rows.values())
        return Books(
            stock=counts_of(self.stock, held.values()),
            holds=held,
            allowance=dict(spent),
            in_flight=frozenset(wish.reservation_id for wish, _ in self.stream.values()),
            counters=counters,
            rows=rows,
            statuses={it: row.status for it, row in self.rows.items()},
            issued={kind: count.sold for kind, count in counters.items()},
            unreleased=frozenset(
                it for it, r in self.rows.items() if r.status not in ("held", "paying") and not r.released
            ),
            missing=frozenset(),
            code_uses={it: count for it, count in uses(held.values()).items() if count},
            codes={it: (uses(rows.values())[it], most) for it, most in self.codes.items()},
        )

    def report_to_room(self) -> None:
        """The totals by which the room's controller decides."""
        counts = self.books().stock.values()
        sums = (sum(it.free for it in counts), sum(it.held for it in counts), sum(it.total for it in counts))
        self.room.tickets = sums if counts else None

    # inside -------------------------------------------------------------------------------------------
    def _known(self, wish: Wish) -> tuple[Wish, str] | None:
        last = self.refusals.get(wish.visitor)
        if wish.reservation_id in self.outcomes:
            return self.outcomes[wish.reservation_id]
        return last if last and last[0].reservation_id == wish.reservation_id else None

    def _refusal(self, wish: Wish) -> str:
        if wish.code and uses(self.books().holds.values())[wish.code] >= self.codes[wish.code]:
            return "code_refused"
        if self.books().allowance.get(wish.visitor, 0) + wish.quantity > self.max_tickets:
            return "limit_exceeded"
        free = counts_of(self.stock, self.books().holds.values())
        return "sold_out" if any(free[kind].free < count for kind, count in wish.items) else ""

    def _decide(self, wish: Wish) -> tuple[str, int]:
        known, hold = self._known(wish), self.holds.get(wish.reservation_id)
        if hold is not None:
            if hold.expires_ms <= self.now_ms and known and known[1] == "pending":  # nobody was told of it
                hold = replace(hold, expires_ms=self.now_ms + self.hold_ttl_ms)
            self.holds[wish.reservation_id] = hold
            return "known", hold.expires_ms
        if known is None:
            return "forgotten", 0
        if known[1] != "pending":
            return f"settled {known[1]}", 0
        word = self._refusal(wish)
        if word:
            self.outcomes[wish.reservation_id] = wish, word
            return word, 0
        return "held", self._hold(wish)

    def _hold(self, wish: Wish) -> int:
        """Take the tickets and return until when."""
        expires_ms = self.now_ms + self.hold_ttl_ms
        self.holds[wish.reservation_id] = Hold(wish, expires_ms)
        if wish.visitor in self.room.active:
            self.room.buy(wish.visitor)
        return expires_ms

    def _insert(self, wish: Wish, expires_ms: int) -> bool:
        counts = self.books().counters
        fits = all(counts[kind].free >= count for kind, count in wish.items)
        used, most = self.books().codes.get(wish.code, (0, 1))
        fits = fits and used < most
        if fits:
            self.rows[wish.reservation_id] = Row(wish, expires_ms)
        return fits

    def _report(self, ids: Sequence[str]) -> Iterator[None]:
        """Report to Redis what Postgres has decided, ended ones first; not during a restore."""
        for statuses in (("cancelled", "expired"), ("confirmed",)):
            ended = [it for it in ids if self.rows[it].status in statuses]
            if not ended or not self.ready:
                continue
            if statuses == ("confirmed",):
                self._confirm(ended)
            else:
                self._release(ended)
            yield
            self.rows.update({it: replace(self.rows[it], released=True) for it in ended})
            yield

    def _release(self, ids: Iterable[str]) -> None:
        for hold in [self.holds.pop(it) for it in ids if it in self.holds]:
            if hold.wish.visitor not in self.books().allowance:
                self.room.buyers.discard(hold.wish.visitor)

    def _confirm(self, ids: Iterable[str]) -> None:
        for reservation_id in ids:
            hold = self.holds.get(reservation_id)
            if hold is None or hold.sold:
                continue
            self.holds[reservation_id] = replace(hold, sold=True)
            visitor = hold.wish.visitor
            bought = sum(h.wish.quantity for h in self.holds.values() if h.sold and h.wish.visitor == visitor)
            if visitor in self.room.active and (
                self.room.rules.ends_on_confirm or bought >= self.max_tickets
            ):
                self.room.finish(visitor, self.now_ms)
