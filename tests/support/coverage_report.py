"""The report of `make coverage`: lines and branches run, by package, and engine files with low coverage.

`low_coverage.json` says why a file may stay below: path and reason. A file of the engine that is below and is
not listed there fails the command.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

REASONS = Path(__file__).with_name("low_coverage.json")
ENOUGH_PERCENT = 95.0
NOT_ENGINE = (
    "app/web/",
    "app/commands/",
    "app/runtime/",
    "app/demo",
)  # tested from outside; everything else must be covered


class Summary(msgspec.Struct, frozen=True):
    """The counts of coverage.py for one file."""

    num_statements: int
    covered_lines: int
    num_branches: int
    covered_branches: int


class File(msgspec.Struct, frozen=True):
    """The entry of one file."""

    summary: Summary
    missing_lines: list[int]


class Report(msgspec.Struct, frozen=True):
    """The report written by `coverage json`."""

    files: dict[str, File]


def percent(of: Iterable[Summary]) -> float:
    """The percentage of lines and branches that were run."""
    there = run = 0
    for it in of:
        there += it.num_statements + it.num_branches
        run += it.covered_lines + it.covered_branches
    return 100 * run / there if there else 100.0


def package_of(path: str) -> str:
    """The package, such as `app/store` or `worker`; files next to packages are grouped together."""
    parts = path.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def ranges(lines: Iterable[int]) -> str:
    """Line numbers as ranges: `3-5, 9`."""
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in found)


def by_package(files: dict[str, File]) -> Iterable[str]:
    """A line for each package, and one for the total."""
    packages: dict[str, list[Summary]] = {}
    for path, file in files.items():
        packages.setdefault(package_of(path), []).append(file.summary)
    for package, summaries in sorted(packages.items()):
        yield f"{percent(summaries):6.1f}%  {package}"
    yield f"{percent(it.summary for it in files.values()):6.1f}%  all"


def few_reach(files: dict[str, File]) -> dict[str, File]:
    """The engine's files below the threshold."""
    return {
        path: file
        for path, file in sorted(files.items())
        if path.startswith(("app/", "worker/"))
        and not path.startswith(NOT_ENGINE)
        and percent([file.summary]) < ENOUGH_PERCENT
    }


def row(path: str, file: File, reason: str) -> str:
    """A file below the threshold: the lines that were not run, and the reason."""
    missing = ranges(file.missing_lines) or "branches"
    return f"{percent([file.summary]):6.1f}%  {path}: {missing}\n         {reason or 'NO REASON'}"


def main(document: Path) -> int:
    """Print a report on coverage.py's output; returns 1 if a reason is missing."""
    files = msgspec.json.decode(document.read_bytes(), type=Report).files
    reasons: dict[str, str] = json.loads(REASONS.read_text())
    below = few_reach(files)
    print(*by_package(files), sep="\n")
    print(f"\nbelow {ENOUGH_PERCENT:.0f}% in core, stores and operations, and which lines were not run:")
    print(*(row(path, file, reasons.get(path, "")) for path, file in below.items()), sep="\n")
    if unneeded := sorted(reasons.keys() & files.keys() - below.keys()):
        print("\nno longer below; take them out of low_coverage.json:", *unneeded)
    if unexplained := sorted(below.keys() - reasons.keys()):
        print("\ntest them, or say in low_coverage.json why not:", *unexplained)
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
