"""Converts a site's autopilot settings from form fields to the `autopilot` setting, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.autopilot_settings import Autopilot, PrometheusSource
from app.core.text import typed

ON = "autopilot"
NUMBERS = ("floor", "ceiling", "p95_ms", "in_flight")
QUERIES = PrometheusSource.__struct_fields__
BEGIN = {f"{ON}-p95_ms": "800", f"{ON}-error_rate": "1", f"{ON}-settle_s": "5 s"}


def read(values: dict[str, str], wrong: dict[str, str]) -> dict[str, Any] | None:
    """Read the setting; None if it is off. Errors go into `wrong`, by field."""
    if ON not in values:
        return None
    numbers: dict[str, Any] = {name: _number(values, name, wrong) for name in NUMBERS}
    numbers["error_rate"] = _share(values, wrong)
    numbers["settle_s"] = typed.duration(values.get(f"{ON}-settle_s", ""))
    if numbers["settle_s"] is None:
        wrong[f"{ON}-settle_s"] = "enter a time such as 5 s"
    numbers["paused"] = f"{ON}-paused" in values
    queries = {name: values.get(f"{ON}-prometheus-{name}", "") for name in QUERIES}
    return numbers | {"prometheus": queries if any(queries.values()) else None}


def values_of(setting: Autopilot | None) -> dict[str, str]:
    """The form fields of a setting."""
    if setting is None:
        return dict(BEGIN)
    values = {f"{ON}-{name}": str(getattr(setting, name) or "") for name in NUMBERS}
    values |= {ON: "on", f"{ON}-error_rate": f"{setting.error_rate * 100:g}"}
    values[f"{ON}-settle_s"] = typed.duration_text(setting.settle_s)
    if setting.paused:
        values[f"{ON}-paused"] = "on"
    if setting.prometheus:
        queries = msgspec.structs.asdict(setting.prometheus)
        values |= {f"{ON}-prometheus-{name}": it for name, it in queries.items()}
    return values


def _number(values: dict[str, str], name: str, wrong: dict[str, str]) -> int | None:
    text = values.get(f"{ON}-{name}", "")
    number = typed.whole_number(text.removesuffix("ms").strip() if name == "p95_ms" else text)
    if number is None and (text or name != "in_flight"):
        wrong[f"{ON}-{name}"] = "enter a whole number"
    return number


def _share(values: dict[str, str], wrong: dict[str, str]) -> float | None:
    """Read a percentage as a share of 1."""
    hundredths = typed.amount(values.get(f"{ON}-error_rate", "").removesuffix("%").strip(), 2)
    if hundredths is None:
        wrong[f"{ON}-error_rate"] = "enter a percentage such as 1 or 0.5"
        return None
    return hundredths / 10_000
