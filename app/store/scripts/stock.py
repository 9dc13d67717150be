"""The reservation half's scripts as typed functions: one function a script, the reply as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from app.core.clock import REDIS_TIME, to_ms
from app.core.model import TicketType
from app.core.seating import SeatRow
from app.store.connections import RedisClient
from app.store.keys import CHANGE_CHANNEL, ENDED_CHANNEL, OUTCOME_CHANNEL, SUBMITTED_CHANNEL, RoomKeys
from app.store.scripts import replies
from app.store.scripts.loader import call
from app.store.scripts.room import known

GROUP = "processors"  # the consumer group of every room's stream

ROOM_WORDS = replies.words("submit", "allocate", "clear_stock") - {
    "cleared"
}  # said once, for the whole batch
SUBMIT_WORDS = replies.words("submit", part="EACH") | ROOM_WORDS
CHANGE_WORDS = replies.words("count_changes", part="EACH")
ALLOCATE_WORDS = replies.words("allocate", part="EACH")


ANY_AMOUNT = -1


class RoomNotReady(Exception):
    """The room is not loaded, is being restored, or was restored by somebody else; `word` says which."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Submission(NamedTuple):
    """One record of `submit`; a tuple, since thousands per second become ARGV."""

    reservation_id: str
    visitor_id: str
    session_ms: int  # the expiry the booking token was signed with
    fingerprint: str
    instance: str  # the process that waits for the outcome; "" for none
    items: str  # TYPE:QUANTITY,... with seats TYPE:QUANTITY@SEAT+SEAT,... the best ones TYPE:QUANTITY@*
    expected: int = ANY_AMOUNT  # what they have to come to
    network: str = ""  # where it came from, as `PlaceSigner.network` says it; "": not limited by it
    traceparent: str = ""  # of the request, if it is sampled


class Change(NamedTuple):
    """One record of `count_changes`: who pays, extends or cancels, and from where."""

    visitor_id: str
    network: str = ""


class Limits(NamedTuple):
    """How often one visitor and one network may change reservations: rates a minute; 0 is no limit."""

    visitor_rate: int = 0
    visitor_burst: int = 1
    network_rate: int = 0
    network_burst: int = 1


NO_LIMITS = Limits()


class Submitted(NamedTuple):
    """The answer to a submission; `detail`: the outcome (known), the ticket type, or the seats.

    Of not_on_sale it is TYPE:from:MS before the sale and TYPE:until:MS after it; of limited visitor:MS or
    network:MS, which limit was met and when to come again.
    """

    word: str
    detail: str


class Request(NamedTuple):
    """One record of `allocate`."""

    reservation_id: str
    visitor_id: str
    items: str


class Decision(NamedTuple):
    """held, known: amount|currency|created_ms|expires_ms|items; settled: the outcome.

    seat_taken: which seats; not_on_sale: as in `Submitted`.
    """

    word: str
    terms: str


class Allocation(NamedTuple):
    """The decisions of one batch, and what they were made under."""

    epoch: int
    event_id: str
    decisions: list[Decision]


class Settlement(NamedTuple):
    """One record of `settle`."""

    message_id: str
    reservation_id: str
    fingerprint: str
    instance: str
    outcome: str  # held|amount|currency|created_ms|expires_ms|items, WORD|visitor_id[|seats], or nothing


class LoadedHold(NamedTuple):
    """One record of `load_holds`; empty when there is nothing to load of that kind."""

    reservation_id: str
    entry: str
    outcome: str


async def submit(
    redis: RedisClient,
    keys: RoomKeys,
    submissions: Sequence[Submission],
    *,
    event_id: str,
    backlog_max: int,
    limits: Limits = NO_LIMITS,
    now_ms: int = REDIS_TIME,
) -> list[Submitted]:
    """Submit requests; answers in their order."""
    reply = await call(
        redis,
        "submit",
        keys,
        chain.from_iterable(submissions),
        event_id=event_id,
        backlog_max=backlog_max,
        channel=SUBMITTED_CHANNEL + keys.room_id,
        now_ms=now_ms,
        **limits._asdict(),
    )
    if len(reply) == 1:
        reply = [known(reply[0], ROOM_WORDS), ""] * len(submissions)
    return [
        Submitted(known(word, SUBMIT_WORDS), detail)
        for word, detail in zip(reply[::2], reply[1::2], strict=True)
    ]


async def count_changes(
    redis: RedisClient,
    keys: RoomKeys,
    changes: Sequence[Change],
    *,
    limits: Limits,
    now_ms: int = REDIS_TIME,
) -> list[Submitted]:
    """Whether each of these is allowed, or limited; in order."""
    reply = await call(
        redis, "count_changes", keys, chain.from_iterable(changes), now_ms=now_ms, **limits._asdict()
    )
    return [
        Submitted(known(word, CHANGE_WORDS), detail)
        for word, detail in zip(reply[::2], reply[1::2], strict=True)
    ]


