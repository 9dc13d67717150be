"""The same served app as in tests/routes, and one sale for all generated calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
import schemathesis
from pydantic import SecretStr
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)

from app.store.connections import connected
from tests.conftest import Servers
from tests.contract.create_world import a_world
from tests.contract.world import World
from tests.routes.conftest import served, settings, settings_of, web, worker, working
from tests.support.app_server import serve_app
from tests.support.empty_database import Empty
from tests.support.receiver import receiving

CALL_TIMEOUT_S = 15
BASE = "http://fairgate.test"  # of links in mails
REFUSALS = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429, 503]  # too many seats are too large
CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(
        default=ProjectConfig(
            max_stream_events=1,  # streams are endless
            request_timeout=CALL_TIMEOUT_S,
            checks=ChecksConfig.from_dict({"negative_data_rejection": {"expected-statuses": REFUSALS}}),
            generation=GenerationConfig(with_security_parameters=False),  # the world has valid ones
        )
    )
)

__all__ = ["settings", "web", "worker"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(servers: Servers, empty: Empty) -> AsyncIterator[World]:
    """A sale on a real port, with a worker; one per module, since it takes two seconds to create."""
    links = {"smtp_url": SecretStr("smtp://127.0.0.1:9"), "mail_from": "a@example.org", "public_url": BASE}
    chosen = settings_of(servers).model_copy(update={"webhooks_private": True, **links})
    async with connected(chosen) as stores:
        await stores.redis.flushall()
        running = served(chosen), working(stores, chosen), receiving()
        async with running[0] as site, running[1], running[2] as shop, serve_app(site.quart) as url:
            contract = await asyncio.to_thread(
                schemathesis.openapi.from_url, f"{url}/openapi.json", config=CONFIG
            )
            yield await a_world(site, url, contract, shop.url)
        await stores.redis.flushall()
    await empty(servers.database_url)
