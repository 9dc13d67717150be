"""A three-node Valkey Cluster from the embedded binary; the suites imported in this folder run on it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from app.runtime import embedded_stores
from app.runtime.embedded_stores import EmbeddedStore, free_port
from tests.conftest import Servers
from tests.support.waiting import wait_until

SLOTS = 16_384
NODES = 3
BUS_OFFSET = 10_000  # the cluster bus listens this far above the port
OUTGOING_FROM = 32_768  # Linux assigns local ports for outgoing connections from here on


@pytest.fixture(scope="package")
def cluster_url() -> Iterator[str]:
    """The address of one node of a fresh cluster, which leads to the others."""
    folder = Path(tempfile.mkdtemp(prefix="fairgate-cluster-"))
    nodes: list[EmbeddedStore] = []
    try:
        nodes += (start(folder / f"node{number}") for number in range(NODES))
        asyncio.run(form(nodes))
        yield nodes[0].url
    finally:
        for node in nodes:
            embedded_stores.stop(node)
        shutil.rmtree(folder)


@pytest.fixture(scope="package")
def servers(servers: Servers, cluster_url: str) -> Servers:
    """The session's stores with the cluster in place of the single Valkey; every fixture follows."""
    return replace(servers, redis_url=cluster_url)


def start(folder: Path) -> EmbeddedStore:
    """Start a node that knows no other yet, or restart a stopped one with its data."""
    if not folder.exists():
        folder.mkdir()
        (folder / "port").write_text(str(_port_with_bus()))
        (folder / "password").write_text("one-password-for-all-nodes")
    return embedded_stores.start_valkey(folder, cluster=True)


def _port_with_bus() -> int:
    """A free port whose bus port is free, too, and outside the range for outgoing connections."""
    for _ in range(1000):
        port = free_port()
        with socket.socket() as probe, suppress(OSError):
            if port + BUS_OFFSET < OUTGOING_FROM:
                probe.bind(("127.0.0.1", port + BUS_OFFSET))
                return port
    raise AssertionError("no free pair of ports for a cluster node")


async def form(nodes: list[EmbeddedStore]) -> None:
    """Give each node a third of the slots, introduce the nodes, and wait until all of them agree."""
    await asyncio.gather(*(embedded_stores.ready(node) for node in nodes))
    clients = [Redis.from_url(node.url, decode_responses=True) for node in nodes]
    bounds = [SLOTS * number // NODES for number in range(NODES + 1)]
    for number, client in enumerate(clients):
        await client.execute_command("CLUSTER ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        await client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
    for node in nodes[1:]:
        await clients[0].execute_command("CLUSTER MEET", "127.0.0.1", urlsplit(node.url).port)

    async def agreed() -> bool:
        infos = [await client.execute_command("CLUSTER INFO") for client in clients]
        return all(info["cluster_state"] == "ok" and info["cluster_slots_ok"] == str(SLOTS) for info in infos)

    await wait_until(agreed, "the cluster to form")
    for client in clients:
        await client.aclose()
