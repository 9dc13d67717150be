"""Which alerts start and end: a pure function of the current facts and of the state before.

A rule fires once its condition has held for `hold_s`. An alert ends when the condition has been false for
ten seconds. A condition that is unknown at the moment, because a store is unavailable, starts and ends
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from app.core.errors import ValidationFailed
from app.core.monitoring.alert_facts import Facts, RoomFacts
from app.core.monitoring.alert_rules import BY_NAME, RULES, Fault, Result, Rule, Severity

ENDS_AFTER_MS = 10_000
TEXT_MAX = 500
SUBJECT_MAX = 200


class Key(NamedTuple):
    """The subject of an alert; at most one alert is open for each. `room_id` "": the installation."""

    rule: str
    room_id: str = ""
    subject: str = ""


class Setting(NamedTuple):
    """A rule's setting by staff. `threshold` None: the built-in default."""

    enabled: bool = True
    threshold: int | None = None


Settings = Mapping[tuple[str, str], Setting]  # by room_id ("": all) and rule


class Firing(NamedTuple):
    """An alert that starts."""

    key: Key
    severity: Severity
    text: str
    since_ms: int


class Memory(NamedTuple):
    """The state before: since when each fault has been present, and since when the cause of an open alert
    is gone."""

    wrong: Mapping[Key, int] = {}
    well: Mapping[Key, int] = {}


class Verdict(NamedTuple):
    """The result of judging the facts."""

    started: list[Firing]
    ended: list[Key]
    texts: dict[Key, str]  # of alerts that stay open
    memory: Memory


class Limit(NamedTuple):
    """A rule as it is set for a room, or for the whole installation."""

    enabled: bool
    threshold: int
    own: bool  # it was changed at this level, not inherited


def limit_of(settings: Settings, rule: Rule, room_id: str = "") -> Limit:
    """How a rule is set: for this room, else for all rooms, else the built-in default."""
    own = settings.get((room_id, rule.name))
    setting = own or settings.get(("", rule.name)) or Setting()
    default = rule.threshold.default if rule.threshold else 0
    return Limit(
        setting.enabled, default if setting.threshold is None else setting.threshold, own is not None
    )


def check(rule_name: str, threshold: int | None, *, of_room: bool) -> Rule:
    """Return the rule if it accepts this setting. Raises ValidationFailed."""
    rule = BY_NAME.get(rule_name)
    if rule is None:
        raise ValidationFailed("rule", "is not a rule")
    if of_room and rule.of_room is None:
        raise ValidationFailed("rule", "concerns the whole installation; set it for all sales")
    if threshold is not None:
        if rule.threshold is None:
            raise ValidationFailed("threshold", "this rule has no threshold")
        _, least, most, _ = rule.threshold
        if not least <= threshold <= most:
            raise ValidationFailed("threshold", f"must be from {least:,} to {most:,}")
    return rule


def judge(facts: Facts, settings: Settings, memory: Memory, opened: Iterable[Key]) -> Verdict:
    """Decide which alerts start and which end. `opened`: the alerts that have not ended."""
    faults: dict[Key, Fault] = {}
    unknown: set[tuple[str, str]] = set()  # rule and room
    for rule, room_id, result in _results(facts, settings):
        if result is None:
            unknown.add((rule.name, room_id))
        else:
            faults |= {Key(rule.name, room_id, it[:SUBJECT_MAX]): what for it, what in result.items()}
    opened = set(opened)
    wrong = {
        it: memory.wrong.get(it, min(what.since_ms or facts.now_ms, facts.now_ms))
        for it, what in faults.items()
    }
    kept_open = {it: since for it, since in memory.wrong.items() if _is_unknown(it, facts, unknown)}
    well = {
        it: memory.well.get(it, facts.now_ms)
        for it in opened - faults.keys()
        if not _is_unknown(it, facts, unknown)
    }
    ended = [
        it for it, since in well.items() if facts.now_ms - since >= ENDS_AFTER_MS or _is_off(it, settings)
    ]
    started = [
        Firing(it, BY_NAME[it.rule].severity, what.text[:TEXT_MAX], wrong[it])
        for it, what in faults.items()
        if it not in opened and facts.now_ms - wrong[it] >= 1000 * BY_NAME[it.rule].hold_s
    ]
    texts = {it: faults[it].text[:TEXT_MAX] for it in opened & faults.keys()}
    return Verdict(started, ended, texts, Memory(kept_open | wrong, well))


def _results(facts: Facts, settings: Settings) -> Iterator[tuple[Rule, str, Result]]:
    for rule in RULES:
        if rule.of_all is not None:
            limit = limit_of(settings, rule)
            if limit.enabled:
                yield rule, "", rule.of_all(facts, limit.threshold)
        for room in facts.rooms or () if rule.of_room is not None else ():
            yield from _of_room(rule, room, settings)


def _of_room(rule: Rule, room: RoomFacts, settings: Settings) -> Iterator[tuple[Rule, str, Result]]:
    assert rule.of_room is not None
    limit = limit_of(settings, rule, room.room_id)
    if limit.enabled:
        yield rule, room.room_id, rule.of_room(room, limit.threshold)


def _is_unknown(key: Key, facts: Facts, unknown: set[tuple[str, str]]) -> bool:
    return (key.rule, key.room_id) in unknown or (key.room_id != "" and facts.rooms is None)


def _is_off(key: Key, settings: Settings) -> bool:
    rule = BY_NAME.get(key.rule)
    return rule is None or not limit_of(settings, rule, key.room_id).enabled
