"""What a log line says about the request it belongs to.

A request that somebody may want to look into has a record while it is handled: which call it is, what went
wrong, where its time went. Calls of a crowd have none, and pay for none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextvars import Context, ContextVar
from typing import Any, TypeVar

T = TypeVar("T")


class Record:
    """What is known of one request so far."""

    __slots__ = ("call", "error", "ids", "newcomers_document", "of_a_crowd", "spent_s")

    def __init__(self) -> None:
        self.call = ""  # the name of the call or page; "" for an address that is none
        self.ids: dict[str, str] = {}
        self.error: Exception | None = None  # our own bug
        self.of_a_crowd = False  # a line for some of these says enough
        self.spent_s: dict[str, float] = {}
        self.newcomers_document: object = None  # of a page that is the same for all newcomers: what it shows


RECORD: ContextVar[Record | None] = ContextVar("record", default=None)


class span:  # reads as a function: `with span("render"):`
    """Adds the time spent inside to the request's record under `name`."""

    __slots__ = ("_name", "_record", "_started")

    def __init__(self, name: str) -> None:
        self._name, self._record = name, RECORD.get()

    def __enter__(self) -> None:
        if self._record is not None:
            self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        if self._record is not None:
            spent_s = self._record.spent_s
            spent_s[self._name] = spent_s.get(self._name, 0.0) + time.perf_counter() - self._started


def shared_task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that many wait for: its log lines belong to no request, not even the one that started it."""
    return asyncio.create_task(work, context=Context())
