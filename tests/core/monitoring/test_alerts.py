"""Alert rules as a table, and when alerts start and end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.core.errors import ValidationFailed
from app.core.monitoring.alert_facts import Facts, Reading, RoomFacts, Workers, trend, with_reading
from app.core.monitoring.alert_rules import BY_NAME, RULES, SEVERITIES
from app.core.monitoring.alerts import ENDS_AFTER_MS, Firing, Key, Memory, Setting, check, judge
from app.core.monitoring.pulse import BEAT_S, FRESH_MS, LATELY_S, LOOK_S, SILENT_S, Pulse

NOW = 1_800_000_000_000
ROOM = RoomFacts(
    room_id="gala",
    name="Gala",
    now_ms=NOW,
    state="open",
    waiting=1_200,
    rate_per_minute=100,
    full=False,
    still_since_ms=0,
    backlog=0,
    drift=0,
    calls_per_minute=100.0,
    rate_least=100,
    rate_most=100,
    was_full=False,
    called=200,
    no_shows=10,
)
WELL = Facts(
    now_ms=NOW,
    workers=Workers(alive=2, most_lately=2),
    rooms=(ROOM,),
    breaking=(),
    set_aside=0,
    outbox_lag_s=0.1,
    webhooks_pending=0,
    mails_pending=0,
    gateway_open=False,
    key_ages_days={"booking": 10},
    disks_free={"/data": 60},
    memory_used={"Valkey": 20},
    errors_percent=0.0,
    calls=5_000,
    reserve_p99_ms=20,
)
UNKNOWN = Facts(now_ms=NOW)
STILL = {"still_since_ms": NOW - 61_000}

# What differs from a healthy room, and the expected alert text ("" means no alert).
OF_ROOMS: list[tuple[str, dict[str, Any], str]] = [
    ("no_movement", STILL, "1,200 people wait and nobody is being called."),
    ("no_movement", {**STILL, "waiting": 1}, "One person waits and nobody is being called."),
    ("no_movement", {"still_since_ms": NOW - 59_000}, ""),
    ("no_movement", {**STILL, "full": True}, ""),
    (
        "admission_slow",
        {"calls_per_minute": 70.0},
        "70 people a minute are called, less than the rate of 100",
    ),
    ("admission_slow", {"calls_per_minute": 81.0}, ""),
    ("admission_slow", {"calls_per_minute": 0.0}, ""),  # covered by another rule
    ("admission_slow", {"calls_per_minute": 70.0, "was_full": True}, ""),
    ("admission_slow", {"calls_per_minute": 70.0, "waiting": 100}, ""),
    ("admission_slow", {"calls_per_minute": 70.0, "rate_least": 80}, ""),  # the rate was raised a moment ago
    ("admission_slow", {"calls_per_minute": 70.0, "state": "paused"}, ""),
    (
        "admission_fast",
        {"calls_per_minute": 181.0},
        "181 people a minute are called, more than the rate of 100",
    ),
    ("admission_fast", {"calls_per_minute": 179.0}, ""),
    ("admission_fast", {"calls_per_minute": 181.0, "rate_most": 200}, ""),  # it was just lowered
    ("no_shows", {"no_shows": 101}, "101 of the last 200 people who were called did not respond."),
    ("no_shows", {"no_shows": 100}, ""),
    ("no_shows", {"called": 50, "no_shows": 50}, ""),
    ("backlog", {"backlog": 501}, "501 reservations wait for a worker."),
    ("backlog", {"backlog": 500}, ""),
    ("tickets", {"drift": 3}, "Free, held and sold tickets differ from the total by 3."),
    ("tickets", {"drift": 0}, ""),
]
# The same for the installation, by subject.
OF_ALL: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("no_worker", {"workers": Workers(alive=0, silent=("w-1",))}, {"": "No worker is running"}),
    ("no_worker", {}, {}),
    ("worker_gone", {"workers": Workers(alive=1, silent=("w-2",))},
     {"w-2": "The worker w-2 has stopped reporting. One is still running."}),
    ("worker_gone", {"workers": Workers(alive=0, silent=("w-2",))}, {}),
    ("worker_gone", {}, {}),
    ("one_worker_left", {"workers": Workers(alive=1, most_lately=3)}, {"": "One worker is left of 3"}),
    ("one_worker_left", {"workers": Workers(alive=1, most_lately=1)}, {}),
    ("store_away", {"stores_away": {"Redis": "no answer within 1 s"}}, {"Redis": "Redis is not responding"}),
    ("store_away", {}, {}),
    ("payments", {"gateway_open": True}, {"": "The payment gateway is failing"}),
    ("payments", {}, {}),
    ("calls_fail", {"errors_percent": 3.4}, {"": "3 % of the calls of the last five minutes failed."}),
    ("calls_fail", {"errors_percent": 100.0, "calls": 99}, {}),
    ("calls_fail", {"errors_percent": 2.0}, {}),
    ("reserve_slow", {"reserve_p99_ms": 1_001}, {"": "takes longer than 1,001 ms"}),
    ("reserve_slow", {"reserve_p99_ms": 1_000}, {}),
    ("reserve_slow", {"reserve_p99_ms": None}, {}),  # nobody is reserving
    ("disk", {"disks_free": {"/data": 9}}, {"/data": "9 % of the disk of /data is free."}),
    ("disk", {"disks_free": {"/data": 10}}, {}),
    ("memory", {"memory_used": {"Valkey": 91}}, {"Valkey": "Valkey has used 91 %"}),
    ("memory", {"memory_used": {"Valkey": 90}}, {}),
    ("loop_breaks", {"breaking": ("admit_rooms",)}, {"admit_rooms": "The task admit_rooms keeps failing"}),
    ("loop_breaks", {}, {}),
    ("set_aside", {"set_aside": 1}, {"": "One thing could not be processed and was set aside."}),
    ("set_aside", {"set_aside": 0}, {}),
    ("events_late", {"outbox_lag_s": 31.0}, {"": "is 31 s old"}),
    ("events_late", {"outbox_lag_s": 30.0}, {}),
    ("deliveries", {"webhooks_pending": 1_001, "mails_pending": 2_000},
     {"webhooks": "1,001 webhooks wait", "e-mails": "2,000 e-mails wait"}),
    ("deliveries", {"webhooks_pending": 1_000}, {}),
    ("key_old", {"key_ages_days": {"booking": 181, "access": 3}}, {"booking": "booking tokens is 181 days"}),
    ("key_old", {"key_ages_days": {"booking": 180}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "changed", "says"), OF_ROOMS)
def test_what_is_wrong_with_a_room(rule: str, changed: dict[str, Any], says: str) -> None:
    it = BY_NAME[rule]
    assert it.of_room is not None
    assert it.threshold is not None
    found = it.of_room(msgspec.structs.replace(ROOM, **changed), it.threshold.default)
    assert found is not None
    assert bool(found) == bool(says)
    assert says in found[""].text if says else not found


@pytest.mark.parametrize(("rule", "changed", "says"), OF_ALL)
def test_what_is_wrong_with_an_installation(rule: str, changed: dict[str, Any], says: dict[str, str]) -> None:
    it = BY_NAME[rule]
    assert it.of_all is not None
    found = it.of_all(msgspec.structs.replace(WELL, **changed), it.threshold.default if it.threshold else 0)
    assert found is not None
    assert found.keys() == says.keys()
    assert all(text in found[subject].text for subject, text in says.items())


def test_every_rule_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [(rule, bool(says)) for rule, _, says in (*OF_ROOMS, *OF_ALL)]
    for rule in RULES:
        assert {fires for name, fires in cases if name == rule.name} == {True, False}, rule.name
        assert (rule.of_room is None) != (rule.of_all is None)
        assert rule.severity in SEVERITIES
        assert ("{n}" in rule.condition) == (rule.threshold is not None)
        if rule.threshold:
            assert rule.threshold.least <= rule.threshold.default <= rule.threshold.most


def test_where_all_is_well_nothing_starts_and_what_is_not_known_starts_and_ends_nothing() -> None:
    assert judge(WELL, {}, Memory(), ()).started == []
    opened = [Key("no_worker"), Key("payments"), Key("no_movement", "gala"), Key("deliveries", "", "e-mails")]
    verdict = judge(UNKNOWN, {}, Memory(), opened)
    assert (verdict.started, verdict.ended) == ([], [])
    later = judge(
        msgspec.structs.replace(UNKNOWN, now_ms=NOW + 10 * ENDS_AFTER_MS), {}, verdict.memory, opened
    )
    assert later.ended == []


def test_an_alert_starts_after_its_time_and_ends_once_it_was_well_for_a_while() -> None:
    key, slow = Key("backlog", "gala"), msgspec.structs.replace(ROOM, backlog=900)

    def at(
        after_s: int, room: RoomFacts, memory: Memory, *opened: Key
    ) -> tuple[list[Firing], list[Key], Memory]:
        facts = msgspec.structs.replace(WELL, now_ms=NOW + 1000 * after_s, rooms=(room,))
        verdict = judge(facts, {}, memory, opened)
        return verdict.started, verdict.ended, verdict.memory

    started, _, memory = at(0, slow, Memory())
    assert started == []
    started, _, memory = at(29, slow, memory)
    assert started == []
    started, _, memory = at(30, slow, memory)
    assert started == [Firing(key, "page", "900 reservations wait for a worker.", NOW)]
    started, ended, memory = at(32, slow, memory, key)
    assert (started, ended) == ([], [])
    _, ended, memory = at(34, ROOM, memory, key)
    assert ended == []
    _, ended, _ = at(43, slow, memory, key)  # only briefly healthy
    assert ended == []
    _, ended, memory = at(44, ROOM, memory, key)
    assert ended == [key]
    assert at(0, slow, Memory())[2].wrong[key] == NOW


def test_a_standstill_began_before_it_was_noticed() -> None:
    room = msgspec.structs.replace(ROOM, still_since_ms=NOW - 75_000)
    [found] = judge(msgspec.structs.replace(WELL, rooms=(room,)), {}, Memory(), ()).started
    assert (found.key, found.since_ms) == (Key("no_movement", "gala"), NOW - 75_000)


def test_thresholds_hold_for_all_or_for_one_room() -> None:
    other = msgspec.structs.replace(ROOM, room_id="hall", still_since_ms=NOW - 75_000)
    both = msgspec.structs.replace(
        WELL, rooms=(msgspec.structs.replace(ROOM, still_since_ms=NOW - 75_000), other)
    )

    def rooms(settings: dict[tuple[str, str], Setting]) -> list[str]:
        return [it.key.room_id for it in judge(both, settings, Memory(), ()).started]

    assert rooms({}) == ["gala", "hall"]
    assert rooms({("", "no_movement"): Setting(threshold=90)}) == []
    assert rooms({("gala", "no_movement"): Setting(threshold=90)}) == ["hall"]
    assert rooms({("", "no_movement"): Setting(threshold=90), ("gala", "no_movement"): Setting()}) == ["gala"]
    assert rooms({("", "no_movement"): Setting(enabled=False)}) == []
    verdict = judge(
        both, {("", "no_movement"): Setting(enabled=False)}, Memory(), [Key("no_movement", "gala")]
    )
    assert verdict.ended == [Key("no_movement", "gala")]  # ends immediately
    assert judge(both, {}, Memory(), [Key("of another release")]).ended == [Key("of another release")]


@pytest.mark.parametrize(
    ("rule", "threshold", "of_room", "field"),
    [
        ("nothing", 1, False, "rule"),
        ("disk", 5, True, "rule"),
        ("no_worker", 5, False, "threshold"),
        ("no_movement", 19, True, "threshold"),
        ("no_movement", 3_601, False, "threshold"),
    ],
)
def test_a_rule_cannot_be_set_to_anything(rule: str, threshold: int, of_room: bool, field: str) -> None:
    with pytest.raises(ValidationFailed, match=f"^{field}: "):
        check(rule, threshold, of_room=of_room)


def test_trends_reach_as_far_back_as_the_readings() -> None:
    readings: tuple[Reading, ...] = ()
    for second in range(0, 700, 2):
        rate = 100 if second < 600 else 50
        readings = with_reading(
            readings, Reading(NOW + 1000 * second, second, second // 4, rate, second == 400)
        )
        if second == 118:
            assert trend(readings).calls_per_minute is None
    found = trend(readings)
    assert found.calls_per_minute == pytest.approx(60.0, abs=1.5)
    assert (found.rate_least, found.rate_most, found.was_full) == (50, 100, False)
    assert found.called == pytest.approx(600, abs=4)
    assert found.no_shows == pytest.approx(150, abs=2)
    assert len(readings) < 340
    lost = with_reading(readings, Reading(NOW + 701_000, 0, 0, 50, False))
    assert len(lost) == 1  # Redis was lost, so its counters restart


def test_a_dead_worker_is_seen_on_every_page_within_five_seconds() -> None:
    """The last beat may be noticed one look late, and the silence another; the stream reports it at once."""
    assert LOOK_S + SILENT_S + LOOK_S <= 4.0  # plus a second to reach the browser
    assert SILENT_S > 2 * BEAT_S + LOOK_S  # while two missed beats in a row are tolerated


def test_the_pulse_goes_by_changes_and_not_by_other_machines_clocks() -> None:
    pulse, skew_ms = Pulse(), -FRESH_MS + 1_000  # the worker's clock is nine seconds behind
    assert pulse.observe({"w-1": NOW + skew_ms, "w-2": NOW}, 0.0, NOW).alive == 2
    for second in range(1, 10):
        found = pulse.observe({"w-1": NOW + skew_ms + 1000 * second, "w-2": NOW}, float(second), NOW)
        assert found.silent == (() if second < SILENT_S else ("w-2",))
    assert (found.alive, found.most_lately) == (1, 2)
    assert pulse.observe({"w-1": NOW + 1}, 10.0, NOW) == Workers(alive=1, most_lately=2)
    assert pulse.observe({}, 11.0, NOW).alive == 0
    assert pulse.observe({}, LATELY_S + 20.0, NOW).most_lately == 0
    assert Pulse().observe({"old": NOW - 2 * FRESH_MS}, 0.0, NOW).silent == (
        "old",
    )  # long dead when first seen
