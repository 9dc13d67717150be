"""Context managers end what they began when their block fails, too: else what one failed test started would
disturb the next ones of its process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.source import statements

ROOT = Path(__file__).parents[1]
FOLDERS = ("app", "worker", "load", "tests")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
ONLY_IF_GOOD = {  # what they do after their block is a check of it, or is meant only for what worked
    ("load/rows/floods.py", "attacked"),
    ("tests/chaos/site.py", "a_site"),
    ("tests/chaos/site.py", "crowd"),
    ("tests/routes/conftest.py", "served"),
}


def test_all_end_what_they_began() -> None:
    found: set[tuple[str, str]] = set()
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        if "contextmanager" in (text := path.read_text()):
            found |= {(str(path.relative_to(ROOT)), it) for it in skipped_endings(ast.parse(text))}
    assert found == ONLY_IF_GOOD


@pytest.mark.parametrize(
    ("body", "is_skipped"),
    [
        ("start(); yield; stop()", True),
        ("with start():\n  yield\n stop()", True),
        ("for it in some:\n  if it:\n   yield it\n   stop()", True),
        ("try:\n  yield\n finally:\n  stop()", False),
        ("with start():\n  yield\n assert good", False),
        ("if some:\n  yield\n  return\n yield", False),
    ],
)
def test_an_ending_that_would_be_skipped_is_found(body: str, is_skipped: bool) -> None:
    module = ast.parse(f"@contextmanager\ndef manager():\n {body}")
    assert list(skipped_endings(module)) == ["manager"] * is_skipped


def skipped_endings(module: ast.Module) -> Iterator[str]:
    """The context managers with statements after a `yield` that no `finally` holds."""
    for function in ast.walk(module):
        if isinstance(function, FUNCTIONS) and any(
            ast.unparse(it).endswith("contextmanager") for it in function.decorator_list
        ):
            if any(_is_skipped(block) for block in _blocks(function)):
                yield function.name


def _is_skipped(block: list[ast.stmt]) -> bool:
    yields = [at for at, statement in enumerate(block) if _yields(statement)]
    after = block[yields[0] + 1 :] if yields else []
    return any(not isinstance(it, ast.Return | ast.Assert) and not _yields(it) for it in after)


def _yields(statement: ast.stmt) -> bool:
    """Whether it is a `yield`, or a `with` around one: if the block fails, what follows is left out."""
    if isinstance(statement, ast.With | ast.AsyncWith):
        return any(map(_yields, statement.body))
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The lists of statements inside a function, without functions defined in it."""
    for part in ("body", "orelse", "finalbody"):
        if block := getattr(node, part, []):
            yield block
    for it in statements(node):
        if not isinstance(it, (*FUNCTIONS, ast.ClassDef)):
            yield from _blocks(it)
