"""Which process of `pytest -n` runs which tests: what shares something dear together, the longest first.

A folder whose tests share an installation, a browser or a cluster goes to one process as a whole; of the
others each file does. A unit that takes long begins early, so that in the end no process works alone. What is
dealt out by the test needs nothing but a processor: it is spread among files that mostly wait.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Folders whose package fixtures take seconds to start, and how many parts they are dealt out in.
SHARING = {
    "tests/browser": 2,
    "tests/chaos": 1,
    "tests/cluster": 1,
    "tests/contract": 1,
    "tests/load": 1,
    "tests/platform": 1,
}
BY_THE_TEST = ("tests/simulation/test_simulation.py",)
SECONDS: dict[str, float] = json.loads(Path(__file__).with_name("seconds.json").read_text())
UNKNOWN_S = 1.0


def file_of(nodeid: str) -> str:
    """The file a test is in."""
    return nodeid.partition("::")[0]


def parts_of(files: list[str]) -> dict[str, str]:
    """The unit each file belongs to: of a shared folder its parts are about equally long."""
    units = {}
    spent: dict[str, float] = {}
    for file in sorted(files, key=lambda it: (-seconds_of(it), it)):
        folder = file.rpartition("/")[0]
        parts = [f"{folder} {part}" for part in range(1, SHARING.get(folder, 0) + 1)] or [file]
        units[file] = min(parts, key=lambda it: spent.get(it, 0))
        spent[units[file]] = spent.get(units[file], 0) + seconds_of(file)
    return units


def seconds_of(file: str) -> float:
    """How long a file took when that was recorded: all that cannot be divided."""
    return 0 if file in BY_THE_TEST else SECONDS.get(file, UNKNOWN_S)


def in_order(files: list[str]) -> list[str]:
    """The files, unit by unit, the longest unit first; in a unit as they came."""
    units = parts_of(files)
    total: dict[str, float] = {}
    for file in files:
        total[units[file]] = total.get(units[file], 0) + seconds_of(file)
    return sorted(files, key=lambda it: (-total[units[it]], units[it]))


def starts_of(files: list[str]) -> dict[str, float]:
    """When each file would begin if one process ran them all, in seconds."""
    starts, now = {}, 0.0
    for file in in_order(files):
        starts[file] = now
        now += seconds_of(file)
    return starts


def gap_of(files: list[str]) -> tuple[float, float]:
    """From when to when files run that are neither short nor share a folder's fixtures."""
    shared = sum(seconds_of(it) for it in files if it.rpartition("/")[0] in SHARING)
    return shared, shared + sum(
        seconds_of(it) for it in files if it.rpartition("/")[0] not in SHARING and it in SECONDS
    )


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shorter-than", type=float, metavar="S", help="leave out files that took longer in a whole run"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file that is not known to take long is collected."""
    most_s: float | None = config.getoption("--shorter-than")
    if most_s is None or not collection_path.is_relative_to(config.rootpath):
        return None
    return True if seconds_of(str(collection_path.relative_to(config.rootpath))) > most_s else None


@pytest.hookimpl(trylast=True)  # after the files were shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Also where one process runs them all: else what they share would be started again and again."""
    if nameless := [it.nodeid for it in items if " at 0x" in it.nodeid]:
        raise pytest.UsageError(f"another process gives these another name; give `ids`: {nameless[:3]}")
    files = list(dict.fromkeys(file_of(it.nodeid) for it in items))
    starts, (gap_starts, gap_ends) = starts_of(files), gap_of(files)
    single = [it.nodeid for it in items if file_of(it.nodeid) in BY_THE_TEST]
    step = (gap_ends - gap_starts) / (len(single) + 1)
    at = {nodeid: gap_starts + number * step for number, nodeid in enumerate(single, 1)}
    order = {file: number for number, file in enumerate(starts)}  # some begin at the same time
    items.sort(key=lambda it: (at.get(it.nodeid, starts[file_of(it.nodeid)]), order[file_of(it.nodeid)]))


class Sharing(LoadScopeScheduling):
    """Deals out units in the order of the collection."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False
        self._units: dict[str, str] = {}

    def _split_scope(self, nodeid: str) -> str:
        if file_of(nodeid) in BY_THE_TEST:
            return nodeid
        if not self._units:
            assert self.collection is not None
            self._units = parts_of(list(dict.fromkeys(map(file_of, self.collection))))
        return self._units[file_of(nodeid)]


@pytest.hookimpl(optionalhook=True)  # `-p no:xdist` is how one debugs a test
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    """Instead of what `--dist` names."""
    return Sharing(config, log)
