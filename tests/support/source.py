"""Python files as trees of statements: what tests that read every file look at.

The expressions, which are most of a tree, are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

PARTS = ("body", "handlers", "orelse", "finalbody", "cases")


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """The statements directly inside this one, and the branches of `try` and `match`."""
    for part in PARTS:
        found = getattr(node, part, ())
        if isinstance(found, list):  # of a lambda or a conditional expression it is an expression
            yield from found
