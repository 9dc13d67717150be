"""Length limits of files and functions. `budgets.json` lists the exceptions and may only shrink.

`python -m tests.support.budgets` records what has become shorter; shorten new code that is too long.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.source import statements

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_name("budgets.json")
FOLDERS = ("app", "worker", "load", "fairgate", "migrations", "tests")
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 40


@cache  # reading every file takes seconds
def measured() -> dict[str, int]:
    """Everything over budget: `path` or `path::function`, and its number of lines."""
    found = {}
    for file in (it for folder in FOLDERS for it in (ROOT / folder).rglob("*.py")):
        path, text = str(file.relative_to(ROOT)), file.read_text()
        if (lines := text.count("\n")) > FILE_LINES_MAX:
            found[path] = lines
        for name, lines in _functions(ast.parse(text), ""):
            if lines > FUNCTION_LINES_MAX:
                found[f"{path}::{name}"] = lines
    return found


def _functions(node: ast.AST, within: str) -> Iterator[tuple[str, int]]:
    for child in statements(node):
        name = within
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{within}.{child.name}".lstrip(".")
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, (child.end_lineno or 0) - child.lineno + 1
        yield from _functions(child, name)


def recorded() -> dict[str, int]:
    """The recorded exceptions."""
    found: dict[str, int] = json.loads(RECORD.read_text())
    return found


def write() -> None:
    """Update the record: keep what is still too long at its present length; add and raise nothing."""
    now = measured()
    kept = {name: min(lines, now[name]) for name, lines in recorded().items() if name in now}
    RECORD.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    write()
