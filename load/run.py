"""A load run: finds or starts its target, runs Locust's visitors against it, and judges what they found.

`fairgate load` starts this as `python -m load.run ORDER`, where ORDER is the JSON of `Order`. Locust is
yet another process: gevent patches the standard library, and nothing may be patched here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import httpx
import msgspec

from app.core.errors import CannotRun, Refusal
from app.core.model import EventId, RoomId
from app.runtime import child_process
from app.store.connections import STORE_AWAY
from app.store.keys import RoomKeys
from app.store.redis.backlogs import backlog
from load.fans.outside import judge_from_outside
from load.fans.plan import PLAN, PROGRESS, Findings, Plan
from load.fans.scenarios import SCENARIOS, Name
from load.fans.summary import JudgedRun, progress, show
from load.fans.target import NoTarget, Sale, Target, create_sale, open_target, read_sale, staff
from load.judging.books import read_books
from load.judging.verdict import Verdict, judge
from load.measure.trials import RoomWatch, admissions

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
TOKEN = "FAIRGATE_LOAD_TOKEN"
STOP_S = 20.0  # for Locust to end its visitors and write their findings
WEB_HOURS_MAX = 8
SETTLED_TIMEOUT_S = 30.0
LINES_KEPT = 20


class Order(msgspec.Struct, frozen=True):
    """The options of the command line."""

    scenario: Name = "rush"
    fans: int = 500
    seconds: int = 120
    host: str = ""
    room: str = ""
    data: str = ""
    server: Literal["hypercorn", "granian"] = "granian"
    web: bool = False
    web_port: int = 8089

    @property
    def folder(self) -> Path | None:
        """The data folder of the installation, if one was named."""
        return Path(self.data).expanduser().absolute() if self.data else None


async def run(order: Order) -> bool:
    """Run once; return whether the verdict is good. Raises CannotRun."""
    if find_spec("locust") is None:
        raise NoTarget("Locust is not installed; install it with: pip install 'fairgate[load]'")
    _print(f"{order.scenario}: {SCENARIOS[order.scenario].description}")
    async with (
        open_target(order.host, order.folder, os.environ.get(TOKEN, ""), order.server) as target,
        target.client() as client,
    ):
        _print(f"{order.fans} visitors against {target.description}")
        if order.room:
            sale = await read_sale(client, order.room)
        else:
            sale = await create_sale(target, client, order.scenario, order.fans)
        try:
            return await _run_crowd(order, target, sale, client)
        finally:
            if sale.ours:
                await staff(target, client, f"/v1/rooms/{sale.room_id}/close")


async def _run_crowd(order: Order, target: Target, sale: Sale, client: httpx.AsyncClient) -> bool:
    with tempfile.TemporaryDirectory(prefix="fairgate-load-") as folder:
        plan = Plan(
            scenario=order.scenario,
            fans=order.fans,
            seconds=order.seconds,
            url=target.url,
            room_id=sale.room_id,
            event_id=sale.event_id,
            ticket_type_ids=sale.ticket_type_ids,
            tickets_max=sale.tickets_max,
            findings_file=f"{folder}/found",
            staff_token=target.staff_token if sale.ours else "",
            ends_alone=not order.web,
        )
        watched: RoomWatch | None = None
        if target.stores is not None:
            async with admissions(target.stores, RoomId(sale.room_id), sale.rate) as watched:
                findings = await _locust(order, plan, Path(folder))
        else:
            findings = await _locust(order, plan, Path(folder))
    verdicts = {"from outside": await judge_from_outside(client, findings, sale.event_id, sale.tickets_max)}
    if target.stores is not None and sale.event_id is not None and watched is not None:
        verdicts["from both stores"] = await _from_stores(target, sale, findings)
        verdicts["admissions"] = watched.verdict()
    judged = JudgedRun(order.scenario, order.fans, findings, verdicts)
    show(judged)
    return judged.good


async def _from_stores(target: Target, sale: Sale, findings: Findings) -> Verdict:
    """Judge as soon as everything submitted is settled; the verdict names what never is."""
    assert target.stores is not None
    assert sale.event_id is not None
    deadline = time.monotonic() + SETTLED_TIMEOUT_S
    promised = [promise.reservation_id for promise in findings.promises]
    while True:
        books = await read_books(target.stores, RoomId(sale.room_id), EventId(sale.event_id), promised)
        verdict = judge(books)
        left = await backlog(target.stores.redis, RoomKeys(RoomId(sale.room_id)))
        if (verdict.good and not left) or time.monotonic() > deadline or verdict.oversold or verdict.lost:
            return verdict
        await asyncio.sleep(0.5)


async def _locust(order: Order, plan: Plan, folder: Path) -> Findings:
    """Run Locust in a separate process with the plan; return what its visitors found. Ctrl-C ends it in
    order."""
    (folder / "plan").touch(0o600)  # it may contain a staff token
    (folder / "plan").write_bytes(msgspec.json.encode(plan))
    process = await asyncio.create_subprocess_exec(
        *_command(order, plan),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**child_process.module_environment(), PLAN: str(folder / "plan")},
        start_new_session=True,
    )
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    last: deque[str] = deque(maxlen=LINES_KEPT)
    reading = asyncio.create_task(_read(process, last, order))
    stopped = asyncio.create_task(stopping.wait())
    try:
        limit_s = WEB_HOURS_MAX * 3600 if order.web else order.seconds + STOP_S
        await asyncio.wait({reading, stopped}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            process.terminate()
            await asyncio.wait({reading}, timeout=STOP_S)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        if process.returncode is None:
            process.kill()
            await process.wait()
        reading.cancel()
        stopped.cancel()
    return _findings(Path(plan.findings_file), last)


def _findings(path: Path, last: Sequence[str]) -> Findings:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Findings)
    except FileNotFoundError:
        raise NoTarget(f"Locust ended without a result: {last[-1] if last else 'no output'}") from None


def _command(order: Order, plan: Plan) -> list[str]:
    per_s = SCENARIOS[order.scenario].arrivals_per_s(order.fans)
    command = [
        sys.executable,
        "-P",
        "-m",
        "locust",
        "-f",
        str(LOCUSTFILE),
        "--host",
        plan.url,
        "--only-summary",
    ]
    command += ["--users", str(order.fans), "--spawn-rate", f"{per_s:.2f}", "--loglevel", "WARNING"]
    if order.web:
        return [*command, "--web-host", "127.0.0.1", "--web-port", str(order.web_port)]
    return [*command, "--headless", "--run-time", f"{order.seconds}s", "--stop-timeout", "1"]


async def _read(process: asyncio.subprocess.Process, last: deque[str], order: Order) -> None:
    assert process.stdout is not None
    if order.web:
        _print(f"Locust's page: http://127.0.0.1:{order.web_port} (Ctrl-C ends the run with the verdict)")
    async for raw in process.stdout:
        line = raw.decode(errors="replace").rstrip()
        if line.startswith(PROGRESS):
            so_far: Mapping[str, object] = msgspec.json.decode(line.removeprefix(PROGRESS))
            progress(so_far, order.fans)
        elif line:
            last.append(line)
    await process.wait()


def _print(line: str) -> None:
    print(f"load: {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Exit code 0: the verdict is good; 1: it is not, or the run could not be made."""
    try:
        order = msgspec.json.decode(sys.argv[1], type=Order)
        return 0 if asyncio.run(run(order)) else 1
    except (CannotRun, Refusal) as error:
        print(f"fairgate: {error}", file=sys.stderr)
    except STORE_AWAY as error:
        print(f"fairgate: a store is unavailable: {error or type(error).__name__}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
