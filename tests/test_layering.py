"""What import contracts cannot express: only the store sends commands to Redis and SQL to Postgres."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
THEIRS = (
    "app/store/",
    "app/doctor/",
    "app/runtime/",
)  # the doctor has unique queries; the others start stores
SQL = ("acquire", "transaction")  # methods of a pool or connection that are not SQL


def modules() -> list[Path]:
    found = [it for folder in ("app", "worker") for it in (ROOT / folder).rglob("*.py")]
    return [it for it in found if not it.relative_to(ROOT).as_posix().startswith(THEIRS)]


def named(node: ast.AST) -> str:
    """The last part of a name: `redis` for `ctx.stores.redis`."""
    return getattr(node, "attr", getattr(node, "id", ""))


def is_call_of(call: ast.Call, clients: set[str]) -> bool:
    return isinstance(call.func, ast.Attribute) and named(call.func.value) in clients


def commands(tree: ast.AST) -> Iterator[str]:
    """Calls of methods of a store's client, including through local names of any function of the module."""
    clients = {"redis", "postgres"}
    calls = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            calls.append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and named(node.value or node) in clients:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            clients |= {named(it) for it in targets}
    for call in calls:
        if is_call_of(call, clients):
            assert isinstance(call.func, ast.Attribute)
            if call.func.attr not in SQL:
                yield f"{call.lineno}: {ast.unparse(call.func)}"


def test_a_command_is_found_whatever_the_client_is_called() -> None:
    source = "async def f(stores):\n    client: Any = stores.redis\n    await client.hget('a', 'b')\n"
    assert set(commands(ast.parse(source))) == {"3: client.hget"}
    source = "async def f(s):\n    await s.postgres.fetch('')\n"
    assert set(commands(ast.parse(source))) == {"2: s.postgres.fetch"}
    assert not list(commands(ast.parse("async def f(s):\n    s.postgres.acquire()")))


def test_only_the_store_asks_the_stores() -> None:
    found = {it.relative_to(ROOT).as_posix(): set(commands(ast.parse(it.read_text()))) for it in modules()}
    assert len(found) > 100
    assert not {name: calls for name, calls in found.items() if calls}
