"""A Cluster with no node left counts as an unreachable store, and recovers when a node responds."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from app.runtime import embedded_stores
from app.store.connections import REDIS_AWAY, connect_redis
from tests.cluster.conftest import form, start
from tests.support.waiting import wait_until


async def test_with_all_nodes_gone_the_store_is_away_and_comes_back() -> None:
    folder = Path(tempfile.mkdtemp(prefix="fairgate-cluster-"))
    nodes = [start(folder / f"node{number}") for number in range(3)]
    try:
        await form(nodes)
        client = await connect_redis(nodes[0].url, timeout_s=5)
        await client.set("key", "value")
        for node in nodes:
            embedded_stores.stop(node)
        # the first call finds the connection broken, the next that no node is known any more
        for _ in range(3):
            with pytest.raises(REDIS_AWAY):
                await client.get("key")
        nodes = [start(folder / f"node{number}") for number in range(3)]

        async def answers_again() -> bool:
            try:
                return bool(await client.get("key") == "value")
            except REDIS_AWAY:
                return False

        await wait_until(answers_again, "the cluster")
        await client.aclose()
    finally:
        for node in nodes:
            embedded_stores.stop(node)
        shutil.rmtree(folder)
