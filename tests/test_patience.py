"""No test fails because a machine is slow: every wait has a generous limit.

Speed requirements are expressed as intervals, round trips and CPU, which are the same on every machine.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[1]
LEAST_S = 15.0
DEADLINES = {
    "wait_until": ("timeout_s", 9),
    "wait_for": ("timeout", 1),
    "timeout": ("delay", 0),
    "get_message": ("timeout", 9),
}
# Without an explicit timeout they use 5 s.
NEEDED = {"AsyncClient": "httpx.AsyncClient", "Client": "httpx.Client", "plain_client": "plain_client"}
WAITING = {"wait", *NEEDED, *DEADLINES}
NOTHING_COMES = {  # waits for something that must not happen: (file, what is awaited)
    ("tests/store/test_batching.py", "behind"),
    ("tests/store/test_batching.py", "second"),
    ("tests/clients/test_api_clients.py", "reserving"),
}


@cache
def parsed(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text())


@cache
def constants(path: Path) -> dict[str, float]:
    """The numeric constants of a test module, including those it imports."""
    found: dict[str, float] = {}
    for node in parsed(path).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests."):
            of = ROOT / f"{(node.module or '').replace('.', '/')}.py"
            theirs = constants(of) if of.exists() and of != path else {}
            found |= {it.asname or it.name: theirs[it.name] for it in node.names if it.name in theirs}
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if (value := number(node.value, found)) is not None:
                found[node.targets[0].id] = value
    return found


def number(node: ast.expr, names: dict[str, float]) -> float | None:
    """The value of an expression of numbers and constants; None for anything else."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return names.get(name)
        case ast.BinOp(left=left, op=ast.Mult() | ast.Add() as op, right=right):
            a, b = number(left, names), number(right, names)
            if a is None or b is None:
                return None
            return a * b if isinstance(op, ast.Mult) else a + b
    return None


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """All calls except those that must fail."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.With | ast.AsyncWith) and "pytest.raises" in ast.unparse(child.items[0]):
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from calls(child)


def deadline_of(call: ast.Call, where: str, names: dict[str, float]) -> float | None:
    """The seconds that this call may wait; None if it does not wait, or waits for ever."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    if name not in WAITING and not name.startswith(("to_", "not_to_")):
        return None
    given = {it.arg: it.value for it in call.keywords}
    if name == "wait" and "timeout" in given:
        return None if (where, ast.unparse(call.args[0]).strip("{}")) in NOTHING_COMES else 0.0
    if name in NEEDED and ast.unparse(call.func) == NEEDED[name] and "transport" not in given:
        return number(given["timeout"], names) if "timeout" in given else 5.0
    if name.startswith(("to_", "not_to_")) and "timeout" in given and "expect(" in ast.unparse(call.func):
        milliseconds = number(given["timeout"], names)
        return None if milliseconds is None else milliseconds / 1000
    if name not in DEADLINES:
        return None
    keyword, place = DEADLINES[name]
    deadline = given.get(keyword) or (call.args[place] if len(call.args) > place else None)
    return None if deadline is None else number(deadline, names)


def hasty(path: Path) -> Iterator[str]:
    """Each wait of a file that a loaded machine may be too slow for."""
    names, where = constants(path), path.relative_to(ROOT).as_posix()
    for call in calls(parsed(path)):
        seconds = deadline_of(call, where, names)
        if seconds is not None and seconds < LEAST_S:
            yield f"{where}:{call.lineno} {ast.unparse(call)[:80]}"


def test_what_is_waited_for_has_its_time() -> None:
    files = [it for it in (ROOT / "tests").rglob("*.py") if it != Path(__file__)]
    assert [it for file in files for it in hasty(file)] == []


def test_a_wait_without_a_deadline_of_its_own_has_a_long_one() -> None:
    assert PATIENCE_S > LEAST_S
