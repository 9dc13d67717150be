"""The reservation half's scripts as typed functions: one function per script, replies as frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from app.core.clock import REDIS_TIME
from app.core.reservations.outcomes import outcome_entry
from app.store.connections import RedisClient
from app.store.keys import CHANGE_CHANNEL, ENDED_CHANNEL, OUTCOME_CHANNEL, SUBMITTED_CHANNEL, RoomKeys
from app.store.scripts import replies
from app.store.scripts.loader import call
from app.store.scripts.room import checked_word

GROUP = "processors"  # the consumer group of every room's streams
WHOLE = "b"  # prefix of ids of entries in `batches`

ROOM_WORDS = replies.words("submit", "decide_again", "clear_stock") - {"cleared"}  # apply to the whole batch
SUBMIT_WORDS = replies.words("submit", part="EACH") | ROOM_WORDS
CHANGE_WORDS = replies.words("count_changes", part="EACH")
DECISION_WORDS = replies.words("decide_again", part="EACH")


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
    expected: int = ANY_AMOUNT  # the amount they must come to
    network: str = ""  # the visitor's network, as `PlaceSigner.network` names it; "": not limited by network
    traceparent: str = ""  # of the request, if it is sampled


class Change(NamedTuple):
    """One record of `count_changes`: a visitor who pays, extends or cancels, and their network."""

    visitor_id: str
    network: str = ""


class Limits(NamedTuple):
    """How often one visitor and one network may change reservations: rates per minute; 0 is no limit."""

    visitor_rate: int = 0
    visitor_burst: int = 1
    network_rate: int = 0
    network_burst: int = 1


NO_LIMITS = Limits()


class SubmitReply(NamedTuple):
    """The answer to a submission; `detail`: the outcome (known), the ticket type, or the seats.

    For not_on_sale it is TYPE:from:MS before the sale and TYPE:until:MS after it; for limited visitor:MS or
    network:MS, the limit that applied and when to retry; for code_refused unknown, used_up, other (not for
    these tickets), from:MS or until:MS.
    """

    word: str
    detail: str


class Request(NamedTuple):
    """One record of `decide_again`."""

    reservation_id: str
    visitor_id: str
    items: str


class Decision(NamedTuple):
    """held, known: amount|currency|created_ms|expires_ms|items; settled: the outcome.

    seat_taken, companion_alone: the seats; not_on_sale, code_refused: as in `SubmitReply`.
    """

    word: str
    terms: str


class Decisions(NamedTuple):
    """The decisions of one batch, and the epoch and settings they were made under."""

    epoch: int
    event_id: str
    decisions: list[Decision]


class Settlement(NamedTuple):
    """A submission whose outcome is known; a batch is settled as a whole."""

    message_id: str  # of the entry, prefixed with WHOLE for one of `batches`
    reservation_id: str
    fingerprint: str
    instance: str
    outcome: str  # held|amount|currency|created_ms|expires_ms|items, WORD|visitor_id[|seats], or nothing


async def submit(
    redis: RedisClient,
    keys: RoomKeys,
    submissions: Sequence[Submission],
    *,
    event_id: str,
    backlog_max: int,
    limits: Limits = NO_LIMITS,
    as_one: bool = True,
    now_ms: int = REDIS_TIME,
) -> list[SubmitReply]:
    """Submit requests; returns the answers in order.

    Granted ones go to workers in a single entry, or separately if not `as_one`, for workers of release 0.2.0.
    """
    reply = await call(
        redis,
        "submit",
        keys,
        chain.from_iterable(submissions),
        event_id=event_id,
        backlog_max=backlog_max,
        channel=SUBMITTED_CHANNEL + keys.room_id,
        as_one=int(as_one),
        now_ms=now_ms,
        **limits._asdict(),
    )
    if len(reply) == 1:
        reply = [checked_word(reply[0], ROOM_WORDS), ""] * len(submissions)
    return [
        SubmitReply(checked_word(word, SUBMIT_WORDS), detail)
        for word, detail in zip(reply[::2], reply[1::2], strict=True)
    ]


async def count_changes(
    redis: RedisClient,
    keys: RoomKeys,
    changes: Sequence[Change],
    *,
    limits: Limits,
    now_ms: int = REDIS_TIME,
) -> list[SubmitReply]:
    """For each of these changes, in order, return whether it is allowed or limited."""
    reply = await call(
        redis, "count_changes", keys, chain.from_iterable(changes), now_ms=now_ms, **limits._asdict()
    )
    return [
        SubmitReply(checked_word(word, CHANGE_WORDS), detail)
        for word, detail in zip(reply[::2], reply[1::2], strict=True)
    ]


async def decide_again(
    redis: RedisClient, keys: RoomKeys, requests: Iterable[Request], *, now_ms: int = REDIS_TIME
) -> Decisions:
    """Decide submissions that have no valid decision. Raises RoomNotReady without deciding any."""
    reply = ready(await call(redis, "decide_again", keys, chain.from_iterable(requests), now_ms=now_ms))
    decisions = [
        Decision(checked_word(word, DECISION_WORDS), terms)
        for word, terms in zip(reply[2::2], reply[3::2], strict=True)
    ]
    return Decisions(int(reply[0]), reply[1], decisions)


async def settle(redis: RedisClient, keys: RoomKeys, settlements: Iterable[Settlement]) -> int:
    """Publish outcomes and delete their submissions from the stream; returns how many were still in it."""
    records = settle_records(settlements)
    taken: int = await call(redis, "settle", keys, records, group=GROUP, channel=OUTCOME_CHANNEL)
    return taken


def settle_records(settlements: Iterable[Settlement]) -> list[str | int]:
    """The records for `settle`: first what each submission has of its own, then what many share."""
    records: list[str | int] = []
    by_instance: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for message_id, reservation_id, fingerprint, instance, outcome in settlements:
        sizes[message_id] = sizes.get(message_id, 0) + 1
        if outcome:
            records += ("outcome", reservation_id, outcome_entry(fingerprint, outcome))
            if instance:
                by_instance.setdefault(instance, []).append(f"{reservation_id}|{outcome}")
    for instance, lines in by_instance.items():
        records += ("instance", instance, "\n".join(lines))
    for message_id, size in sizes.items():
        entry_id = message_id.removeprefix(WHOLE)
        records += ("single" if entry_id == message_id else "batch", entry_id, size)
    return records


async def take_apart(redis: RedisClient, keys: RoomKeys, entry_ids: Iterable[str]) -> int:
    """Split these batches into one entry per submission; returns how many there were."""
    moved: int = await call(redis, "take_apart", keys, entry_ids, group=GROUP)
    return moved


async def release(
    redis: RedisClient, keys: RoomKeys, reservation_ids: Iterable[str], *, also_sold: bool = True
) -> int:
    """Release everything these reservations hold or bought; returns how many had any. Raises RoomNotReady."""
    reply = ready(
        await call(redis, "release", keys, reservation_ids, channel=CHANGE_CHANNEL, also_sold=int(also_sold))
    )
    return int(reply[1])


async def confirm(
    redis: RedisClient, keys: RoomKeys, reservation_ids: Iterable[str], *, now_ms: int = REDIS_TIME
) -> int:
    """Turn held tickets into sold ones; returns how many were held. Raises RoomNotReady."""
    channels = {"channel": CHANGE_CHANNEL, "ended_channel": ENDED_CHANNEL + keys.room_id}
    reply = ready(await call(redis, "confirm", keys, reservation_ids, now_ms=now_ms, **channels))
    return int(reply[1])


def ready(reply: Any) -> Any:
    """The reply of a script. Raises RoomNotReady if the room is not ready."""
    if reply[0] in ROOM_WORDS:
        raise RoomNotReady(reply[0])
    return reply


replies.check("submit", SubmitReply._fields, part="EACH")
replies.check("count_changes", SubmitReply._fields, part="EACH")
replies.check("decide_again", Decisions._fields[:2])
replies.check("decide_again", Decision._fields, part="EACH")
