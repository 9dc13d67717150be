"""Routes that start faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quart.routing import QuartRule


class MatchedRule(QuartRule):
    """A route whose URL builder is compiled when it is first called.

    Werkzeug compiles two for each route when it is registered, which is most of the time it takes to create
    the app, and templates here write their links out instead of calling `url_for`.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled = super()._compile_builder

        def build(rule: Any, **values: Any) -> tuple[str, str]:
            return compiled(append_unknown).__get__(rule, None)(**values)  # type: ignore[no-any-return]

        return build
