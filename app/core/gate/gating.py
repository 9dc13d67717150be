"""The bypass rules of a room's gate: who passes without a turn. Compiled once, checked per request.

A rule on paths matches no path that the shop may read differently than we do: whoever could pass under
`/static/` with `/static/../checkout` would jump the queue.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from app.core.errors import ValidationFailed
from app.core.model import BypassRule, RoomSettings

REGEX_MEMORY_MAX = 1 << 20  # bytes for one compiled expression; a larger one is refused
_ODD = ("%2f", "%5c", "%25", "%00", "\\")


@dataclass(frozen=True, slots=True)
class Visit:
    """The parts of a request that rules check. Header names are lower-case bytes."""

    path: str  # as `plain_path` reads it; "" matches no rule on paths
    method: str
    client: str
    headers: dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class _Rule:
    criteria: BypassRule
    path: Any  # the compiled expression; None: the rule has none
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None


class Bypass:
    """The rules of one room; `ids` are their names in metrics."""

    def __init__(self, rules: Sequence[BypassRule]) -> None:
        self.ids = [rule_id(it) for it in rules]
        self._rules = [
            _Rule(
                it,
                _compiled(it.path_regex) if it.path_regex else None,
                ipaddress.ip_network(it.cidr, strict=False) if it.cidr else None,
            )
            for it in rules
        ]

    def __bool__(self) -> bool:
        return bool(self._rules)

    def counted_as(self, why: str) -> str:
        """The metric label for passing for this reason: `rule=3`, or a setting and its value."""
        name, _, value = why.partition("=")
        return self.ids[int(value) - 1] if name == "rule" else name

    def first(self, visit: Visit) -> int:
        """The number of the first matching rule, from 1; 0 for none."""
        for number, rule in enumerate(self._rules, 1):
            if _matches(rule, visit):
                return number
        return 0


def rule_id(rule: BypassRule) -> str:
    """An id derived from a rule's content, independent of its position in the list."""
    document = msgspec.json.encode(rule)
    return f"rule-{hashlib.blake2b(document, digest_size=6).hexdigest()}"


def check_gate(settings: RoomSettings) -> None:
    """Refuse rules that cannot be evaluated. Raises ValidationFailed naming the field."""
    for i, rule in enumerate(settings.bypass):
        if rule == BypassRule():
            raise ValidationFailed(
                f"bypass[{i}]", "must not be empty: an empty rule would let everybody pass"
            )
        if bool(rule.header) != bool(rule.value):
            missing = "value" if rule.header else "header"
            raise ValidationFailed(f"bypass[{i}].{missing}", "is required: header and value go together")
        if rule.path_regex:
            try:
                _compiled(rule.path_regex)
            except ValueError:
                raise ValidationFailed(
                    f"bypass[{i}].path_regex", "is not a valid RE2 expression, or is too large"
                ) from None
        if rule.cidr:
            try:
                ipaddress.ip_network(rule.cidr, strict=False)
            except ValueError:
                raise ValidationFailed(
                    f"bypass[{i}].cidr", "must be a network, such as 192.0.2.0/24 or 2001:db8::/32"
                ) from None


def plain_path(address: str) -> str:
    """The path of a URL, decoded; "" if servers differ in how they read it."""
    try:
        path = urlsplit(address).path or "/"
    except ValueError:
        return ""
    if any(it in path.lower() for it in _ODD) or "//" in path:
        return ""
    try:
        path = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return ""
    if not path.isprintable() or any(it.partition(";")[0] in (".", "..") for it in path.split("/")):
        return ""
    return path


def _compiled(expression: str) -> Any:
    """Compile a pattern that matches in linear time. Raises ValueError if it is not a regular expression."""
    import re2  # 1.5 MB that only rooms with an expression need

    options = re2.Options()
    options.max_mem = REGEX_MEMORY_MAX
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        raise ValueError(f"{error}") from None


def _matches(rule: _Rule, visit: Visit) -> bool:
    criteria = rule.criteria
    if criteria.method and criteria.method != visit.method:
        return False
    if criteria.path_prefix and not visit.path.startswith(criteria.path_prefix):
        return False
    if rule.path is not None and not (visit.path and rule.path.fullmatch(visit.path)):
        return False
    if rule.network is not None and not _within(visit.client, rule.network):
        return False
    if criteria.header and visit.headers.get(criteria.header.lower().encode()) != criteria.value.encode():
        return False
    if criteria.cookie and not _has_cookie(visit.headers.get(b"cookie", b""), criteria.cookie.encode()):
        return False
    agent = visit.headers.get(b"user-agent", b"").decode("latin-1").lower()
    return criteria.user_agent_contains.lower() in agent


def _within(client: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        ip = ipaddress.ip_address(client)
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip) in network


def _has_cookie(header: bytes, name: bytes) -> bool:
    return any(it.strip().partition(b"=")[0] == name for it in header.split(b";"))
