"""`--profile`: where the time goes. Wall and CPU seconds of each test and fixture, with all their processes.

Processes that tests start (stores, browsers, `fairgate` children) count with the test during which they work,
whether they have ended by then or not. `python -m tests.support.profiling` keeps in `seconds.json` how long
each file of the last profile took: the longest are begun first.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FILE = Path("build/test-profile.json")
RECORD = Path(__file__).with_name("seconds.json")
RECORDED_FROM_S = 2.0
SHOWN = 40
KEY = "profile"


class Spent(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float

    def since(self, before: Spent) -> Spent:
        return Spent(self.wall - before.wall, self.cpu - before.cpu)

    def plus(self, other: Spent) -> Spent:
        return Spent(self.wall + other.wall, self.cpu + other.cpu)


NOTHING = Spent(0, 0)


TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def now() -> Spent:
    """What this process and all below it have spent so far; what has ended is with who waited for it."""
    return Spent(time.perf_counter(), sum(map(_cpu_s, _family(os.getpid()))))


def _family(pid: int) -> Iterator[int]:
    """The process and all below it, as Linux tells it: looking through all there are takes too long."""
    yield pid
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in listing.read_text().split():
                yield from _family(int(child))


def _cpu_s(pid: int) -> float:
    with suppress(OSError):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, after_name[11:15])) / TICKS_PER_S  # its own, and of its children that have ended
    return 0.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--profile", action="store_true", help=f"print where the time goes and write it to {FILE}"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--profile"):
        config.pluginmanager.register(Profile())


class Profile:
    """Measures in the processes that run tests; adds up in the one that was called."""

    def __init__(self) -> None:
        self.fixtures: list[tuple[str, Spent]] = []  # of the test that runs
        self.tests: dict[str, dict[str, Spent]] = {}
        self.of_fixtures: dict[str, list[Spent]] = defaultdict(list)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        began = now()
        try:
            return (yield)
        finally:
            module = getattr(fixturedef.func, "__module__", "")
            self.fixtures.append((f"{module}:{fixturedef.argname} ({fixturedef.scope})", now().since(began)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        return (yield from self._measured(item, "setup"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        return (yield from self._measured(item, "call"))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        return (yield from self._measured(item, "teardown"))

    def _measured(self, item: pytest.Item, phase: str) -> Generator[None, object, object]:
        began = now()
        try:
            return (yield)
        finally:
            # Plain tuples: what a process of xdist tells goes over the wire.
            fixtures = [(name, tuple(spent)) for name, spent in self.fixtures]
            item.user_properties.append((KEY, [phase, tuple(now().since(began)), fixtures]))
            self.fixtures = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        phases = [value for name, value in report.user_properties if name == KEY]
        assert all(isinstance(phase, (list, tuple)) for phase in phases)
        self.tests[report.nodeid] = {phase[0]: Spent(*phase[1]) for phase in phases}  # type: ignore[index]
        for phase in phases:
            for name, spent in phase[2]:  # type: ignore[index]
                self.of_fixtures[name].append(Spent(*spent))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.tests:
            return
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(json.dumps({"tests": self.tests, "fixtures": self.of_fixtures}, indent=0))
        terminalreporter.section("where the time goes")
        tests = [(name, total(phases.values())) for name, phases in self.tests.items()]
        print(f"all: {_row(total(spent for _, spent in tests))}")
        for title, level in (("by folder", _folder), ("by file", _file), ("tests", str)):
            _print(title, [(level(name), spent) for name, spent in tests])
        _print("fixtures", [(name, spent) for name, times in self.of_fixtures.items() for spent in times])


def total(of: Iterable[Spent]) -> Spent:
    """The sum."""
    result = NOTHING
    for spent in of:
        result = result.plus(spent)
    return result


def _folder(name: str) -> str:
    parts = _file(name).split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def _file(name: str) -> str:
    return name.partition("::")[0]


def _row(spent: Spent) -> str:
    return f"{spent.wall:8.2f} s  {spent.cpu:8.2f} s CPU"


def _print(title: str, rows: list[tuple[str, Spent]]) -> None:
    """The dearest, in CPU seconds; rows of one name are added up."""
    sums: dict[str, list[Spent]] = defaultdict(list)
    for name, spent in rows:
        sums[name].append(spent)
    print(f"\n{title}")
    dearest = sorted(sums.items(), key=lambda row: -max(total(row[1])))
    for name, of in dearest[:SHOWN]:
        print(f"{_row(total(of))} {len(of):5}  {name}")


def record() -> None:
    """Write down how long each file took, by which tests are distributed."""
    spent: dict[str, float] = defaultdict(float)
    for name, phases in json.loads(FILE.read_text())["tests"].items():
        spent[_file(name)] += sum(wall for wall, _ in phases.values())
    recorded = {name: round(wall, 1) for name, wall in spent.items() if wall >= RECORDED_FROM_S}
    RECORD.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    record()
