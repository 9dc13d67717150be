"""Fields and their values as staff read them: no identifiers, JSON or minor units.

One table for the change log, the audit log and refused forms. `tests/web/test_words.py` checks it against
every field that can be changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.core.errors import Refusal, ValidationFailed
from app.core.text import formatting

NAMES = {  # by field name in the API; other fields use their own name, with spaces
    "admission_rate_per_minute": "rate",
    "active_visitors_max": "cap",
    "unclaimed_per_network_max": "called and not in, per network",
    "claim_window_s": "time to respond",
    "session_ttl_s": "session",
    "session_max_s": "longest session",
    "restore_window_s": "wait after a restart",
    "hold_ttl_s": "time to pay",
    "hold_extend_s": "extra time to pay",
    "settle_s": "time between changes",
    "visitors_per_ticket_max": "visitors per free ticket",
    "max_tickets_per_visitor": "tickets per visitor",
    "session_ends_on_confirm": "paying ends the session",
    "session_renews": "requests renew sessions",
    "queueing_method": "order",
    "draw_entropy": "what the draw is made with",
    "prequeue_at": "pre-queue",
    "opens_at": "opening",
    "closes_at": "closing",
    "starts_at": "start",
    "sale_from": "on sale from",
    "sale_until": "on sale until",
    "prices_include_tax": "prices typed with tax",
    "fee_per_ticket": "booking fee per ticket",
    "fee_rate_bp": "booking fee, of the price",
    "fee_tax_rate_bp": "tax in the booking fee",
    "tax_rate_bp": "tax",
    "payments": "how buyers pay",
    "target_url": "address",
    "allowed_return_hosts": "other hosts",
    "gate_mode": "gate",
    "gate_fail": "if stores are unavailable",
    "pass_ip_bound": "passes bound to networks",
    "bypass": "bypass rules",
    "verified_crawlers": "crawlers pass",
    "json_response_enabled": "apps are queued, too",
    "public": "listed",
    "locale": "language",
    "test": "test sale",
    "theme": "look",
    "timezone": "time zone",
    "event_id": "event",
    "room_id": "room",
    "ticket_type_id": "ticket type",
    "paid_elsewhere": "paid outside, reference",
    "p95_ms": "95th percentile",
    "ends_ms": "end",
}
WORDS = {  # of enumerated values, as in the forms
    "auto": "in a crowd",
    "queue_all": "everybody",
    "closed": "visitors wait",
    "open": "visitors pass",
    "fifo": "first come, first served",
    "lottery": "draw",
    "none": "the seed",
    "entries": "the seed and everybody who joins",
    "beacon": "the seed and a public random number",
}
MONEY = ("price", "amount", "refunded", "refund", "fee", "fee_per_ticket")
IN_CROWD = ("gate_mode", "gate_fail", "queueing_method", "draw_entropy")
LONG = 300  # characters shown of a value
MEMBERS_MAX = 12  # shown of a list or object
_INDEX = re.compile(r"\[(\d+)\]")
_ENDING = re.compile(r"_(s|ms|url|id|at|max|per_minute)$")
_IDENTIFIER = re.compile(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b")
_SENT = re.compile(r", not [a-z ]+$")  # the received type, meaningless here because forms always send text
_UNITS = {"s": "seconds", "ms": "ms", "url": "address", "max": "limit", "per_minute": "a minute"}


def field_name(path: str) -> str:
    """`hold_ttl_s` -> time to pay; for a path (`theme.accent`, `bypass[2].path`) its last part, numbered."""
    name = path.rpartition(".")[2].partition("[")[0]
    label = NAMES.get(name) or _from_name(name)
    numbers = _INDEX.findall(path)
    return f"{label} {int(numbers[-1]) + 1}" if numbers else label


def _from_name(name: str) -> str:
    if unit := _ENDING.search(name):
        if word := _UNITS.get(unit[1], ""):
            return f"{name[: unit.start()].replace('_', ' ')} ({word})"
        name = name[: unit.start()]
    return name.replace("_", " ")


def value(name: str, content: Any, currency: str = "", longest: int = LONG) -> str:
    """Format a value of this field. Moments are left to `moments_in`, which uses the reader's clock."""
    if content is None:
        return "none"
    if isinstance(content, bool):
        return "on" if content else "off"
    if isinstance(content, int | float):
        return _number(name, content, currency)
    if isinstance(content, Mapping):
        return _members(content, currency, longest)
    if isinstance(content, list | tuple):
        texts = [value(name, member, currency, longest) for member in content[:MEMBERS_MAX]]
        more = f" and {len(content) - MEMBERS_MAX} more" if len(content) > MEMBERS_MAX else ""
        return f"{', '.join(texts)}{more}" or "none"
    text = str(content)
    if text.startswith("data:"):
        return "a picture"
    if text in WORDS and name in IN_CROWD:
        return WORDS[text]
    if text == "":
        return "(empty)"
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _number(name: str, number: float, currency: str) -> str:
    if name in MONEY and isinstance(number, int):
        return (
            formatting.money(number, currency) if currency else f"{formatting.number(number)} (smallest unit)"
        )
    if name.endswith("_bp"):
        return formatting.percent(int(number))
    if name == "error_rate":
        return f"{100 * number:g}%"
    text = formatting.number(number) if isinstance(number, int) else f"{number:g}"
    return f"{text} s" if name.endswith("_s") else f"{text} ms" if name.endswith("_ms") else text


def _members(members: Mapping[str, Any], currency: str, longest: int) -> str:
    """List what is set in an object: `accent #0b5d4a; logo a picture`."""
    present = {name: member for name, member in members.items() if member not in (None, "", [], {})}
    texts = [
        f"{field_name(name)} {value(name, member, currency, longest)}" for name, member in present.items()
    ]
    return "; ".join(texts[:MEMBERS_MAX]) or "nothing set"


def message_of(refusal: Refusal) -> str:
    """The text of a refusal, without the key path meant for programs: *Time to pay must be at least 5*."""
    if not isinstance(refusal, ValidationFailed):
        return refusal.detail
    [wrong] = refusal.members["errors"]
    name = field_name(wrong["field"])
    message = _SENT.sub("", str(wrong["message"]))
    return f"{name[:1].upper()}{name[1:]} {_IDENTIFIER.sub(lambda it: field_name(it[0]), message)}"
