"""The cockpit's autopilot panel: its inputs, its last action with the reason, and its settings."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from app.core.autopilot_settings import Autopilot
from app.core.errors import ValidationFailed
from app.core.text import typed
from app.core.text.formatting import number
from app.core.waiting_room.autopilot import Decision
from app.store.redis.origin import Origin

NUMBERS = ("floor", "ceiling", "p95_ms", "in_flight", "settle_s")
REQUIRED = Autopilot(floor=1, ceiling=1)  # for the defaults of the optional fields
PAST = {"up": "raised", "down": "lowered", "hold": "left at"}


class PilotLine(msgspec.Struct, frozen=True):
    """The panel's current texts."""

    state: Literal["on", "paused", "off"]
    target: str
    did: str  # the last change of the rate, and why
    did_ms: int  # 0 if there was none yet


def pilot_line(on: Autopilot | None, origin: Origin) -> PilotLine:
    """Describe the state of the autopilot."""
    moved = origin.course.moved
    return PilotLine(
        state="off" if on is None else "paused" if on.paused else "on",
        target=_target(on) if on else "",
        did=_did(moved) if moved else "",
        did_ms=moved.at_ms if moved else 0,
    )


def pilot_values(on: Autopilot | None, fields: dict[str, str]) -> dict[str, str]:
    """The form's fields: as typed, or as currently set."""
    values = {name: "" for name in NUMBERS}
    for name in NUMBERS if on else ("p95_ms", "settle_s"):
        value = getattr(on or REQUIRED, name)
        values[name] = "" if value is None else str(value)
    values["error_percent"] = f"{100 * (on or REQUIRED).error_rate:g}"
    values["asked"] = "yes" if "ceiling" in fields else ""  # then the form is open
    return values | {name: fields[name] for name in values if name in fields}


def autopilot_from(on: Autopilot | None, form: dict[str, str]) -> dict[str, Any] | None:
    """The setting that the form asks for, as JSON values. Raises ValidationFailed."""
    do, now = form.get("do", ""), msgspec.to_builtins(on) if on else None
    if do == "off":
        return None
    if do in ("pause", "resume") and now is not None:
        return {**now, "paused": do == "pause"}
    if do != "save":
        raise ValidationFailed("do", "must be save, pause, resume or off")
    unchanged = {name: now[name] for name in ("paused", "prometheus")} if now else {}
    numbers = {name: _number(name, form.get(name, "")) for name in NUMBERS}
    share = _percent(form.get("error_percent", ""))
    return {**unchanged, **{name: it for name, it in numbers.items() if it is not None}, "error_rate": share}


def _number(name: str, text: str) -> int | None:
    value = typed.whole_number(text)
    if value is None and (text.strip() or name != "in_flight"):
        raise ValidationFailed(f"autopilot.{name}", "must be a whole number")
    return value


def _percent(text: str) -> float:
    try:
        share = round(float(text.strip().removesuffix("%").replace(",", ".")) / 100, 6)
    except ValueError:
        share = math.nan
    if not math.isfinite(share):
        raise ValidationFailed("autopilot.error_rate", "must be a number of per cent, as 1 or 0.5")
    return share


def _target(on: Autopilot) -> str:
    parts = [f"p95 {number(on.p95_ms)} ms", f"errors {100 * on.error_rate:g}%"]
    if on.in_flight is not None:
        parts.append(f"{number(on.in_flight)} in flight")
    return f"{' · '.join(parts)}; {number(on.floor)} to {number(on.ceiling)} a minute"


def _did(decision: Decision) -> str:
    rates = f"{number(decision.rate_from)} → {number(decision.rate_to)}"
    return f"{PAST[decision.direction]} {rates}: {decision.why}"
