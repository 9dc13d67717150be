"""A worker whose only Redis is a Cluster says at the start where its job queue could be."""

from __future__ import annotations

import pytest

from app.core.errors import CannotRun
from app.settings import Settings
from tests.conftest import Servers
from worker import lifespan


async def test_a_worker_needs_a_single_server_for_its_queue(servers: Servers) -> None:
    settings = Settings(redis_url=servers.redis_url, database_url=servers.database_url)
    arq = {"settings": settings, "queue": None}
    with pytest.raises(CannotRun, match="QUEUE_REDIS_URL"):
        await lifespan.start(arq)
    await lifespan.stop(arq)  # as arq does, although nothing was started
