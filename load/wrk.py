"""Runs wrk: prepared requests out, what came back in. The Lua beside this file does the sending and counting.

Everything is bounded: the requests by their lines, the time by `seconds`, a stuck wrk by a kill of its pid.
"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import msgspec

from app.core.errors import CannotRun

HERE = Path(__file__).parent
START_AND_STOP_S = 60.0  # reading the lines, and writing the last line of the report
TIMEOUT_S = 10  # one request; the server answers or refuses within this


class WrkMissing(CannotRun):
    """wrk is not installed; the message is one line that says how to install it."""


class WrkFailed(CannotRun):
    """wrk ended without a report; the message is its last line."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What to send: a request line, headers and a body, in which {1} {2} ... stand for the columns of a line.

    `lines` are used once each, or again and again with `again`; without lines the same request goes out.
    `capture`: a Lua pattern; what it finds in the bodies of 2xx answers is collected.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    lines: Sequence[Sequence[str]] = ()
    again: bool = False
    capture: str = ""

    def template(self, host: str) -> str:
        """The request as it goes over the wire. With columns in the body, give their Content-Length, too."""
        headers = {"Host": host, **self.headers}
        if self.body:
            headers["Content-Type"] = "application/json"
        if self.method != "GET":
            headers.setdefault("Content-Length", str(len(self.body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n{self.body}"


@dataclass(frozen=True, slots=True)
class How:
    """How wrk sends: over so many connections, for so long at most; `rate` a second, or 0: closed loop."""

    connections: int = 64
    threads: int = 2
    seconds: int = 5
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back. Latencies are milliseconds; `broken` counts socket errors and timeouts."""

    answered: Mapping[int, int]
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_s: float
    captured: Sequence[str] = ()

    @property
    def total(self) -> int:
        """All answers, of whatever status."""
        return sum(self.answered.values())

    def of(self, *statuses: int) -> int:
        """How many answers had one of these statuses."""
        return sum(self.answered.get(status, 0) for status in statuses)

    def per_s(self, *statuses: int) -> float:
        """Answers with one of these statuses a second."""
        return self.of(*statuses) / self.seconds if self.seconds else 0.0


class _Report(msgspec.Struct, frozen=True):
    answered: dict[str, int]
    broken: int
    timed_out: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_s: float


def program() -> str:
    """Where wrk is. Raises WrkMissing."""
    found = which("wrk")
    if found is None:
        raise WrkMissing("wrk is not installed; install it with: apt-get install wrk (or: brew install wrk)")
    return found


async def send(url: str, requests: Requests, how: How) -> Answers:
    """Send until the lines or the seconds are used up. Raises WrkMissing and WrkFailed."""
    wrk, connections = program(), max(how.connections, how.threads)
    with tempfile.TemporaryDirectory(prefix="fairgate-wrk-") as name:
        folder = Path(name)
        (folder / "request").write_text(requests.template(urlsplit(url).netloc))
        (folder / "lines").write_text("".join("\t".join(line) + "\n" for line in requests.lines))
        script = HERE / ("wrk_paced.lua" if how.rate else "wrk.lua")
        command = [wrk, f"-t{how.threads}", f"-c{connections}", f"-d{how.seconds}", f"--timeout={TIMEOUT_S}"]
        command += ["-s", str(script), url, name, str(how.threads), requests.capture or "-"]
        command += ["again" if requests.again else "once", *([str(how.rate)] if how.rate else [])]
        report = await _run(command, how)
        p50_ms, p99_ms = (
            _percentiles(_lines(folder, "latencies")) if how.rate else (report.p50_ms, report.p99_ms)
        )
        return Answers(
            answered={int(status): count for status, count in sorted(report.answered.items())},
            broken=report.broken + report.timed_out,
            seconds=report.seconds,
            p50_ms=p50_ms,
            p99_ms=p99_ms,
            cpu_s=report.cpu_s,
            captured=[line for line in _lines(folder, "captured") if line],
        )


async def _run(command: Sequence[str], how: How) -> _Report:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    exhausted, last = 0, ""
    try:
        async with asyncio.timeout(how.seconds + START_AND_STOP_S):
            async for line in process.stdout:
                last = line.decode().strip() or last
                exhausted += last == "exhausted"
                if last == "exhausted" and exhausted == how.threads:
                    process.send_signal(signal.SIGINT)  # it would sleep for the rest of the seconds
            await process.wait()
    except TimeoutError:
        raise WrkFailed(f"wrk did not end within {how.seconds + START_AND_STOP_S:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not last.startswith("{"):
        raise WrkFailed(f"wrk ended with code {process.returncode}: {last}")
    return msgspec.json.decode(last, type=_Report)


def _lines(folder: Path, name: str) -> list[str]:
    return [line for path in sorted(folder.glob(f"{name}.*")) for line in path.read_text().splitlines()]


def _percentiles(latencies_us: Sequence[str]) -> tuple[float, float]:
    ordered = sorted(float(line) / 1000 for line in latencies_us)
    if not ordered:
        return 0.0, 0.0
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
