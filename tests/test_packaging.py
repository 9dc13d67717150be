"""What is declared is what is imported; lock files are complete and contain no addresses."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import files, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.source import statements

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {
    "fairgate",
    "app",
    "worker",
    "load",
    "migrations",
    "tests",
    "deploy",
    "hatch_build",
    "fairgate_gate",
    "fairgate_client",
}
LATE = {"app/otlp.py"}  # for an extra as a whole: nothing imports it on startup
DISTRIBUTIONS = packages_distributions()
ALL, PROGRAM = ((ROOT / folder / "requirements.lock").read_text() for folder in ("", "deploy"))


def declared(*extras: str) -> set[str]:
    """The names of the program's dependencies, including these extras."""
    extra: dict[str, list[str]] = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(line for name in extras for line in extra[name])]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imported(folder: str, *, also_later: bool = True) -> dict[str, str]:
    """The distributions imported by the modules below `folder`, each with one such module."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        if not also_later and str(path.relative_to(ROOT)) in LATE:
            continue
        for name, later in imports(path):
            top = name.partition(".")[0]
            if (also_later or not later) and top not in OURS | sys.stdlib_module_names:
                for distribution in providers(name):
                    found.setdefault(canonicalize_name(distribution), str(path.relative_to(ROOT)))
    return found


@cache
def providers(module: str) -> list[str]:
    """The distributions that provide a module; several may share the first part of its name."""
    sharing = DISTRIBUTIONS.get(module.partition(".")[0], [f"nobody's {module}"])
    path = module.replace(".", "/")
    own = [it for it in sharing if len(sharing) > 1 and has_file(it, (f"{path}/", f"{path}.py"))]
    return own or sharing


def has_file(distribution: str, beginnings: tuple[str, ...]) -> bool:
    return any(str(it).startswith(beginnings) for it in files(distribution) or ())


@cache  # several tests look at the same files
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """The modules that a file imports, and whether later than it is imported itself: in a function, or only
    for type checkers."""
    return tuple(_imports(ast.parse(path.read_text()), later=False))


def _imports(node: ast.AST, *, later: bool) -> Iterator[tuple[str, bool]]:
    for child in statements(node):
        for name in names_of(child):
            yield name, later
        deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        )
        yield from _imports(child, later=later or deferred)


def names_of(node: ast.AST) -> list[str]:
    """The modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


@pytest.mark.parametrize(
    ("folder", "extras", "later"),
    [
        ("fairgate", (), ()),
        ("app", (), ("embedded", "otel", "stripe")),  # checked first, as in `tracing.is_wanted`
        ("worker", (), ()),
        ("migrations", (), ()),
        ("load/simulate", (), ()),  # a command of the program
        ("load", ("load", "embedded"), ()),
        ("tests", ("load", "embedded", "otel", "test"), ()),
    ],
)
def test_what_is_imported_is_declared(folder: str, extras: tuple[str, ...], later: tuple[str, ...]) -> None:
    needed = declared(*extras)
    assert {it: where for it, where in imported(folder, also_later=False).items() if it not in needed} == {}
    needed |= declared(*later)
    assert {it: where for it, where in imported(folder).items() if it not in needed} == {}


@pytest.mark.parametrize("late", sorted(LATE))
def test_a_module_of_an_extra_is_imported_late(late: str) -> None:
    module = late.removesuffix(".py").replace("/", ".")
    at_import, later = (
        {
            str(path.relative_to(ROOT))
            for path in sorted((ROOT / "app").rglob("*.py"))
            if (module, late) in imports(path)
        }
        for late in (False, True)
    )
    assert (at_import, bool(later)) == (set(), True)


def test_what_the_program_declares_is_imported() -> None:
    used = {it for folder in ("app", "worker", "migrations") for it in imported(folder)}
    # Not declared by who uses them: fpdf2 shapes text with one, HTTPX looks for the other at each request.
    assert declared() - used == {"uharfbuzz", "sniffio"}


def locked(text: str) -> dict[str, str]:
    """Each package of a lock file, with its lines."""
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", text):
        lines = [line.strip(" \\") for line in block.splitlines() if not line.strip().startswith("#")]
        found[canonicalize_name(lines[0].partition("==")[0])] = "\n".join(lines)
    return found


@pytest.mark.parametrize("text", [ALL, PROGRAM], ids=["all", "program"])
def test_every_locked_file_is_known_by_its_hash_and_none_by_its_address(text: str) -> None:
    for name, lines in locked(text).items():
        first, *hashes = lines.splitlines()
        assert re.fullmatch(r"[a-z0-9.-]+(\[[a-z,]+\])?==[\w.+!]+( ; .+)?", first), first
        assert hashes, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), name
    assert "://" not in text


def test_the_image_gets_the_same_versions_and_of_extras_what_sends_traces() -> None:
    everything, program = locked(ALL), locked(PROGRAM)
    assert set(everything) >= declared(*PROJECT["optional-dependencies"])
    assert set(program) >= declared("otel")
    assert program.items() <= everything.items()
    tools = {"mypy", "playwright", "pytest", "ruff"}  # the program may need what they need, too
    assert not set(program) & ((declared("embedded", "load") - declared()) | tools)
