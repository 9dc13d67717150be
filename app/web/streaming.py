"""Sends an answer that is a stream: plain ASGI, as the lane in front of Quart speaks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractContextManager, suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


def part(body: bytes) -> Message:
    """A piece of a streamed body. One may be sent to any number of streams: nobody changes it."""
    return {"type": "http.response.body", "body": body, "more_body": True}


class Stream:
    """An open answer that is told what to send. It has a task only while it sends: nearly never."""

    __slots__ = ("_next", "_send", "_task")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self._next: Message | None = None

    def tell(self, message: Message, *, needed: bool = True) -> None:
        """Send it. A reader who is slow is told the newest only, and nothing that is not needed."""
        if self._task is None:
            self._task = asyncio.create_task(self._sending(message))
        elif needed:
            self._next = message

    async def _sending(self, message: Message | None) -> None:
        with suppress(OSError):  # the reader left while we were sending; who waits for that will see it
            while message is not None:
                await self._send(message)
                if message is END:
                    return  # and keep the task: nothing may be sent any more
                message, self._next = self._next, None
        self._task = None


Audience = Callable[[Stream], AbstractContextManager[None]]  # tells a stream what to send as long as it is in


async def send_told(audience: Audience, receive: Receive, send: Send) -> None:
    """Let the stream be told until its reader has gone; told the end, a server says that, too."""
    with audience(Stream(send)):
        await _disconnected(receive)


async def send_stream(chunks: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send until the stream ends or its reader has gone."""

    async def sending() -> None:
        async for chunk in chunks:
            await send(part(chunk))
        await send(END)

    task = asyncio.create_task(sending())
    gone = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError, OSError):  # the reader left while we were sending
            await task


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
