"""A snapshot of a room: the state of the model and of the engine, in the same words."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from app.core.lanes import LANE_BAND
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from tests.simulation.model import RoomModel

METER = (
    "level tick_ms serving_position last_number numbers_reserved draw_next draw_last admitted sure_ms".split()
)
NUMBERS = "level tick_ms serving last reserved draw_next draw_last admitted restored_serving sure_ms".split()
SETS = ("prequeue", "waiting", "called", "active")

# Reads everything about a room in one round trip and at one moment. `KEYS` and whole hashes are fine in a
# room of ten.
READ_ROOM = """
local conf = redis.call('HMGET', KEYS[1], 'state', 'restored_serving', 'method')
table.insert(conf, redis.call('HGET', KEYS[2], 'lane_serving') or '')
table.insert(conf, redis.call('HGET', KEYS[1], 'restored_lanes') or '')
table.insert(conf, redis.call('HGET', KEYS[2], 'lane_credit') or '')
local reply = {conf, redis.call('HMGET', KEYS[2], unpack(ARGV))}
for i = 3, 6 do reply[i] = redis.call('ZRANGE', KEYS[i], 0, -1, 'WITHSCORES') end
reply[7] = redis.call('HGETALL', KEYS[7])
reply[8] = redis.call('HGETALL', KEYS[8])
reply[9] = redis.call('ZRANGE', KEYS[9], 0, -1, 'WITHSCORES')
reply[10] = redis.call('SMEMBERS', KEYS[10])
reply[11] = redis.call('SMEMBERS', KEYS[11])
reply[12] = redis.call('HMGET', KEYS[12], 'free', 'held', 'total')
reply[13] = redis.call('HGETALL', KEYS[13])
reply[14] = redis.call('HGETALL', KEYS[14])
reply[15] = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if redis.call('PTTL', key) == -1 then table.insert(reply[15], key) end
end
return reply
"""
KEYS = ("conf", "meter", *SETS, *"turns endings ended removed buyers stock wanted networks".split())


@dataclass(frozen=True)
class View:
    """A room at one moment. Endings exclude those of visitors who have returned or were removed."""

    state: str
    level: int
    tick_ms: int
    serving: int
    last: int
    reserved: int
    draw_next: int
    draw_last: int
    admitted: int
    restored_serving: int
    lane_serving: Mapping[int, int]
    lane_restored: Mapping[int, int]
    lane_credit: str  # not compared
    sure_ms: int
    prequeue: Mapping[str, int]
    waiting: Mapping[str, int]
    called: Mapping[str, int]
    active: Mapping[str, int]
    turns: Mapping[str, int]
    endings: Mapping[str, tuple[str, int]]
    removed: frozenset[str]
    buyers: frozenset[str]
    wants: Mapping[str, int]
    wanted_inside: int
    noted: Mapping[str, str]
    unclaimed: Mapping[str, int]
    lapsed: frozenset[str]  # visitors waiting again after they let a turn lapse
    tickets: tuple[int, ...] | None  # free, held, total

    def differences(self, other: View) -> list[str]:
        """The differences, field by field."""
        return [
            f"{it.name}: model {getattr(self, it.name)}, engine {getattr(other, it.name)}"
            for it in fields(self)
            if it.name != "lane_credit" and getattr(self, it.name) != getattr(other, it.name)
        ]


def of_model(model: RoomModel) -> View:
    """The view of the model."""
    return View(
        state=model.shown,
        level=model.level,
        tick_ms=model.tick_ms,
        serving=model.serving,
        last=model.last,
        reserved=model.reserved,
        draw_next=model.draw_next,
        draw_last=model.draw_last,
        admitted=model.admitted,
        restored_serving=model.restored_serving,
        lane_serving=dict(model.lanes.serving),
        lane_restored=dict(model.lanes.restored),
        lane_credit="",
        sure_ms=model.sure_ms,
        prequeue=dict(model.prequeue),
        waiting=dict(model.waiting),
        called=dict(model.called),
        active=dict(model.active),
        turns=dict(model.turns),
        endings=_visible(model.endings, model.prequeue, model.waiting, model.turns, model.removed),
        removed=frozenset(model.removed),
        buyers=frozenset(model.buyers),
        wants=dict(model.wants),
        wanted_inside=sum(model.wants.get(it, 1) - 1 for it in model.active),
        noted=dict(model.noted),
        unclaimed=model.unclaimed,
        lapsed=_lapsed(model.endings, model.prequeue, model.waiting),
        tickets=model.tickets,
    )


def adopt(model: RoomModel, view: View) -> None:
    """Make the model match this view."""
    model.state = "open" if view.state == "sold_out" else view.state
    model.opened = model.opened or model.state in ("open", "paused")
    for name in NUMBERS:
        setattr(model, name, getattr(view, name))
    for name in ("prequeue", "waiting", "called", "active", "turns", "endings", "wants"):
        setattr(model, name, dict(getattr(view, name)))
    model.noted = dict(view.noted)
    model.lanes.serving, model.lanes.restored = dict(view.lane_serving), dict(view.lane_restored)
    model.lanes.adopt(view.lane_credit)
    model.endings.update(dict.fromkeys(view.lapsed, ("no_show", view.tick_ms)))
    model.removed, model.buyers, model.tickets = set(view.removed), set(view.buyers), view.tickets


async def of_engine(redis: RedisClient, keys: RoomKeys) -> tuple[View, frozenset[str]]:
    """The view of the engine, and the keys that carry no TTL."""
    client: Any = redis  # redis-py types EVAL for its sync and async clients at once
    reply = await client.eval(READ_ROOM, len(KEYS), *(getattr(keys, key) for key in KEYS), *METER)
    (state, restored, method, *lanes), values, *_ = reply
    prequeue, waiting, called, active, turns, endings, ended, removed, buyers = reply[2:11]
    meter = {name: int(value or 0) for name, value in zip(METER, values, strict=True)}
    numbers, at, wants = _scores(turns), _scores(ended), _scores(reply[12])
    in_queue = _entrants(prequeue, method), _numbers(waiting)
    ended_before = {visitor: (word.partition("|")[0], at[visitor]) for visitor, word in _pairs(endings)}
    tickets = tuple(int(count) for count in reply[11] if count is not None)
    wanted_inside, networks = wants.pop(":inside", 0), dict(_pairs(reply[13]))
    return View(
        state=_shown(state, tickets),
        level=meter["level"],
        tick_ms=meter["tick_ms"],
        serving=meter["serving_position"],
        last=meter["last_number"],
        reserved=meter["numbers_reserved"],
        draw_next=meter["draw_next"],
        draw_last=meter["draw_last"],
        admitted=meter["admitted"],
        restored_serving=int(restored),
        **_lanes(*lanes),
        sure_ms=meter["sure_ms"],
        prequeue=in_queue[0],
        waiting=in_queue[1],
        called=_scores(called),
        active=_scores(active),
        turns=numbers,
        endings=_visible(ended_before, *in_queue, numbers, removed),
        removed=frozenset(removed),
        buyers=frozenset(buyers),
        wants=wants,
        wanted_inside=wanted_inside,
        noted={it: network for it, network in networks.items() if not it.startswith(":")},
        unclaimed={it[1:]: int(count) for it, count in networks.items() if it.startswith(":")},
        lapsed=_lapsed(ended_before, *in_queue),
        tickets=tickets or None,
    ), frozenset(reply[14])


def _visible(endings: Mapping[str, tuple[str, int]], *places: Container[str]) -> dict[str, tuple[str, int]]:
    return {who: ending for who, ending in endings.items() if not any(who in place for place in places)}


def _lapsed(endings: Mapping[str, tuple[str, int]], *queues: Container[str]) -> frozenset[str]:
    waits = {who for who in endings if any(who in queue for queue in queues)}
    return frozenset(who for who in waits if endings[who][0] == "no_show")


def _pairs(flat: list[str]) -> Iterator[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _shown(state: str, tickets: tuple[int, ...]) -> str:
    sold_out = tickets[:2] == (0, 0) and tickets[2] > 0
    return "sold_out" if state == "open" and sold_out else state


def _lanes(serving: str, restored: str, credit: str) -> dict[str, Any]:
    by_lane = [
        {at: int(it) for at, it in enumerate(text.split()) if at and int(it)} for text in (serving, restored)
    ]
    return {"lane_serving": by_lane[0], "lane_restored": by_lane[1], "lane_credit": credit}


def _entrants(flat: list[str], method: str) -> dict[str, int]:
    return _scores(flat) if method == "lottery" else _numbers(flat)


def _numbers(flat: list[str]) -> dict[str, int]:
    """Queue numbers: each lane has a band of scores."""
    return {member: int(score) % LANE_BAND for member, score in _pairs(flat)}


def _scores(flat: list[str]) -> dict[str, int]:
    return {member: int(score) for member, score in _pairs(flat)}
