"""Site rules: which room a request belongs to, by host, path and method. Prepared once, evaluated for each
request.

The most specific rule decides. It cannot be evaded by spelling an address differently: hosts are compared
without case, port and trailing dot, paths without case, and a path that servers may read in several ways must
lead to the same room in each of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import unquote

from msgspec import Meta

from app.core.errors import AddressUnclear, ValidationFailed
from app.core.formats import METHOD, NAME, PATH, Slug
from app.core.model import RoomId, Struct

RULES_MAX = 500
PATH_MAX = 8_000
ANY_HOST = "*"
_NAME = re.compile(
    r"^(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\Z"
)
_ADDRESS = re.compile(r"^(?:https?|wss?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]*)?(/.*)?\Z", re.IGNORECASE)
# All servers read such a path alike: no segment is empty or begins with a dot, nothing is encoded.
_PLAIN = re.compile(r"^(/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*/?\Z")


class SiteRule(Struct, frozen=True, kw_only=True):
    """Assigns requests to a host, a path and a method to a room."""

    host: Annotated[str, Meta(min_length=1, max_length=255, pattern=NAME)]  # or `*.shop.example`, or `*`
    path_prefix: Annotated[str, Meta(max_length=200, pattern=PATH)] = "/"
    method: Annotated[str, Meta(pattern=METHOD)] = ""  # "": any; GET includes HEAD
    room_id: Slug


class Matcher:
    """The rules of an installation, in order of precedence."""

    def __init__(self, rules: Sequence[SiteRule]) -> None:
        self.rules = sorted(rules, key=_order)
        self._of: dict[str, list[SiteRule]] = {}
        for it in self.rules:
            self._of.setdefault(it.host, []).append(it)

    def room_of(self, address: str, method: str) -> RoomId | None:
        """The room of a request; None: no rule covers it. Raises AddressUnclear."""
        match = _ADDRESS.match(address.partition("?")[0])
        if match is None or not method:
            raise AddressUnclear("The proxy must pass on the address and method of the visitor's request.")
        path = match[3] or "/"
        if len(path) > PATH_MAX or "#" in path:
            raise AddressUnclear
        rules = self._rules_of(match[1].lower().rstrip("."))
        method = "GET" if method == "HEAD" else method.upper()
        rooms = {_first(rules, it, method) for it in _readings(path)}
        if len(rooms) > 1:
            raise AddressUnclear
        return rooms.pop()

    def _rules_of(self, host: str) -> list[SiteRule]:
        """The rules that may apply to a host, the most specific first."""
        rules = list(self._of.get(host, ()))
        above = host
        while dot := above.partition(".")[2]:
            rules += self._of.get(f"*.{dot}", ())
            above = dot
        return rules + self._of.get(ANY_HOST, [])


def checked(rules: Sequence[SiteRule]) -> list[SiteRule]:
    """Validate and normalise the rules. Raises ValidationFailed naming the field."""
    unique: dict[tuple[str, str, str], SiteRule] = {}
    for i, new in enumerate(rules):
        rule = SiteRule(
            host=_host(new.host, f"sites[{i}].host"),
            path_prefix=_prefix(new.path_prefix or "/", f"sites[{i}].path_prefix"),
            method="GET" if new.method == "HEAD" else new.method,
            room_id=new.room_id,
        )
        if key_of(rule) in unique:
            raise ValidationFailed(f"sites[{i}]", "is the second rule for this host, path and method")
        unique[key_of(rule)] = rule
    return sorted(unique.values(), key=_order)


def key_of(rule: SiteRule) -> tuple[str, str, str]:
    """The key that must be unique among rules."""
    return rule.host, rule.path_prefix.lower(), rule.method


def _order(rule: SiteRule) -> tuple[int, int, str, int, str, bool, str]:
    """Sort key of rules that both match: by host, then the longer path, then the method."""
    kind = 2 if rule.host == ANY_HOST else int(rule.host.startswith("*"))
    by_host = kind, -rule.host.count("."), rule.host
    return *by_host, -len(rule.path_prefix), rule.path_prefix, not rule.method, rule.method


def _first(rules: Sequence[SiteRule], path: str, method: str) -> RoomId | None:
    for rule in rules:
        if path.startswith(rule.path_prefix.lower()) and rule.method in ("", method):
            return RoomId(rule.room_id)
    return None


def _readings(path: str) -> set[str]:
    """The paths as which servers may read this one, in lower case."""
    if _PLAIN.match(path):
        return {path.lower()}
    readings: set[str] = set()
    once = unquote(path, errors="replace")  # decoded once, and twice: by a proxy and again by the shop
    for decoded in {_partly(path), once, unquote(once, errors="replace")}:
        for it in {decoded, re.sub(r";[^/\\]*", "", decoded)}:
            slashed = it.replace("\\", "/")
            readings |= {it, _resolved(slashed), _resolved(re.sub(r"/{2,}", "/", slashed))}
    return {it.lower() for it in readings}


def _partly(path: str) -> str:
    """Decode all but the separators of a path, as some servers do."""
    text = re.sub(r"%(?=2f|5c|3b|25)", "%25", path, flags=re.IGNORECASE)
    return unquote(text, errors="replace")


def _resolved(path: str) -> str:
    """Remove `.` and `..` from a path as in RFC 3986."""
    resolved: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            resolved[-1:] = []
        elif part != ".":
            resolved.append(part)
    if parts and parts[-1] in (".", ".."):
        resolved.append("")
    return "/" + "/".join(resolved)


def _host(text: str, field: str) -> str:
    """Normalise the host of a rule. Raises ValidationFailed."""
    host = text.lower().rstrip(".")
    if host == ANY_HOST:
        return host
    if _NAME.match(host.removeprefix("*.")):
        return host
    if _NAME.match(host.removeprefix("*.").partition(":")[0]):
        raise ValidationFailed(field, "must have no port: a rule covers all ports of its host")
    raise ValidationFailed(
        field, "must be a host as browsers send it (shop.example, xn--...), *.shop.example, or * for any"
    )


def _prefix(text: str, field: str) -> str:
    """Normalise the path of a rule, decoded. Raises ValidationFailed."""
    path = unquote(text, errors="replace")
    if len(_readings(text)) > 1 or not path.isprintable() or any(it in path for it in "?#%"):
        raise ValidationFailed(
            field, "must be a path that every server reads alike: no //, . or .., %2f, ;, ? or #"
        )
    return path
