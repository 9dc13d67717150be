"""Long-running tasks: no failure ends one, and one room's trouble does not affect another."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import loops, metrics
from app.core.errors import Restoring, StoreUnavailable
from app.loops import Loops, each, read_each
from tests.support.waiting import PATIENCE_S, wait_until

ROOT = Path(__file__).parents[1]
STARTS = {"create_task", "ensure_future", "TaskGroup", "gather", "run_coroutine_threadsafe", "shared_task"}
NOT_LOOPS = {
    "app/gate/prometheus.py _values": "a few queries, awaited",
    "app/demo/sale.py": "a command: it ends with its crowd, and reports what went wrong",
    "app/commands/gate.py _run": "a command: it ends if anything breaks here",
    "app/demo/fans.py": "simulated visitors of that command",
    "app/runtime/serve.py": "the server itself: the process ends with it",
    "app/runtime/granian_server.py": "the same",
    "app/runtime/supervisor.py": "`fairgate up`: it ends if anything breaks here, and ends its processes",
    "app/doctor/examination.py _all": "a command: awaited",
    "app/reservations/pending.py ReservationEngine.see_through": "its caller awaits it, or has gone",
    "app/reservations/pending.py ReservationEngine.policy_of": "one reading, shared by its callers",
    "app/monitoring/health.py check": "awaited",
    "app/notifications/sender_domain.py records": "three queries, awaited",
    "app/reservations/orders.py story": "awaited",
    "app/web/console/sale/guests.py _add": "the orders of one list, awaited",
    "app/monitoring/heartbeat.py keep_beating": "one heartbeat, awaited",
    "app/store/drivers/postgres_pool.py _Lease._let_go": "returns one connection",
    "app/store/spans.py shared_task": "its uses are in this list",
    "app/store/coalescer.py Coalescer.submit": "one drain; its callers get its errors",
    "app/store/coalescer.py Coalescer._leave_behind": "the same",
    "app/web/http/status_board.py StatusBoard._followed": "one reading, checked by the next turn",
    "app/web/gate/rooms.py GateRooms.settings": "one reading, which the next request finds done",
    "app/monitoring/readiness.py check": "awaited",
    "app/store/single_flight.py SingleFlight.task": "one piece of work, shared by its callers",
    "app/web/http/streaming.py Stream.send": "one message, to one reader",
    "app/web/http/streaming.py send_stream": "one response, awaited",
    "app/web/http/sse.py server_sent": "one response, awaited",
    "app/waiting_room/arriving.py _number_in_parts": "a query to each part, awaited",
    "app/waiting_room/gathering.py gather": "a check of each part, awaited",
    "app/waiting_room/gathering.py _move": "not a task: the script `gather`",
    "worker/room_ticker.py RoomTicker._follow_up": "not a task: one tick of `gathering`",
    "worker/admission.py BusyRooms.run": "waits for supervised loops",
    "worker/processor.py Lanes.run": "waits for supervised loops",
}


def tasks_started(path: Path) -> Iterator[str]:
    """Each function of a file that starts a task: `file function`."""
    name = path.relative_to(ROOT).as_posix()

    def inside(node: ast.AST, within: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from inside(child, f"{within}.{child.name}" if within else child.name)
                continue
            if (
                isinstance(child, ast.Call)
                and getattr(child.func, "attr", getattr(child.func, "id", "")) in STARTS
            ):
                yield f"{name} {within}"
            yield from inside(child, within)

    yield from inside(ast.parse(path.read_text()), "")


def test_every_task_is_supervised_or_has_a_reason_not_to_be() -> None:
    files = [it for folder in ("app", "worker") for it in (ROOT / folder).rglob("*.py")]
    found = {it for path in files if path.name != "loops.py" for it in tasks_started(path)}
    unknown = {it for it in found if it not in NOT_LOOPS and it.partition(" ")[0] not in NOT_LOOPS}
    assert not unknown, "start it with app.loops, or explain here why not"
    outdated = {it for it in NOT_LOOPS if " " in it} - found
    assert not outdated


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trouble is noticed immediately, and is soon over."""
    monkeypatch.setattr(loops, "FIRST_S", 0.005)
    monkeypatch.setattr(loops, "LONGEST_S", 0.02)
    monkeypatch.setattr(loops, "TROUBLE_S", 0.05)
    monkeypatch.setattr(loops, "STEADY_S", 1.5)


def restarts(loop: str) -> float:
    """How often it was restarted."""
    return float(metrics.LOOP_RESTARTS.labels(loop)._value.get())


@pytest.mark.usefixtures("quick")
async def test_a_loop_that_breaks_is_started_again_and_told_of_while_it_cannot_be_kept_running() -> None:
    running, healed = Loops(), asyncio.Event()
    before = restarts("test")

    async def fragile() -> None:
        if not healed.is_set():
            raise KeyError("unforeseen")
        await asyncio.Event().wait()

    tasks = [running.start("test", fragile), running.start("of_one_room", fragile, of="hall")]

    async def logged() -> bool:
        return len(running.troubles()) == 2 and restarts("test") - before >= 2

    await wait_until(logged, "the trouble")
    assert running.breaking() == "test"  # trouble with one room says nothing about the process
    assert {str(it) for it in running.troubles()} == {
        "test: KeyError: 'unforeseen'",
        "of_one_room hall: KeyError: 'unforeseen'",
    }
    healed.set()

    async def well() -> bool:
        return not running.troubles()

    await wait_until(well, "the end of the trouble")
    assert not any(it.done() for it in tasks)
    await loops.end(tasks)
    assert all(it.done() for it in tasks)


@pytest.mark.usefixtures("quick")
async def test_only_a_loop_that_is_cancelled_or_returns_ends() -> None:
    running, times = Loops(), 0

    async def three_times() -> None:
        nonlocal times
        times += 1
        if times == 1:
            gone = asyncio.create_task(asyncio.Event().wait())
            gone.cancel()
            await gone  # the cancellation of something else
        if times == 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ConnectionError("swallowed") from None  # as redis-py does while it connects

    task = running.start("test", three_times)

    async def second() -> bool:
        return times == 2

    await wait_until(second, "the second start")
    await loops.end([task])
    assert task.done()
    assert times == 2
    await asyncio.wait_for(running.start("test", three_times), PATIENCE_S)
    assert times == 3


async def test_what_is_wrong_with_one_is_counted_and_the_others_are_done() -> None:
    done: list[int] = []
    before = metrics.LOOP_FAULTS.labels("test")._value.get()

    async def work(number: int) -> int:
        if number % 3 == 0:
            raise ZeroDivisionError
        if number % 3 == 1:
            raise Restoring
        done.append(number)
        return number

    await each("test", range(30), work)
    assert sorted(done) == list(range(2, 30, 3))
    assert metrics.LOOP_FAULTS.labels("test")._value.get() - before == 10
    assert await read_each("test", range(30), work) == list(range(2, 30, 3))


async def test_a_store_that_is_away_is_told_after_all_were_tried() -> None:
    tried: list[int] = []

    async def away(number: int) -> int:
        tried.append(number)
        if number != 7:
            raise StoreUnavailable
        return number

    with pytest.raises(StoreUnavailable):
        await each("test", range(10), away)
    assert sorted(tried) == list(range(10))
    assert await read_each("test", range(10), away) == [7]  # a part of a Cluster
    with pytest.raises(StoreUnavailable):
        await read_each("test", range(5), away)
