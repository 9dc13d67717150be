"""The settings form of a site's room: from its fields to a change of settings, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.core.errors import ValidationFailed
from app.core.model import BypassRule, RoomSettings
from app.core.text import typed
from app.web.console.room import autopilot_form

TEXTS = ("name", "target_url", "gate_mode", "gate_fail")
NUMBERS = ("admission_rate_per_minute", "active_visitors_max")
TIMES = ("session_ttl_s", "session_max_s", "claim_window_s")
BOXES = (
    "session_renews",
    "pass_ip_bound",
    "public",
    "verified_crawlers",
    "json_response_enabled",
    "visitor_events",
)
MAY_BE_NONE = ("active_visitors_max", "session_max_s")
RULE = BypassRule.__struct_fields__
RULES_MAX = 50
BLANK_ROWS = 2


@dataclass
class GateForm:
    """The fields as typed, the settings they result in, and errors by field."""

    values: dict[str, str]
    patch: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def rows(self) -> int:
        """How many rows of rules to show: the existing ones, and some blank ones."""
        used = sum(1 for i in range(RULES_MAX) if any(self.values.get(f"bypass-{i}-{it}") for it in RULE))
        return min(RULES_MAX, used + BLANK_ROWS)

    def add_refusal(self, refusal: ValidationFailed) -> None:
        """Add the errors of a refused change to their fields."""
        for problem in refusal.members["errors"]:
            name = problem["field"].replace("[", "-").replace("]", "").replace(".", "-")
            self.wrong["allowed_return_hosts" if name.startswith("allowed_return_hosts") else name] = problem[
                "message"
            ]


def read(sent: Mapping[str, str]) -> GateForm:
    """Parse the submitted form."""
    form = GateForm({name: it.strip() for name, it in sent.items()})
    values = form.values
    form.patch |= {name: values.get(name, "") for name in TEXTS}
    form.patch |= {name: _number(form, name) for name in NUMBERS if name in values}
    form.patch["autopilot"] = autopilot_form.read(values, form.wrong)
    form.patch |= {name: _time(form, name) for name in TIMES}
    form.patch |= {name: name in values for name in BOXES}
    form.patch["allowed_return_hosts"] = values.get("allowed_return_hosts", "").replace(",", " ").split()
    form.patch["bypass"] = _rules(values)
    return form


def form_of(settings: RoomSettings) -> GateForm:
    """Fill in the form from the current settings."""
    values = {name: str(getattr(settings, name)) for name in TEXTS}
    for name in (*NUMBERS, *TIMES):
        value = getattr(settings, name)
        text = typed.duration_text(value) if name in TIMES and value is not None else value
        values[name] = "" if value is None else str(text)
    values |= {name: "on" for name in BOXES if getattr(settings, name)}
    values |= autopilot_form.values_of(settings.autopilot)
    values["allowed_return_hosts"] = "\n".join(settings.allowed_return_hosts)
    for i, rule in enumerate(settings.bypass):
        values |= {f"bypass-{i}-{name}": getattr(rule, name) for name in RULE}
    return GateForm(values)


def is_steered(settings: RoomSettings) -> bool:
    """Whether the autopilot controls the rate."""
    return settings.autopilot is not None and not settings.autopilot.paused


def fingerprint(settings: RoomSettings) -> str:
    """Fingerprint of the settings that the form shows, to detect changes by somebody else.

    It leaves the rate out while the autopilot controls it.
    """
    if is_steered(settings):
        settings = msgspec.structs.replace(settings, admission_rate_per_minute=0)
    return hashlib.blake2b(msgspec.json.encode(settings), digest_size=12).hexdigest()


def rule_words(rule: BypassRule) -> str:
    """Describe a rule: path begins with /healthz, method GET."""
    labels = {
        "path_prefix": "path begins with",
        "path_regex": "path matches",
        "method": "method",
        "cidr": "network",
        "cookie": "has the cookie",
        "user_agent_contains": "user agent contains",
    }
    parts = {name: it for name, it in msgspec.structs.asdict(rule).items() if it}
    if header := parts.pop("header", ""):
        parts["header"] = f"{header}: {parts.pop('value', '')}"
        labels["header"] = "header"
    return ", ".join(f"{labels[name]} {it}" for name, it in parts.items())


def _rules(values: dict[str, str]) -> list[dict[str, str]]:
    """The rules that are not blank, moved up, so that row i is rule i."""
    rules = []
    for i in range(RULES_MAX):
        row = {name: values.pop(f"bypass-{i}-{name}", "") for name in RULE}
        if any(row.values()):
            row["method"] = row["method"].upper()
            rules.append(row)
    for i, row in enumerate(rules):
        values.update({f"bypass-{i}-{name}": it for name, it in row.items()})
    return [{name: it for name, it in row.items() if it} for row in rules]


def _number(form: GateForm, name: str) -> int | None:
    return _read(form, name, typed.whole_number(form.values.get(name, "")), "enter a whole number")


def _time(form: GateForm, name: str) -> int | None:
    seconds = typed.duration(form.values.get(name, ""))
    return _read(form, name, seconds, "enter a time such as 90 s or 10 min")


def _read(form: GateForm, name: str, value: int | None, problem: str) -> int | None:
    if value is None and (form.values.get(name) or name not in MAY_BE_NONE):
        form.wrong[name] = problem
    return value
