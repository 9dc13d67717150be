"""One gate address for many rooms: storing and changing the rules that map requests to rooms.

Each web process holds them in memory. A change is published when it is committed, and missed ones are read
every few seconds; while Postgres is unavailable the last reading stays in effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.errors import StoreUnavailable, ValidationFailed
from app.core.gate.sites import Matcher, SiteRule, checked
from app.store.away import stores_answer
from app.store.connections import POSTGRES_AWAY, REDIS_AWAY, Stores
from app.store.keys import SITES_CHANNEL
from app.store.pubsub import listen, publish
from app.store.sql.gate import sites

REFRESH_S = 2.0
AGAIN_S = 1.0  # after Redis was unavailable

Change = Callable[[list[SiteRule]], Sequence[SiteRule]]


async def rules_of(stores: Stores) -> list[SiteRule]:
    """All rules, in order of precedence. Raises StoreUnavailable."""
    with stores_answer():
        return Matcher(await sites.select_rules(stores.postgres)).rules


async def change(stores: Stores, to: Change, *, by: Author) -> list[SiteRule]:
    """Change the rules; returns the new ones. Raises ValidationFailed, StoreUnavailable."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            await sites.lock_rules(connection)
            before = Matcher(await sites.select_rules(connection)).rules
            rules = to(before)
            after = checked(rules)
            missing = await sites.unknown_rooms(connection, [it.room_id for it in after])
            for i, rule in enumerate(rules):
                if rule.room_id in missing:
                    raise ValidationFailed(f"sites[{i}].room_id", f"there is no room {rule.room_id}")
            await sites.replace_rules(connection, after)
            was, now = (msgspec.to_builtins(it) for it in (before, after))
            entity = Entity("sites", "all")
            await audit.record(connection, by, "change", entity, before={"sites": was}, after={"sites": now})
    with suppress(*REDIS_AWAY):  # the other processes will find it themselves
        await publish(stores.redis, SITES_CHANNEL, "")
    return after


class Sites:
    """The rules as known to one process; `run` and `listen` must run to keep them current."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._matcher: Matcher | None = None

    def matcher(self) -> Matcher:
        """The current rules. Raises StoreUnavailable if this process could not read them yet."""
        if self._matcher is None:
            raise StoreUnavailable
        return self._matcher

    async def refresh(self) -> None:
        """Reread the rules. If Postgres is unavailable, the next reading catches up."""
        with suppress(*POSTGRES_AWAY):
            self._matcher = Matcher(await sites.select_rules(self._stores.postgres))

    async def run(self) -> None:
        """Reread them at intervals."""
        while True:
            await asyncio.sleep(REFRESH_S)
            await self.refresh()

    async def listen(self) -> None:
        """Reread them whenever they were changed."""
        while True:
            with suppress(*REDIS_AWAY):
                async for _ in listen(self._stores.redis, SITES_CHANNEL):
                    await self.refresh()
            await asyncio.sleep(AGAIN_S)
