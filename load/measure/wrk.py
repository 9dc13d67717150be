"""Runs wrk: sends prepared requests and collects what came back. The Lua files beside this one do the work in
wrk.

Everything is bounded: the requests by their lines, the time by `seconds`, a stuck wrk by killing its pid.
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
START_AND_STOP_S = 60.0  # to read the lines, and to write the last line of the report
TIMEOUT_S = 10  # for one request; the server answers or refuses within this


class WrkMissing(CannotRun):
    """wrk is not installed; the message is one line that says how to install it."""


class WrkFailed(CannotRun):
    """wrk ended without a report; the message is its last line."""


@dataclass(frozen=True, slots=True)
class Requests:
    """What to send: a request line, headers and a body, in which {1} {2} ... are replaced with the columns of
    a line.

    Each of `lines` is used once, or repeatedly with `again`; without lines the same request is sent.
    `capture` is a Lua pattern; its matches in the bodies of 2xx responses are collected.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    lines: Sequence[Sequence[str]] = ()
    again: bool = False
    capture: str = ""

    def template(self, host: str) -> str:
        """The request as sent. With columns in the body, also give their Content-Length."""
        headers = {"Host": host, **self.headers}
        if self.body:
            headers["Content-Type"] = "application/json"
        if self.method != "GET":
            headers.setdefault("Content-Length", str(len(self.body)))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {self.path} HTTP/1.1\r\n{head}\r\n{self.body}"


@dataclass(frozen=True, slots=True)
class WrkOptions:
    """How wrk sends: over this many connections, at most this long; `rate` per second, or 0: closed loop."""

    connections: int = 64
    threads: int = 2
    seconds: int = 5
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back. Latencies are in milliseconds; `broken` counts socket errors and timeouts."""

    answered: Mapping[int, int]
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_s: float
    captured: Sequence[str] = ()

    @property
    def total(self) -> int:
        """The number of responses of any status."""
        return sum(self.answered.values())

    def of(self, *statuses: int) -> int:
        """The number of responses with one of these statuses."""
        return sum(self.answered.get(status, 0) for status in statuses)

    def per_s(self, *statuses: int) -> float:
        """Responses per second with one of these statuses."""
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
    """Return the path of wrk. Raises WrkMissing."""
    path = which("wrk")
    if path is None:
        raise WrkMissing("wrk is not installed; install it with: apt-get install wrk (or: brew install wrk)")
    return path


async def send(url: str, requests: Requests, options: WrkOptions) -> Answers:
    """Send until the lines or the seconds are used up. Raises WrkMissing and WrkFailed."""
    wrk, connections = program(), max(options.connections, options.threads)
    with tempfile.TemporaryDirectory(prefix="fairgate-wrk-") as name:
        folder = Path(name)
        (folder / "request").write_text(requests.template(urlsplit(url).netloc))
        (folder / "lines").write_text("".join("\t".join(line) + "\n" for line in requests.lines))
        script = HERE / ("wrk_paced.lua" if options.rate else "wrk.lua")
        command = [wrk, f"-t{options.threads}", f"-c{connections}", f"-d{options.seconds}"]
        command += [f"--timeout={TIMEOUT_S}"]
        command += ["-s", str(script), url, name, str(options.threads), requests.capture or "-"]
        command += ["again" if requests.again else "once", *([str(options.rate)] if options.rate else [])]
        report = await _run(command, options)
        p50_ms, p99_ms = (
            _percentiles(_lines(folder, "latencies")) if options.rate else (report.p50_ms, report.p99_ms)
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


async def _run(command: Sequence[str], options: WrkOptions) -> _Report:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    exhausted, last = 0, ""
    try:
        async with asyncio.timeout(options.seconds + START_AND_STOP_S):
            async for line in process.stdout:
                last = line.decode().strip() or last
                exhausted += last == "exhausted"
                if last == "exhausted" and exhausted == options.threads:
                    process.send_signal(signal.SIGINT)  # otherwise it would sleep for the rest of the time
            await process.wait()
    except TimeoutError:
        raise WrkFailed(f"wrk did not finish within {options.seconds + START_AND_STOP_S:.0f} s") from None
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
