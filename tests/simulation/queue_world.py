"""The queue in front of a sale, through the operations behind a visitor's requests; Redis may be lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.core import errors
from app.core.clock import from_ms, to_ms
from app.core.errors import Refusal
from app.core.model import Place, RoomSettings, RoomStatus, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room.rules import RoomAction, draw_of
from app.settings import Settings
from app.store.scripts import admission
from app.store.scripts import room as room_scripts
from app.store.scripts.room import AskRecord
from app.store.sql.waiting_room import rooms
from app.waiting_room import control, queue, queue_numbers
from app.waiting_room.ended_places import keep_endings
from app.waiting_room.joining import Joiner
from tests.simulation.invariants import LostPlace, check_returning
from tests.simulation.model import RoomModel
from tests.simulation.rules import Answer, Rules
from tests.simulation.sale_world import ROOM, SaleWorld
from tests.simulation.watch import Mismatch, answer_of
from tests.support.builders import STAFF

STATE_OF_REFUSAL: dict[type[Refusal], str] = {
    errors.RoomNotOpen: "not_open",
    errors.RoomClosed: "closed",
    errors.RoomSoldOut: "sold_out",
    errors.RemovedByStaff: "removed",
    errors.RemovedFromQueue: "removed",
    errors.PlaceNotFound: "absent",
    errors.NoShow: "no_show",
    errors.SessionExpired: "expired",
    errors.LeftQueue: "left",
    errors.SessionDone: "done",
    errors.Restoring: "restoring",
    errors.LimitExceeded: "too_many",
    errors.NotWaiting: "not_waiting",
}
LIVE = ("prequeue", "waiting", "called", "active")
EVERY_NUMBER = 10**9


def rfc3339(at_ms: int) -> str | None:
    """The time as the API expects it."""
    at = from_ms(at_ms)
    return at.isoformat() if at else None


def settings_of(rules: Rules) -> RoomSettings:
    """The settings as staff would set them."""
    return control.read_settings(
        {
            "name": "Room",
            "admission_rate_per_minute": rules.rate,
            "burst": rules.burst or None,
            "active_visitors_max": rules.active_max or None,
            "claim_window_s": rules.claim_window_s,
            "unclaimed_per_network_max": rules.per_network or None,
            "session_ttl_s": rules.session_ttl_s,
            "visitors_per_ticket_max": rules.visitors_per_ticket,
            "session_ends_on_confirm": rules.ends_on_confirm,
            "restore_window_s": rules.restore_window_s,
            "queueing_method": "lottery" if rules.lottery else "fifo",
            "prequeue_at": rfc3339(rules.prequeue_at_ms),
            "lanes": [{"name": f"lane {at}", "share": it} for at, it in enumerate(rules.lanes) if at],
        }
    )


class QueueWorld:
    """The steps of visitors, staff and the controller. They need the room to be present in Redis."""

    def __init__(self, sale: SaleWorld, seed: bytes) -> None:
        self.sale = sale
        self.watch = sale.watch
        self.stores = sale.stores
        self.seed = seed
        self.queues = queue.open_queues(sale.stores, Settings(rate_limits=False))
        self.tokens: dict[str, PlaceClaims] = {}
        self.lost: dict[str, LostPlace] = {}
        self.removed: set[str] = set()
        self.stored_endings: dict[str, int | None] = {}  # visitor -> number, if their place had ended by then
        self.version = 1

    @property
    def room(self) -> RoomModel:
        """The room of the model."""
        return self.watch.model

    # visitors -----------------------------------------------------------------------------------------
    async def join(self, *visitors: str) -> None:
        for visitor in visitors:
            network = self.room.networks.get(visitor, "")
            joining = Joiner(VisitorId(visitor), self.tokens.get(visitor), network)
            self.room.reserved = EVERY_NUMBER  # the operation itself asks Postgres for more
            answer = await self._ask(visitor, queue.join(self.queues, ROOM, joining))
            if answer.new and answer.number and answer.number < max(self.watch.history.given, default=0):
                raise Mismatch("answer", [f"{visitor} was given {answer.number} after a higher one"])
            await self._check_answer(visitor, answer, lambda it: self.room.join([it], self.watch.now_ms)[0])

    async def place(self, visitor: str) -> None:
        if visitor in self.tokens:
            answer = await self._ask(visitor, queue.place(self.queues, ROOM, self.tokens[visitor]))
            await self._check_answer(visitor, answer, lambda it: self.room.place(it, self.watch.now_ms))

    async def want(self, visitor: str, quantity: int) -> None:
        if visitor in self.tokens:
            call = queue.set_quantity(self.queues, ROOM, self.tokens[visitor], quantity)
            answer = await self._ask(visitor, call)
            if (
                answer.state in ("not_waiting", "too_many")
                and visitor in self.lost
                and not self._has_place(visitor)
            ):
                # they may be back by now, and a refusal does not say where they are
                await self.place(visitor)
            elif answer.state != "not_waiting":
                await self._check_answer(
                    visitor, answer, lambda it: self.room.want(it, quantity, self.watch.now_ms)
                )

    async def claim(self, visitor: str) -> None:
        if visitor in self.tokens:
            answer = await self._ask(visitor, queue.claim(self.queues, ROOM, self.tokens[visitor]))
            if answer.state == "active":
                self.sale.sessions[visitor] = answer.until_ms
                self.watch.history.turns_with_token.add(answer.number)
            await self._check_answer(visitor, answer, lambda it: self.room.claim(it, self.watch.now_ms))

    async def claim_without_answer(self, visitor: str) -> None:
        """The process dies after the script: there is no row in Postgres, and nobody got an answer."""
        token = self.tokens.get(visitor)
        if token is None or visitor in self.lost or self.sale.model.redis != "whole":
            return
        number = token.queue_number or room_scripts.NUMBERLESS
        record = AskRecord(visitor, draw_of(self.seed, visitor), number, token.epoch)
        await room_scripts.claim(self.stores.redis, self.sale.keys, [record], rate=0, burst=1)
        self.room.claim(visitor, self.watch.now_ms)

    async def leave(self, visitor: str) -> None:
        if visitor in self.tokens:
            await queue.leave(self.queues, ROOM, self.tokens[visitor])
            whole = self.sale.model.redis == "whole"
            if visitor in self.lost and not (whole and self._has_place(visitor)):
                self.lost[visitor] = replace(self.lost[visitor], state="ended")
            if whole:
                self.room.leave(visitor, self.watch.now_ms)

    async def _ask(self, visitor: str, call: Awaitable[tuple[Place, RoomStatus]]) -> Answer:
        try:
            place, status = await call
        except Refusal as refusal:
            return Answer(STATE_OF_REFUSAL[type(refusal)])
        if place.state in LIVE:
            self.tokens[visitor] = PlaceClaims(
                room_id=ROOM,
                visitor_id=VisitorId(visitor),
                queue_number=place.token_number,
                epoch=status.epoch,
                quantity=place.quantity,
            )
        return answer_of(place)

    async def _check_answer(self, visitor: str, answer: Answer, expect: Callable[[str], Answer]) -> None:
        """The answer must match the model or, for visitors returning after a loss, the rules for them."""
        if self.sale.model.redis != "whole":
            return
        if visitor in self.lost and not self._has_place(visitor):
            if wrong := list(
                check_returning(self.lost[visitor], answer, self.watch.history, self.watch.now_ms)
            ):
                raise Mismatch("returning", [f"{visitor}: {problem}" for problem in wrong])
            if answer.state in LIVE:
                del self.lost[visitor]
            await self.watch.take_over()
            return
        expected = expect(visitor)
        if expected.state != answer.state or (expected.state in LIVE and expected != answer):
            raise Mismatch("answer", [f"{visitor}: model {expected}, engine {answer}"])

    def _has_place(self, visitor: str) -> bool:
        room = self.room
        if visitor in room.turns:  # one that has run out ends at the first look
            now_ms = self.watch.now_ms
            inside = room.active.get(visitor, 0) > now_ms
            return inside or (visitor in room.called and not room.is_over(visitor, now_ms))
        return any(visitor in it for it in (room.prequeue, room.waiting, room.removed))

    # the controller and staff -------------------------------------------------------------------------
    async def admit(self, workers: int) -> None:
        for _ in range(workers if self.sale.model.redis == "whole" else 0):
            await admission.admit(self.stores.redis, self.sale.keys, limit=1000)
            self.room.admit(self.watch.now_ms)

    async def snapshot(self) -> None:
        """What a worker writes down each second."""
        now = await room_scripts.status(self.stores.redis, self.sale.keys)
        await rooms.record_progress(self.stores.postgres, ROOM, now)
        await keep_endings(self.stores, ROOM, self.watch.now_ms)
        if self.sale.model.redis == "whole":
            self.stored_endings = {
                it: token.queue_number for it, token in self.tokens.items() if it in self.room.endings
            }

    async def draw(self) -> None:
        await queue_numbers.reserve_numbers(self.stores, ROOM)
        await queue_numbers.draw_batch(self.stores, ROOM)
        if self.sale.model.redis == "whole":
            await self.watch.take_over()

    async def staff(self, action: RoomAction) -> None:
        if self.sale.model.redis != "whole":
            return
        try:
            room = await control.set_state(self.queues, ROOM, action, by=STAFF)
        except errors.Conflict:
            return
        if room.version != self.version:
            self.version = room.version
            self.room.change(self.room.rules, room.state, self.watch.now_ms)

    async def remove(self, visitor: str) -> None:
        await control.remove(self.queues, ROOM, VisitorId(visitor), by=STAFF)
        if self.sale.model.redis == "whole":
            self.room.remove(visitor, self.watch.now_ms)
        self.removed.add(visitor)

    # Redis lost ---------------------------------------------------------------------------------------
    def remember_places(self) -> None:
        """Before Redis is lost, remember the places that visitors were shown."""
        room = self.room
        for visitor, token in self.tokens.items():
            if not self._has_place(visitor) and visitor in self.lost:
                self.lost[visitor] = replace(self.lost[visitor], state="long ago")
                continue
            state = next((name for name in LIVE if visitor in getattr(room, name)), "ended")
            number = token.queue_number or room.waiting.get(visitor) or room.turns.get(visitor) or 0
            if (
                state == "waiting"
                and number <= room.lanes.called_to(visitor, room.rules.lanes, room.serving)
                and not token.quantity
            ):
                state = "behind"  # returned late after an earlier loss: counts as called from now on
            if state == "ended" and number and self.stored_endings.get(visitor) == number:
                state = "over"  # and Postgres knows it
            self.lost[visitor] = LostPlace(state, number, self.watch.now_ms)
        self.watch.history.forget_unanswered_claims()

    async def check_sessions(self) -> None:
        """After a restore, everybody who was given a session that still lasts has it, with the same end."""
        self.lost = {visitor: lost for visitor, lost in self.lost.items() if not self._has_place(visitor)}
        rows = await self.sale.pinned.plain.postgres.fetch(
            "SELECT visitor_id, queue_number, expires_at, ended_at FROM sessions"
        )
        lasting = {
            row["visitor_id"]: to_ms(row["expires_at"])
            for row in rows
            if row["ended_at"] is None
            and to_ms(row["expires_at"]) > self.watch.now_ms
            and row["visitor_id"] not in self.removed
        }
        known = {(row["visitor_id"], row["queue_number"]) for row in rows}
        unanswered = {it for it in self.room.active if (it, self.room.turns[it]) not in known}
        active = {
            visitor: until_ms
            for visitor, until_ms in self.room.active.items()
            if until_ms > self.watch.now_ms and visitor not in unanswered
        }
        if lasting != active:
            raise Mismatch("sessions", [f"{lasting} last, {active} are active"])
