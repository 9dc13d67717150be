"""Server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

RETRY = b"retry: 2000\n"
COMMENT = b": still here\n\n"
COMMENT_EVERY_S = 12.0  # the contract says at least each 15 s


def event(name: str, document: bytes) -> bytes:
    """One event with a JSON document, which has no line breaks."""
    return b"event: " + name.encode() + b"\ndata: " + document + b"\n\n"


async def server_sent(
    name: str, documents: AsyncIterator[bytes], closing: asyncio.Event
) -> AsyncIterator[bytes]:
    """Each document as an event, a comment when it is quiet; ends with the documents, or when closing."""
    ending = asyncio.create_task(closing.wait())
    source: Any = documents  # an async generator: closed at the end, whatever ends it
    following: asyncio.Task[bytes] = asyncio.create_task(anext(source))
    prefix = RETRY
    try:
        while not ending.done():
            await asyncio.wait(
                {following, ending}, timeout=COMMENT_EVERY_S, return_when=asyncio.FIRST_COMPLETED
            )
            if following.done():
                try:
                    document = following.result()
                except StopAsyncIteration:
                    return
                yield prefix + event(name, document)
                prefix = b""
                following = asyncio.create_task(anext(source))
            elif not ending.done():
                yield COMMENT
    finally:
        ending.cancel()
        following.cancel()
        await asyncio.gather(ending, following, return_exceptions=True)
        await source.aclose()
