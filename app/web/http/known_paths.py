"""The addresses that exist: others are refused by the lane, without going through Quart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.web.http.operators import METRICS, is_operator
from app.web.http.routes import Request

ANY, END = "*", ""
SAFE = ("GET", "HEAD")


class KnownPaths:
    """The app's rules as a tree of path segments."""

    def __init__(self, rules: Iterable[str]) -> None:
        self._tree: dict[str, Any] = {}
        for rule in rules:
            node = self._tree
            for part in rule.split("/")[1:]:
                node = node.setdefault(ANY if part.startswith("<") else f"/{part}", {})
            node[END] = {}

    def has(self, parts: Sequence[str]) -> bool:
        """Whether anything is at a path; `parts` as from `path.split("/")`."""
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
    """Whether this is a proper request for the metrics."""
    return scope["path"] == METRICS and scope["method"] in SAFE and not scope["query_string"]


def may_know_path(request: Request) -> bool:
    """Whether to send more than "not found": the metrics to operators, a page to browsers."""
    if request.path == METRICS:
        return is_operator(request)
    return not request.path.startswith("/v1/") and b"text/html" in request.headers.get(b"accept", b"")
