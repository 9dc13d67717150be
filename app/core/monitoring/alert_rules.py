"""The alert rules: one table, each rule a sentence with a threshold and a pure function of the facts.

They mirror `deploy/prometheus/alerts.yaml` as far as the facts are known from inside, for installations
without Prometheus. Left out is what only shows from outside: certificates, replicas, missing web processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args

from app.core.monitoring.alert_facts import Facts, RoomFacts
from app.core.text.formatting import number

Severity = Literal["page", "ticket"]  # wakes somebody up; can wait until the morning
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
CROWD = 100  # people waiting; below that the pace of a queue means nothing
TURNS_MIN, CALLS_MIN = 50, 100  # below that a share means nothing
ABOVE_PLUS = 60  # calls a minute above the rate that are tolerated: a burst is not a fault


class Fault(NamedTuple):
    """A fault, described with figures. `since_ms`: when it started; 0: not known, so now."""

    text: str
    since_ms: int = 0


# Faults by subject (a worker, a store; "" where there is only one). None: not known right now.
Result = Mapping[str, Fault] | None
WELL: Result = {}


class Threshold(NamedTuple):
    """The number in a rule, which staff can change."""

    default: int
    least: int
    most: int
    unit: str


class Rule(NamedTuple):
    """One rule. `condition` in plain words, with {n} for the threshold."""

    name: str
    severity: Severity
    condition: str
    threshold: Threshold | None
    hold_s: int  # how long it must persist before the alert fires
    runbook: str  # the section of docs/runbook.md
    of_room: Callable[[RoomFacts, int], Result] | None = None
    of_all: Callable[[Facts, int], Result] | None = None


def _only(text: str, since_ms: int = 0) -> Result:
    return {"": Fault(text, since_ms)}


def people(count: int) -> str:
    """Format a count: One person, 1,234 people."""
    return "One person" if count == 1 else f"{number(count)} people"


def _no_movement(room: RoomFacts, seconds: int) -> Result:
    if not room.still_since_ms or room.full or room.now_ms - room.still_since_ms < 1000 * seconds:
        return WELL
    waits = "waits" if room.waiting == 1 else "wait"
    return _only(f"{people(room.waiting)} {waits} and nobody is being called.", room.still_since_ms)


def _too_slow(room: RoomFacts, percent: int) -> Result:
    if room.calls_per_minute is None:
        return None
    is_slow = 0 < room.calls_per_minute < room.rate_least * percent / 100
    if room.state != "open" or room.waiting <= CROWD or room.was_full or not is_slow:
        return WELL
    calls, rate = number(round(room.calls_per_minute)), number(room.rate_per_minute)
    return _only(f"{calls} people a minute are called, less than the rate of {rate}, though there is room.")


def _too_fast(room: RoomFacts, percent: int) -> Result:
    if room.calls_per_minute is None:
        return None
    if room.calls_per_minute <= room.rate_most * percent / 100 + ABOVE_PLUS:
        return WELL
    calls, rate = number(round(room.calls_per_minute)), number(room.rate_per_minute)
    return _only(f"{calls} people a minute are called, more than the rate of {rate}.")


def _no_shows(room: RoomFacts, percent: int) -> Result:
    if room.called is None:
        return None
    if room.called <= TURNS_MIN or room.no_shows * 100 <= room.called * percent:
        return WELL
    return _only(
        f"{number(room.no_shows)} of the last {number(room.called)} people who were called did not respond."
    )


def _backlog(room: RoomFacts, most: int) -> Result:
    return _only(f"{number(room.backlog)} reservations wait for a worker.") if room.backlog > most else WELL


def _drift(room: RoomFacts, most: int) -> Result:
    if room.drift is None:
        return None
    if room.drift <= most:
        return WELL
    return _only(f"Free, held and sold tickets differ from the total by {number(room.drift)}.")


def _no_worker(facts: Facts, _: int) -> Result:
    if facts.workers is None:
        return None
    if facts.workers.alive:
        return WELL
    return _only(
        "No worker is running: nobody is called and no tickets are reserved. Nobody loses their place."
    )


def _workers_missing(facts: Facts, _: int) -> Result:
    if facts.workers is None:
        return None
    left = facts.workers.alive
    if not left:  # that is the alert `no_worker`
        return WELL
    runs = "One is still running." if left == 1 else f"{number(left)} are still running."
    return {it: Fault(f"The worker {it} has stopped reporting. {runs}") for it in facts.workers.silent}


def _one_worker_left(facts: Facts, _: int) -> Result:
    if facts.workers is None:
        return None
    if facts.workers.alive != 1 or facts.workers.most_lately < 2:
        return WELL
    most = number(facts.workers.most_lately)
    return _only(f"One worker is left of {most} within the last hour. If it stops, nobody is called.")


def _store_away(facts: Facts, _: int) -> Result:
    return {store: Fault(f"{store} is not responding: {why}") for store, why in facts.stores_away.items()}


def _loop_breaks(facts: Facts, _: int) -> Result:
    if facts.breaking is None:
        return None
    return {it: Fault(f"The task {it} keeps failing.") for it in facts.breaking}


def _set_aside(facts: Facts, most: int) -> Result:
    if facts.set_aside is None:
        return None
    if facts.set_aside <= most:
        return WELL
    what = "One thing" if facts.set_aside == 1 else f"{number(facts.set_aside)} things"
    return _only(f"{what} could not be processed and {'was' if facts.set_aside == 1 else 'were'} set aside.")


def _outbox(facts: Facts, seconds: int) -> Result:
    if facts.outbox_lag_s is None:
        return None
    if facts.outbox_lag_s <= seconds:
        return WELL
    return _only(f"The oldest undelivered event is {number(round(facts.outbox_lag_s))} s old.")


def _deliveries(facts: Facts, most: int) -> Result:
    pending = {"webhooks": facts.webhooks_pending, "e-mails": facts.mails_pending}
    if None in pending.values():
        return None
    return {
        what: Fault(f"{number(count)} {what} wait to be sent.")
        for what, count in pending.items()
        if count is not None and count > most
    }


def _payments(facts: Facts, _: int) -> Result:
    if facts.gateway_open is None:
        return None
    if not facts.gateway_open:
        return WELL
    return _only("The payment gateway is failing; it is tried again every few seconds.")


def _key_old(facts: Facts, days: int) -> Result:
    if facts.key_ages_days is None:
        return None
    return {
        purpose: Fault(f"The key that signs {purpose} tokens is {number(age)} days old.")
        for purpose, age in facts.key_ages_days.items()
        if age > days
    }


def _disk(facts: Facts, percent: int) -> Result:
    if facts.disks_free is None:
        return None
    return {
        folder: Fault(f"{free} % of the disk of {folder} is free.")
        for folder, free in facts.disks_free.items()
        if free < percent
    }


def _memory(facts: Facts, percent: int) -> Result:
    if facts.memory_used is None:
        return None
    return {
        server: Fault(f"{server} has used {used} % of its memory limit.")
        for server, used in facts.memory_used.items()
        if used > percent
    }


def _errors(facts: Facts, percent: int) -> Result:
    if facts.errors_percent is None:
        return None
    if facts.calls < CALLS_MIN or facts.errors_percent <= percent:
        return WELL
    return _only(f"{facts.errors_percent:.0f} % of the calls of the last five minutes failed.")


def _reserve_slow(facts: Facts, ms: int) -> Result:
    if facts.reserve_p99_ms is None or facts.reserve_p99_ms <= ms:
        return WELL
    return _only(f"One in a hundred reservations takes longer than {number(facts.reserve_p99_ms)} ms.")


RULES: tuple[Rule, ...] = (
    Rule("no_movement", "page", "People wait and nobody has been called for {n}",
         Threshold(60, 20, 3600, "s"), 0, "the-queue-stands-still", _no_movement),
    Rule("admission_slow", "ticket",
         "Fewer than {n} of the rate are called, though many wait and there is room",
         Threshold(80, 1, 100, "%"), 300, "admission-is-below-the-rate", _too_slow),
    Rule("admission_fast", "page", "More than {n} of the rate are called",
         Threshold(120, 105, 1000, "%"), 120, "admission-is-above-the-rate", _too_fast),
    Rule("no_shows", "ticket", "More than {n} of those called within ten minutes did not respond",
         Threshold(50, 5, 100, "%"), 300, "many-turns-are-missed", _no_shows),
    Rule("backlog", "page", "More than {n} wait for a worker",
         Threshold(500, 10, 1_000_000, "reservations"), 30, "reservations-pile-up", _backlog),
    Rule("tickets", "page", "Free, held and sold differ from the total by more than {n}",
         Threshold(0, 0, 10_000, "tickets"), 30, "tickets-do-not-add-up", _drift),
    Rule("no_worker", "page", "No worker is running", None, 0, "no-worker-runs", None, _no_worker),
    Rule("worker_gone", "ticket", "A worker stopped without signing off",
         None, 0, "no-worker-runs", None, _workers_missing),
    Rule("one_worker_left", "ticket", "One worker is left of several", None, 120, "no-worker-runs",
         None, _one_worker_left),
    Rule("store_away", "page", "Redis or PostgreSQL is not responding", None, 10, "a-store-is-away",
         None, _store_away),
    Rule("payments", "page", "The payment gateway keeps failing", None, 30, "payments-fail",
         None, _payments),
    Rule("calls_fail", "page", "More than {n} of all calls fail", Threshold(2, 1, 100, "%"), 60, "calls-fail",
         None, _errors),
    Rule("reserve_slow", "page", "One in a hundred reservations takes longer than {n}",
         Threshold(1000, 50, 60_000, "ms"), 120, "calls-are-slow", None, _reserve_slow),
    Rule("disk", "page", "Less than {n} of a disk is free", Threshold(10, 1, 90, "%"), 60, "a-disk-fills-up",
         None, _disk),
    Rule("memory", "page", "More than {n} of the memory Redis may use is full", Threshold(90, 10, 99, "%"),
         60, "a-store-is-away", None, _memory),
    Rule("loop_breaks", "ticket", "A task keeps failing", None, 10, "a-task-breaks-again-and-again",
         None, _loop_breaks),
    Rule("set_aside", "ticket", "More than {n} could not be processed", Threshold(0, 0, 10_000, "things"), 10,
         "work-was-set-aside", None, _set_aside),
    Rule("events_late", "ticket", "An event for other systems waits for more than {n}",
         Threshold(30, 5, 86_400, "s"), 60, "webhooks-or-e-mails-pile-up", None, _outbox),
    Rule("deliveries", "ticket", "More than {n} wait to be sent",
         Threshold(1000, 10, 1_000_000, "webhooks or e-mails"), 600, "webhooks-or-e-mails-pile-up",
         None, _deliveries),
    Rule("key_old", "ticket", "A signing key is older than {n}", Threshold(180, 1, 3650, "days"), 0,
         "a-key-is-old", None, _key_old),
)  # fmt: skip
BY_NAME: dict[str, Rule] = {it.name: it for it in RULES}
