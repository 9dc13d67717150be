"""`fairgate up` from outside: it starts, keeps everything alive, and stops without a trace."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from app.runtime.child_process import RESTART_DELAY_S
from app.runtime.supervisor import ROLES_STOP_TIMEOUT_S, STORES_STOP_TIMEOUT_S, WATCH_EVERY_S
from app.store.connections import REDIS_AWAY
from tests.platform.outside import Up, fairgate, up, wait_until_gone
from tests.support.http import plain_client
from tests.support.prepared_postgres import prepare
from tests.support.promtool import check_metrics
from tests.support.waiting import PATIENCE_S, wait_until


async def addresses(data: Path) -> dict[str, str]:
    """The output of `fairgate env`."""
    ended = await fairgate("env", "--data", str(data))
    assert ended.code == 0, ended.err
    return dict(line.split("=", 1) for line in ended.out.splitlines())


async def ready_again(installation: Up) -> None:
    """Wait until `/readyz` finds the stores and a worker; every request meanwhile gets a response."""
    async with plain_client(installation.url, timeout=20) as client:

        async def ready() -> bool:
            answer = await client.get("/readyz")
            assert answer.status_code in (200, 503)
            return answer.status_code == 200

        await wait_until(ready, "readiness")


async def test_up_serves_and_env_tells_where_the_stores_are(installation: Up) -> None:
    async with plain_client(installation.url, timeout=20) as client:
        assert (await client.get("/readyz")).status_code == 200
    urls = await addresses(installation.data)
    assert list(urls) == ["REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_URL", "OPS_URL", "WORKER_OPS_URL"]
    async with Redis.from_url(urls["REDIS_URL"]) as redis:
        assert await redis.ping()
    async with plain_client(timeout=20) as client:
        for url in (urls["OPS_URL"], urls["WORKER_OPS_URL"]):
            scrape = (await client.get(f"{url}/metrics")).text
            assert "fairgate_stores_up 1.0" in scrape
            await check_metrics(scrape)
            assert (await client.get(f"{url}/readyz")).json()["worker"] == "ok"
            assert (await client.get(f"{url}/livez")).json() == {"status": "ok"}
    connection = await asyncpg.connect(urls["DATABASE_URL"])
    assert await connection.fetchval("SELECT count(*) FROM rooms") is not None
    await connection.close()


async def test_doctor_finds_nothing_wrong(installation: Up) -> None:
    ended = await fairgate("doctor", "--json", "--data", str(installation.data))
    assert (ended.code, ended.err) == (0, ""), ended.out
    report = json.loads(ended.out)
    assert report["well"]
    assert {"migrations", "worker", "web", "backlog", "keys"} <= {it["name"] for it in report["findings"]}
    secret = (installation.data / "secret").read_text()
    assert secret not in ended.out


def test_a_ctrl_c_takes_less_than_5_s() -> None:
    """Even if processes have to be killed; one second is for everything else."""
    assert ROLES_STOP_TIMEOUT_S + STORES_STOP_TIMEOUT_S < 4


def test_what_died_is_started_again_within_2_s() -> None:
    assert WATCH_EVERY_S + RESTART_DELAY_S < 2


async def test_up_goes_on_with_the_same_data_after_a_stop_and_after_a_kill(data: Path) -> None:
    prepare(data / "postgres")
    first = await up(data)
    urls = await addresses(data)
    async with Redis.from_url(urls["REDIS_URL"]) as redis:
        await redis.set("kept", "yes", ex=600)
    secret = (data / "secret").read_text()
    await first.stop(signal.SIGINT)
    assert not (data / "run.json").exists()
    ended = await fairgate("env", "--data", str(data))
    assert ended.code == 1
    assert "fairgate up" in ended.err

    config = data.parent / "fairgate.yaml"
    config.write_text("log_level: info\n")
    second = await up(data, "--web", "2", "--workers", "2", FAIRGATE_CONFIG=str(config))
    again = await addresses(data)
    stores = ("REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_URL")
    assert [again[it] for it in stores] == [urls[it] for it in stores]
    async with Redis.from_url(urls["REDIS_URL"]) as redis:
        assert await redis.get("kept") == b"yes"
    assert (data / "secret").read_text() == secret
    assert len(second.pids("fairgate web")) == len(second.pids("fairgate worker")) == 2

    await all_handle_hangups(second)  # a role that started later would find the new settings at its start
    config.write_text("security_contact: mailto:safe@example.org\n")
    await check_settings_are_reloaded(second)
    family = [child.pid for child in second.supervisor.children(recursive=True)]
    assert len(family) >= 6
    second.process.kill()
    await second.process.wait()
    for pid in family:
        await wait_until_gone(pid)
    third = await up(data)
    await third.stop()


async def all_handle_hangups(running: Up) -> None:
    """Wait until every role has installed its handler of SIGHUP and no longer blocks the signal."""
    roles = running.pids("fairgate web") | running.pids("fairgate worker")

    def handles(pid: int) -> bool:
        status = Path(f"/proc/{pid}/status").read_text()
        caught, blocked = (int(status.partition(f"{it}:")[2].split()[0], 16) for it in ("SigCgt", "SigBlk"))
        hangup = 1 << (signal.SIGHUP - 1)
        return bool(caught & hangup and not blocked & hangup)

    async def all_handle() -> bool:
        return all(map(handles, roles))

    await wait_until(all_handle, "every role to handle SIGHUP")


async def check_settings_are_reloaded(running: Up) -> None:
    """SIGHUP to the supervisor reaches every role."""
    running.process.send_signal(signal.SIGHUP)

    async def all_have_read_it() -> bool:
        return running.log.read_text().count('"changed": ["security_contact"]') == 5

    await wait_until(all_have_read_it, "the supervisor and its four roles to read their settings again")
    async with plain_client(running.url, timeout=PATIENCE_S) as client:
        told_whom = await client.get("/.well-known/security.txt")
    assert told_whom.text.startswith("Contact: mailto:safe@example.org\n")


async def test_what_it_keeps_secret_is_readable_by_its_owner_alone(installation: Up) -> None:
    folder = installation.data
    for path in (
        folder / "secret",
        folder / "run.json",
        *folder.glob("*/password"),
        *folder.glob("*/*.conf"),
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


async def test_statements_are_kept_where_the_database_is_our_own(installation: Up) -> None:
    for role in ("fairgate web", "fairgate worker"):
        (pid,) = installation.pids(role)
        environment = psutil.Process(pid).environ()
        assert environment["FAIRGATE_POSTGRES_STATEMENTS"] == "100", role


@pytest.mark.skipif(sys.platform != "linux", reason="a scheduling policy of Linux")
async def test_no_process_interrupts_the_one_that_woke_it(installation: Up) -> None:
    for words in ("fairgate web", "fairgate worker", "valkey-server", "bin/postgres"):
        pids = installation.pids(words)
        assert pids, words
        assert {os.sched_getscheduler(pid) for pid in pids} == {os.SCHED_BATCH}, words


async def test_two_ups_on_one_folder_are_refused(installation: Up) -> None:
    ended = await fairgate("up", "--data", str(installation.data), "--port", "0")
    assert ended.code == 1
    assert f"pid {installation.process.pid}" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert await addresses(installation.data)  # the first one keeps running


@pytest.mark.parametrize("role", ["fairgate web", "fairgate worker"])
async def test_a_killed_role_is_started_again_at_once(installation: Up, role: str) -> None:
    (pid,) = installation.pids(role)

    async def others() -> set[int]:
        return installation.pids(role) - {pid}

    os.kill(pid, signal.SIGKILL)
    await wait_until(others, f"a new {role}")
    # The listening socket outlives the process: a request waits instead of being refused.
    await ready_again(installation)


async def test_a_role_that_is_killed_again_and_again_comes_back_each_time(installation: Up) -> None:
    for _ in range(3):
        (pid,) = installation.pids("fairgate worker")
        os.kill(pid, signal.SIGKILL)

        async def another(old: int = pid) -> set[int]:
            return installation.pids("fairgate worker") - {old}

        await wait_until(another, "a new worker")


async def test_a_killed_valkey_answers_again_at_its_address(installation: Up) -> None:
    urls = await addresses(installation.data)
    async with Redis.from_url(urls["REDIS_URL"]) as redis:
        pid = int((await redis.info("server"))["process_id"])
        os.kill(pid, signal.SIGKILL)

        async def answers() -> bool:
            try:
                return int((await redis.info("server"))["process_id"]) != pid
            except REDIS_AWAY:
                return False

        await wait_until(answers, "Valkey back")
    await ready_again(installation)


async def test_a_killed_postgres_answers_again_at_its_address(installation: Up) -> None:
    urls = await addresses(installation.data)
    pid = int((installation.data / "postgres/data/postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)

    async def answers() -> bool:
        try:
            connection = await asyncpg.connect(urls["DATABASE_URL"], timeout=15)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    await wait_until_gone(pid)
    await wait_until(answers, "Postgres back")
    await ready_again(installation)


async def test_only_the_store_without_an_address_is_embedded(data: Path, redis_server_url: str) -> None:
    prepare(data / "postgres")
    running = await up(data, REDIS_URL=redis_server_url)
    urls = await addresses(data)
    assert urls["REDIS_URL"] == urls["QUEUE_REDIS_URL"] == redis_server_url
    assert not (data / "valkey").exists()
    assert (data / "postgres").exists()
    await running.stop()


async def test_a_ctrl_c_while_it_starts_is_a_clean_end(data: Path) -> None:
    for number in range(5):  # on a busy machine it may be ready before the signal
        if await interrupted_while_starting(data.with_name(f"{data.name} {number}")):
            return
    pytest.fail("it was ready before the signal each time")


async def interrupted_while_starting(data: Path) -> bool:
    """Start and interrupt it, with a clean end. Returns whether that was before it was ready."""
    starting, port = asyncio.create_task(up(data)), data / "valkey" / "port"
    await wait_until(lambda: asyncio.to_thread(port.exists), "the first store")
    (supervisor,) = (child for child in psutil.Process().children() if str(data) in child.cmdline())
    family = supervisor.children(recursive=True)
    supervisor.send_signal(signal.SIGINT)
    (running,) = await asyncio.gather(starting, return_exceptions=True)
    if isinstance(running, Up):
        assert await asyncio.wait_for(running.process.wait(), PATIENCE_S) == 0
    else:
        assert "stopped" in str(running)
    for process in family:
        await wait_until_gone(process.pid)
    return not isinstance(running, Up)


async def stopped_beside_a_stream(running: Up) -> None:
    """Stop it while somebody follows the demo's room: the stream ends, and nothing waits for its reader."""
    async with plain_client(running.url, timeout=20) as client:

        async def on_sale() -> bool:
            return (await client.get("/v1/rooms/demo")).status_code == 200

        await wait_until(on_sale, "the demo sale")
        async with client.stream("GET", "/v1/rooms/demo/events") as stream:
            lines = stream.aiter_lines()
            while not (await anext(lines)).startswith("data:"):
                pass
            stopping = asyncio.create_task(running.stop(signal.SIGTERM))
            async for _ in lines:
                pass
        await stopping


async def test_open_streams_end_when_it_stops(data: Path) -> None:
    """Granian's, on IPv6; the next test covers Hypercorn's."""
    prepare(data / "postgres")
    running = await up(data, "--server", "granian", "--host", "::1", "--fans", "0", command="demo")
    assert "::1" in running.url
    await stopped_beside_a_stream(running)
