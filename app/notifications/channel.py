"""What a notification channel is: a queue that the relay fills, and a way to empty it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from app.settings import Settings
from app.store.connections import Connection, Stores
from app.store.sql.outbox import Waiting

# Send a few that are due. None: there were none; False: not one was taken, so rest a while.
Send = Callable[[Stores], Awaitable[bool | None]]


class Channel(NamedTuple):
    """One way to notify others of changes. The workers run `lanes` loops that send, named `send_NAME`.

    A channel without `opened` has loops of its own in `worker/`.
    """

    name: str
    queue: Callable[[Connection, Waiting], Awaitable[None]]
    """Write what these changes mean for it into its own table. It runs in the relay's transaction, perhaps
    twice for the same rows, and asks no other system."""
    opened: Callable[[Settings], Send] | None = None
    """How a worker sends, with these settings; called once when it starts."""
    lanes: int = 1
