"""A three-node Valkey Cluster from the embedded binary, for measurements that need one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from redis.asyncio import Redis

from app.core.errors import CannotRun
from app.runtime import embedded_stores
from app.runtime.embedded_stores import EmbeddedStore

SLOTS = 16_384
NODES = 3
TIMEOUT_S = 30.0


@asynccontextmanager
async def cluster() -> AsyncIterator[list[EmbeddedStore]]:
    """Start the nodes, each with a third of the slots; they are stopped afterwards."""
    with TemporaryDirectory(prefix="fairgate-load-cluster-") as folder:
        nodes: list[EmbeddedStore] = []
        try:
            for number in range(NODES):
                own = Path(folder) / str(number)
                own.mkdir()
                (own / "password").write_text("one-password-for-all-nodes")
                nodes.append(embedded_stores.start_valkey(own, cluster=True))
            await _form(nodes)
            yield nodes
        finally:
            for node in nodes:
                embedded_stores.stop(node)


async def _form(nodes: list[EmbeddedStore]) -> None:
    await asyncio.gather(*(embedded_stores.ready(node) for node in nodes))
    clients = [Redis.from_url(node.url, decode_responses=True) for node in nodes]
    bounds = [SLOTS * number // NODES for number in range(NODES + 1)]
    for number, client in enumerate(clients):
        await client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        await client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
    for node in nodes[1:]:
        await clients[0].execute_command("CLUSTER MEET", "127.0.0.1", urlsplit(node.url).port)
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            infos = [await client.execute_command("CLUSTER INFO") for client in clients]
            if all(it["cluster_state"] == "ok" and it["cluster_slots_ok"] == str(SLOTS) for it in infos):
                break
            if any(node.process.poll() is not None for node in nodes):
                raise CannotRun("a node of the cluster has ended")
            await asyncio.sleep(0.1)
    for client in clients:
        await client.aclose()
