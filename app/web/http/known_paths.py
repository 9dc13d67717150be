"""Which addresses there are: what is at none of them is refused by the lane, without going through Quart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.web.http.operators import METRICS, is_operator
from app.web.http.routes import Request

ANY, END = "*", ""
SAFE = ("GET", "HEAD")


class KnownPaths:
    """The rules of the app as a tree of their parts."""

    def __init__(self, rules: Iterable[str]) -> None:
        self._tree: dict[str, Any] = {}
        for rule in rules:
            node = self._tree
            for part in rule.split("/")[1:]:
                node = node.setdefault(ANY if part.startswith("<") else f"/{part}", {})
            node[END] = {}

    def has(self, parts: Sequence[str]) -> bool:
        """Whether anything is at a path; `parts` as `path.split("/")` gives them."""
        nodes = [self._tree]
        for part in parts[1:]:
            literally, as_any = f"/{part}", bool(part)
            nodes = [
                child
                for node in nodes
                for child in (node.get(literally), node.get(ANY) if as_any else None)
                if child is not None
            ]
        return any(END in node for node in nodes)


def is_metrics(scope: Mapping[str, Any]) -> bool:
    """Whether the metrics are asked for, and asked for well."""
    return scope["path"] == METRICS and scope["method"] in SAFE and not scope["query_string"]


def is_told_more(request: Request) -> bool:
    """Whether more than "not found" is said: the metrics to operators, a page to whoever reads pages."""
    if request.path == METRICS:
        return is_operator(request)
    return not request.path.startswith("/v1/") and b"text/html" in request.headers.get(b"accept", b"")
