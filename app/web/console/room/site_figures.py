"""What the cockpit of a site shows besides its queue: gate requests, the site's health, the autopilot."""

from __future__ import annotations

import msgspec

from app.core.clock import to_ms
from app.core.model import Room
from app.core.text import formatting
from app.core.waiting_room.autopilot import Health
from app.gate.counts import GateFigures
from app.store.redis.origin import Origin


class GateLine(msgspec.Struct, frozen=True):
    """Results of requests at a site's gate since its room was created or reset."""

    requests: int
    passed: int  # with a valid pass
    let_in: int  # with a new pass: no queue, called, or back with a hand-over ticket
    queued: int
    bypassed: int
    refused: int
    by_rule: list[int]  # in the order of the room's rules
    by_other: int  # without a current rule: gate off or failing open, crawlers, former rules
    last_ms: int  # 0 if there was no request yet


class OriginLine(msgspec.Struct, frozen=True):
    """The site's last reported health, and how the autopilot interprets it, in words."""

    p95: str
    errors: str
    in_flight: str
    pilot: str
    trouble: str  # why Prometheus could not be queried


def gate_line(figures: GateFigures) -> GateLine:
    """Convert the counts for the cockpit."""
    by_other = figures.by_former_rules + sum(figures.by_setting.values())
    return GateLine(
        requests=figures.requests,
        passed=figures.passed + figures.renewed,
        let_in=figures.no_crowd + figures.by_turn + figures.by_ticket,
        queued=sum(figures.queued.values()),
        bypassed=sum(figures.by_rule) + by_other,
        refused=sum(figures.refused.values()),
        by_rule=figures.by_rule,
        by_other=by_other,
        last_ms=to_ms(figures.last_at) if figures.last_at else 0,
    )


def origin_line(room: Room, origin: Origin, health: Health | None) -> OriginLine | None:
    """Describe the health; None if nothing is known and no autopilot depends on it."""
    setting, last = room.settings.autopilot, origin.course.last
    if setting is None and health is None:
        return None
    if setting is None:
        pilot = "The rate is set by hand."
    elif setting.paused:
        pilot = "Paused: the rate is set by hand."
    else:
        floor, ceiling = map(formatting.number, (setting.floor, setting.ceiling))
        why = _sentence(last.why) if last else "Waiting for the first report."
        pilot = f"Between {floor} and {ceiling} a minute. {why}"
    if health is None:
        return OriginLine("unknown", "unknown", "unknown", pilot, origin.trouble)
    in_flight = "unknown" if health.in_flight is None else formatting.number(health.in_flight)
    p95 = f"{formatting.number(round(health.p95_ms))} ms"
    return OriginLine(p95, f"{health.error_rate * 100:.2g} %", in_flight, pilot, origin.trouble)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
