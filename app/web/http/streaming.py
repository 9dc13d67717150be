"""Sends streamed responses in plain ASGI, for the lane in front of Quart.

Once a response has started, nothing can be refused any more. A later failure closes the connection without
ending the response, so that a truncated report is not mistaken for a complete one, and event clients
reconnect.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from app import logs, metrics
from app.core.errors import Refusal
from app.store.connections import STORE_AWAY

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SEND_TIMEOUT_S = 30.0


def last(body: bytes) -> Message:
    """The last piece of a streamed body."""
    return {"type": "http.response.body", "body": body, "more_body": False}


END = last(b"")


def part(body: bytes) -> Message:
    """A piece of a streamed body. It can be sent to any number of streams, because nobody mutates it."""
    return {"type": "http.response.body", "body": body, "more_body": True}


class Stream:
    """An open response that messages are pushed to. It only has a task while it sends, which is rarely.

    A reader that does not take a piece in time is dropped. That is checked when there is more to send, at
    least each COMMENT_EVERY_S: a timer per piece and reader would cost a tenth of sending it.
    """

    __slots__ = ("_next", "_owner", "_send", "_since", "_task", "_timeout_s", "broken")

    def __init__(self, send: Send, timeout_s: float = SEND_TIMEOUT_S) -> None:
        self._send = send
        self._timeout_s = timeout_s
        self._owner = asyncio.current_task()  # the request's
        self._task: asyncio.Task[None] | None = None
        self._next: Message | None = None
        self._since = 0.0  # when the current piece was started
        self.broken = False

    def send(self, message: Message, *, needed: bool = True) -> None:
        """Send a message. Slow readers only get the newest document and no comments."""
        if self._task is None:
            self._task = asyncio.create_task(self._sending(message))
            return
        if needed:
            self._next = message
        if not self.broken and self._since and time.monotonic() - self._since > self._timeout_s:
            self.broken = True  # and keep the task, so that nothing more is sent
            self._task.cancel()
            if self._owner is not None:
                self._owner.cancel()

    async def _sending(self, message: Message | None) -> None:
        with suppress(OSError):  # the reader left while we were sending; the request's task notices
            while message is not None:
                self._since = time.monotonic()
                await self._send(message)
                self._since = 0.0
                if not message["more_body"]:
                    return  # and keep the task: nothing may be sent any more
                message, self._next = self._next, None
        self._task = None


Audience = Callable[[Stream], AbstractContextManager[None]]  # feeds a stream while it is entered


async def feed_stream(
    audience: Audience, receive: Receive, send: Send, timeout_s: float = SEND_TIMEOUT_S
) -> None:
    """Feed the stream until its reader is gone."""
    stream = Stream(send, timeout_s)
    try:
        with audience(stream):
            await _disconnected(receive)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if not stream.broken or task is None or task.uncancel():
            raise
        metrics.STREAMS_BROKEN.labels("reader").inc()


async def send_stream(
    chunks: AsyncIterator[bytes],
    receive: Receive,
    send: Send,
    timeout_s: float = SEND_TIMEOUT_S,
    request_id: str = "",
) -> None:
    """Send until the stream ends, its reader leaves or stops reading, or something fails."""

    async def sending() -> None:
        try:
            async for chunk in chunks:
                await send_within(timeout_s, send, part(chunk))
            await send(END)
        except ReaderGone:
            pass
        except Exception as error:  # the response has started, so nobody else can handle it
            broke_off(error, request_id)

    task = asyncio.create_task(sending())
    disconnected = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({task, disconnected}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        disconnected.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError, OSError):  # the reader left while we were sending
            await task


class ReaderGone(Exception):
    """The reader left, or stopped reading for too long."""


async def send_within(timeout_s: float, send: Send, message: Message) -> None:
    """Send a piece of a response. Raises ReaderGone."""
    try:
        async with asyncio.timeout(timeout_s):
            await send(message)
    except TimeoutError:
        metrics.STREAMS_BROKEN.labels("reader").inc()
        raise ReaderGone from None
    except OSError:
        raise ReaderGone from None


def broke_off(error: Exception, request_id: str) -> None:
    """Log an aborted response: one line, with the details needed to find out why."""
    metrics.STREAMS_BROKEN.labels("error").inc()
    away = isinstance(error, (Refusal, *STORE_AWAY))
    fields = {"request_id": request_id, "why": repr(error)}
    if away:
        logs.get(__name__).warning("a response was aborted", **fields)
    else:
        logs.get(__name__).error("a response was aborted", exc_info=error, **fields)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
