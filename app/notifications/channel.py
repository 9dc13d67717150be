"""The interface of a notification channel: a queue filled by the relay, and a function that empties it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from app.settings import Settings
from app.store.connections import Connection, Stores
from app.store.sql.notifications.outbox import OutboxBatch

# Sends a few that are due. None: there were none; False: none was accepted, so the caller pauses for a while.
Send = Callable[[Stores], Awaitable[bool | None]]


class Channel(NamedTuple):
    """One way to notify others of events. The workers run `lanes` loops that send, named `send_NAME`.

    A channel without `opened` has its own loops in `worker/`.
    """

    name: str
    queue: Callable[[Connection, OutboxBatch], Awaitable[None]]
    """Write what these events mean for the channel into its own table. Runs in the relay's transaction,
    possibly twice for the same rows, and calls no other system."""
    opened: Callable[[Settings], Send] | None = None
    """Open what a worker sends with, from these settings; called once when it starts."""
    lanes: int = 1