async def allocate(
    redis: RedisClient, keys: RoomKeys, requests: Iterable[Request], *, now_ms: int = REDIS_TIME
) -> Allocation:
    """Decide a batch. Raises RoomNotReady, in which case nothing was decided."""
    reply = _ready(await call(redis, "allocate", keys, chain.from_iterable(requests), now_ms=now_ms))
    decisions = [
        Decision(known(word, ALLOCATE_WORDS), terms)
        for word, terms in zip(reply[2::2], reply[3::2], strict=True)
    ]
    return Allocation(int(reply[0]), reply[1], decisions)


async def settle(redis: RedisClient, keys: RoomKeys, settlements: Iterable[Settlement]) -> int:
    """Publish outcomes and remove their submissions from the stream; how many were still in it."""
    taken: int = await call(
        redis, "settle", keys, chain.from_iterable(settlements), group=GROUP, channel=OUTCOME_CHANNEL
    )
    return taken


async def release(
    redis: RedisClient, keys: RoomKeys, reservation_ids: Iterable[str], *, also_sold: bool = True
) -> int:
    """Release what these reservations hold, or have bought; how many had something. Raises RoomNotReady."""
    reply = _ready(
        await call(redis, "release", keys, reservation_ids, channel=CHANGE_CHANNEL, also_sold=int(also_sold))
    )
    return int(reply[1])


async def confirm(
    redis: RedisClient, keys: RoomKeys, reservation_ids: Iterable[str], *, now_ms: int = REDIS_TIME
) -> int:
    """Turn held tickets into sold ones; how many were held. Raises RoomNotReady."""
    channels = {"channel": CHANGE_CHANNEL, "ended_channel": ENDED_CHANNEL + keys.room_id}
    reply = _ready(await call(redis, "confirm", keys, reservation_ids, now_ms=now_ms, **channels))
    return int(reply[1])


async def load_stock(redis: RedisClient, keys: RoomKeys, ticket_types: Iterable[TicketType]) -> int:
    """Set totals, prices and sale windows from Postgres; held and sold stay as Redis has them.

    All ticket types of the event; returns the free tickets.

    Raises RoomNotReady when the room is not loaded; loading it loads the stock as well.
    """
    records = (
        (it.ticket_type_id, it.total, it.price, "1" if it.seated else "", _window(it)) for it in ticket_types
    )
    reply = _ready(await call(redis, "load_stock", keys, chain.from_iterable(records)))
    return int(reply[1])


async def load_seats(
    redis: RedisClient, keys: RoomKeys, rows: Iterable[SeatRow], *, ticket_type_id: str
) -> int:
    """Make the rows of a ticket type known, all seats free; how many rows were new. All of a type at once.

    Raises RoomNotReady when the room is not loaded.
    """
    records = ((f"{ticket_type_id}-{it.row}", it.first, it.states) for it in rows)
    reply = _ready(
        await call(redis, "load_seats", keys, chain.from_iterable(records), ticket_type_id=ticket_type_id)
    )
    return int(reply[1])


async def block_seats(redis: RedisClient, keys: RoomKeys, taken: Iterable[tuple[str, str]]) -> int:
    """Mark seats as taken, each by its visitor; how many were free. Raises RoomNotReady."""
    reply = _ready(await call(redis, "block_seats", keys, chain.from_iterable(taken)))
    return int(reply[1])


async def recount(
    redis: RedisClient, keys: RoomKeys, records: Iterable[tuple[str, str]], *, holds_max: int
) -> bool:
    """Recompute Redis' counters from its holds; False when there are too many for one step.

    Records are (reservation_id, entry) of reservations to be known again, and (seat_id, "") of seats in
    question. Raises RoomNotReady.
    """
    reply = _ready(await call(redis, "recount", keys, chain.from_iterable(records), holds_max=holds_max))
    return bool(reply[0] == "recounted")


async def clear_stock(redis: RedisClient, keys: RoomKeys, *, epoch: int) -> None:
    """Clear the reservation half of a room that is being restored. Raises RoomNotReady."""
    _ready(await call(redis, "clear_stock", keys, epoch=epoch))


async def load_holds(redis: RedisClient, keys: RoomKeys, holds: Iterable[LoadedHold], *, epoch: int) -> int:
    """Load reservations into a room under restoration; how many were new to it. Raises RoomNotReady."""
    reply = _ready(await call(redis, "load_holds", keys, chain.from_iterable(holds), epoch=epoch))
    return int(reply[1])


def _window(it: TicketType) -> str:
    """When it is on sale, as FROM:UNTIL in ms, either may be empty; "" for no limit."""
    if it.sale_from is None and it.sale_until is None:
        return ""
    return ":".join(str(max(0, to_ms(at))) if at else "" for at in (it.sale_from, it.sale_until))


def _ready(reply: Any) -> Any:
    if reply[0] in ROOM_WORDS:
        raise RoomNotReady(reply[0])
    return reply


replies.check("submit", Submitted._fields, part="EACH")
replies.check("count_changes", Submitted._fields, part="EACH")
replies.check("allocate", Allocation._fields[:2])
replies.check("allocate", Decision._fields, part="EACH")
