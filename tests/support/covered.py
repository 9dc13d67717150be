"""What `make coverage` prints: lines and branches run, by package; and of the engine what few tests reach."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

ENOUGH_PERCENT = 95.0
NOT_ENGINE = (
    "app/web/",
    "app/commands/",
    "app/runtime/",
    "app/demo",
)  # tested from outside; the rest must be


class Summary(msgspec.Struct, frozen=True):
    """Of one file, as coverage.py counts."""

    num_statements: int
    covered_lines: int
    num_branches: int
    covered_branches: int


class File(msgspec.Struct, frozen=True):
    """One file."""

    summary: Summary
    missing_lines: list[int]


def percent(of: Iterable[Summary]) -> float:
    """Lines and branches that were run, of all there are."""
    there = run = 0
    for it in of:
        there += it.num_statements + it.num_branches
        run += it.covered_lines + it.covered_branches
    return 100 * run / there if there else 100.0


def package_of(path: str) -> str:
    """`app/store`, `worker`; files beside packages are together."""
    parts = path.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def ranges(lines: Iterable[int]) -> str:
    """`3-5, 9`."""
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in found)


def told(files: dict[str, File]) -> Iterable[str]:
    """The lines of the report."""
    packages: dict[str, list[Summary]] = {}
    for path, file in files.items():
        packages.setdefault(package_of(path), []).append(file.summary)
    for package, summaries in sorted(packages.items()):
        yield f"{percent(summaries):6.1f}%  {package}"
    yield f"{percent(it.summary for it in files.values()):6.1f}%  all\n"
    yield f"below {ENOUGH_PERCENT:.0f}% in core, stores and operations, and which lines were not run:"
    for path, file in sorted(files.items()):
        engine = path.startswith(("app/", "worker/")) and not path.startswith(NOT_ENGINE)
        if engine and percent([file.summary]) < ENOUGH_PERCENT:
            yield f"{percent([file.summary]):6.1f}%  {path}: {ranges(file.missing_lines) or 'branches'}"


if __name__ == "__main__":
    document = json.loads(Path(sys.argv[1]).read_text())
    print(*told(msgspec.convert(document["files"], dict[str, File])), sep="\n")
