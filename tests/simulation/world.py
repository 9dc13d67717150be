"""Everything: the queue and the sale behind it, step by step, and the final check."""

from __future__ import annotations

from typing import cast

import msgspec

from app.core.waiting_room.rules import draw_of
from app.reservations import holds
from load.judging.books import read_books
from load.judging.verdict import judge
from tests.simulation.lanes import NAMES, NETWORKS_OF
from tests.simulation.model import RoomModel
from tests.simulation.pinned import PinnedStores
from tests.simulation.queue_world import QueueWorld, settings_of
from tests.simulation.room_world import START_MS
from tests.simulation.rules import Rules, lane_of
from tests.simulation.sale_model import SaleModel
from tests.simulation.sale_world import CODE, EVENT, HOLD_TTL_S, MAX_TICKETS, ROOM, USES_MAX, SaleWorld
from tests.simulation.steps import NETWORKS, VISITORS, Step
from tests.simulation.watch import Mismatch, Watch

TOTALS = {"floor": 5, "balcony": 3}
SALE = """
    INSERT INTO rooms (room_id, settings, state, seed) VALUES ('room', $1, 'scheduled', $2)
"""


class World:
    def __init__(self, pinned: PinnedStores, rules: Rules, seed: bytes) -> None:
        visitors, networks = (NAMES.values(), NETWORKS_OF) if rules.lanes else (VISITORS, NETWORKS)
        draws = {visitor: draw_of(seed, visitor) for visitor in visitors}
        room = RoomModel(rules, draws, tick_ms=START_MS, networks=networks)
        model = SaleModel(
            room, dict(TOTALS), MAX_TICKETS, {CODE: USES_MAX}, HOLD_TTL_S * 1000, START_MS, "gone"
        )
        self.pinned = pinned
        self.watch = Watch(pinned.plain.redis, holds.keys_of(ROOM), room, START_MS)
        self.sale = SaleWorld(pinned, model, self.watch)
        self.queue = QueueWorld(self.sale, seed)
        self.rules = rules
        self.seed = seed

    async def load(self) -> None:
        """Load the sale into Postgres and the room into Redis."""
        await self.pinned.empty()
        await self.pinned.set_clock(START_MS)
        postgres = self.pinned.plain.postgres
        settings = msgspec.json.encode(settings_of(self.rules)).decode()
        await postgres.execute(SALE, settings, self.seed)
        await postgres.execute(
            "INSERT INTO events (event_id, room_id, name, starts_at, hold_ttl_s, max_tickets_per_visitor, "
            "sell_after_start) VALUES ($1, $2, 'Event', now(), $3, $4, true)",
            EVENT,
            ROOM,
            HOLD_TTL_S,
            MAX_TICKETS,
        )
        await postgres.executemany(
            "INSERT INTO ticket_types (event_id, ticket_type_id, name, price, total) "
            "VALUES ($1, $2, $2, 100, $3)",
            [(EVENT, kind, total) for kind, total in TOTALS.items()],
        )
        await postgres.execute(
            "INSERT INTO code_sets (event_id, set_id, name, uses_max, percent, wanted) "
            "VALUES ($1, 'set', 'Once', $2, 10, 1)",
            EVENT,
            USES_MAX,
        )
        await postgres.execute(
            "INSERT INTO codes (event_id, code, set_id, uses_max) VALUES ($1, $2, 'set', $3)",
            *(EVENT, CODE, USES_MAX),
        )
        await postgres.executemany(
            "INSERT INTO members (room_id, member_key, visitor_id) VALUES ($1, $2, $3)",
            [(ROOM, it.encode(), it) for it in self.queue.room.draws if lane_of(it, self.rules.lanes)],
        )
        await self.sale.rebuild(None)

    async def take(self, step: Step) -> None:
        """Take one step on both sides and compare. Raises Mismatch."""
        if step.verb == "wait":
            await self.wait(cast(int, *step.arguments))
        elif step.verb in ("wipe", "save", "restart"):
            await self.lose(step.verb)
        elif step.verb == "settle":
            await self.settle()
        elif step.verb == "rebuild":
            await self.rebuild(cast("int | None", *step.arguments))
        elif hasattr(self.queue, step.verb):
            if self.sale.model.redis in ("gone", "old"):
                await self.rebuild(None)
            await getattr(self.queue, step.verb)(*step.arguments)
        else:
            await getattr(self.sale, step.verb)(*step.arguments)
            await self.sale.check()
        await self.sale.check_room()

    async def wait(self, ms: int) -> None:
        self.watch.pass_time(ms)
        self.sale.model.now_ms = self.watch.now_ms
        await self.pinned.set_clock(self.watch.now_ms)

    async def lose(self, verb: str) -> None:
        """Save what a later restart keeps, restart Redis with it, or lose Redis."""
        whole = self.sale.model.redis == "whole"
        if verb == "save" and whole:
            await self.sale.save()
        elif verb == "wipe" or (verb == "restart" and self.sale.saved[0]):
            if whole:
                self.queue.remember_places()
            await getattr(self.sale, verb)()

    async def rebuild(self, calls: int | None) -> None:
        if await self.sale.rebuild(calls):
            await self.queue.check_sessions()

    async def settle(self) -> None:
        """Everything finishes: nothing in flight, every hold over; then the verdict must be good."""
        payments = [it.rpartition("-") for it, row in self.sale.model.rows.items() if row.status == "paying"]
        steps = [Step("rebuild", (None,)), Step("read", ("w1",)), Step("take_over", ("w0",))]
        steps += [Step("read_own", ("w0",))]
        steps += 2 * [
            Step("decide", ("w0",)),
            Step("record", ("w0",)),
        ]  # again, because the room may have been restored
        steps += [Step("declined", (visitor, key)) for visitor, _, key in payments]
        steps += [Step("wait", (HOLD_TTL_S * 1000,)), Step("expire", (None,)), Step("repair", (None,))]
        steps += [Step("totals", (kind, total, None)) for kind, total in self.sale.model.totals.items()]
        for step in steps:
            await self.take(step)
        books = await read_books(self.pinned.plain, ROOM, EVENT, self.sale.promised)
        verdict = judge(books)
        held = [kind for kind, count in books.stock.items() if count.held]
        if not verdict.good or held:
            raise Mismatch("verdict", [str(verdict), f"still held: {held}"])
