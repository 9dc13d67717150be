"""Subscriptions over a connection that breaks silently."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from app.store import pubsub
from app.store.connections import REDIS_AWAY, connect_redis
from app.store.pubsub import listen
from tests.conftest import Servers
from tests.support.wire import a_wire


async def test_a_silent_subscription_ends(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubsub, "PING_S", 0.05)
    address = urlsplit(servers.redis_url)
    async with a_wire("127.0.0.1", address.port or 0) as wire:
        url = servers.redis_url.replace(f":{address.port}/", f":{wire.port}/")
        redis = await connect_redis(url, timeout_s=5)
        messages = listen(redis, "news")
        assert await anext(messages) == ("", "")
        await pubsub.publish(redis, "news", "one")
        assert await anext(messages) == ("news", "one")
        wire.silence()
        with pytest.raises(REDIS_AWAY, match="stopped responding"):
            await anext(messages)
        await redis.aclose()
