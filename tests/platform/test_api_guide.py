"""docs/tutorials/api.md, run as written: every `sh` block in one bash, its output compared with the page."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.platform.outside import FAIRGATE, environment, up
from tests.support.prepared_postgres import prepare

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/tutorials/api.md"
ADDRESS = "http://127.0.0.1:8080"  # as in the guide; the test's installation is elsewhere
GUIDE_TIMEOUT_S = 100
END = "end of the block in line"
_FENCED = re.compile(r"^```(sh|console)\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """Commands of the guide, and the output it promises; `...` is anything within a line."""

    line: int
    kind: str
    commands: str
    printed: str

    def differs(self, printed: str) -> str:
        """How the output differs from the guide; empty if it does not."""
        expected = [".*".join(map(re.escape, it.split("..."))) for it in self.printed.splitlines()]
        lines = printed.splitlines()
        for pattern, line in zip(expected, lines, strict=False):
            if not re.fullmatch(pattern, line):
                return f"api.md:{self.line} printed\n{line}"
        if len(expected) != len(lines):
            return f"api.md:{self.line} printed {len(lines)} lines, not {len(expected)}:\n{printed}"
        return ""


def blocks() -> Iterator[Block]:
    """All blocks of the guide, in order."""
    text = GUIDE.read_text()
    for found in _FENCED.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(line, found[1], found[2], found[3] or "")


async def test_the_guide_does_what_it_says(data: Path) -> None:
    missing = [it for it in ("bash", "curl") if shutil.which(it) is None]
    if missing:
        tell = pytest.fail if "CI" in os.environ else pytest.skip
        tell(f"{' and '.join(missing)} missing, api.md is not checked: apt-get install bash curl")
    start, *steps = blocks()
    started = r"\$ ([A-Z_]+)=(\S+) \.venv/bin/fairgate up (--simulate-payments)\n"
    command = re.fullmatch(started, start.commands)
    assert command is not None, "the guide starts Fairgate in another way than this test"
    assert all(it.kind == "sh" for it in steps)
    script = "".join(f"{it.commands}echo '{END} {it.line}'\n" for it in steps)
    assert script.count(ADDRESS) == 1

    prepare(data / "postgres")
    running = await up(data, command[3], **{command[1]: command[2]})
    output, errors = await _bash(script.replace(ADDRESS, running.url), data)
    await running.stop()

    for step in steps:
        printed, found, output = output.partition(f"{END} {step.line}\n")
        assert found, f"api.md:{step.line} did not finish:\n{printed}\n{errors}"
        assert not step.differs(printed), f"{step.differs(printed)}\n{errors}"
    assert errors == ""


async def _bash(script: str, data: Path) -> tuple[str, str]:
    """The output and errors of a bash that gets the lines as if they were typed."""
    settings = environment(FAIRGATE_DATA=str(data))
    settings["TMPDIR"] = str(data.parent)  # what the guide writes is deleted with the rest
    settings["PATH"] = f"{Path(FAIRGATE).parent}:{settings['PATH']}"
    pipe = asyncio.subprocess.PIPE
    bash = await asyncio.create_subprocess_exec(
        "bash", "--norc", cwd=ROOT, env=settings, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        out, errors = await asyncio.wait_for(bash.communicate(script.encode()), GUIDE_TIMEOUT_S)
    except TimeoutError:
        bash.kill()
        raise
    return out.decode(), errors.decode()
