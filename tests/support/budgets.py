"""How long files and functions may be, and which are longer: `budgets.json`, a list that only shrinks.

`python -m tests.support.budgets` writes down what has become shorter; what is new and too long is shortened.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
RECORD = Path(__file__).with_name("budgets.json")
FOLDERS = ("app", "worker", "load", "fairgate", "migrations", "tests")
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 40


def measured() -> dict[str, int]:
    """Everything over budget: `path` or `path::function`, and its lines."""
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
    for child in ast.iter_child_nodes(node):
        name = within
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{within}.{child.name}".lstrip(".")
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield name, (child.end_lineno or 0) - child.lineno + 1
        yield from _functions(child, name)


def recorded() -> dict[str, int]:
    """What was longer when it was written down."""
    found: dict[str, int] = json.loads(RECORD.read_text())
    return found


def write() -> None:
    """Keep of the record what is still too long, as long as it is now; nothing is added or grows."""
    now = measured()
    kept = {name: min(lines, now[name]) for name, lines in recorded().items() if name in now}
    RECORD.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    write()
