"""Server-sent events: their format, and spreading reconnections."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import secrets
from collections.abc import AsyncIterator
from typing import Any

from app.web.http.draining import Draining

RETRY_MIN_MS, RETRY_MAX_MS = 1_000, 10_000
COMMENT = b": still here\n\n"
COMMENT_EVERY_S = 12.0  # the contract promises at least one every 15 s


_spread = itertools.count(secrets.randbelow(RETRY_MAX_MS))


def retry() -> bytes:
    """When this stream's client should reconnect: spread, so that a crowd does not do so at once.

    Uses steps of the golden ratio, so that any streams opened consecutively are spread over the whole range.
    """
    return b"retry: %d\n" % _next_ms()


def goodbye() -> bytes:
    """The last event of a stream whose process is stopping: when to reconnect, spread as above."""
    ms = _next_ms()
    return b"retry: %d\n" % ms + event("reconnect", b'{"retry_ms":%d}' % ms)


def _next_ms() -> int:
    return RETRY_MIN_MS + next(_spread) * 5_563 % (RETRY_MAX_MS - RETRY_MIN_MS + 1)


def event(name: str, document: bytes, event_id: str = "") -> bytes:
    """Format an event with a JSON document, which has no line breaks, and an optional id."""
    named = b"event: " + name.encode() + b"\n"
    if event_id:
        named += b"id: " + event_id.encode() + b"\n"
    return named + b"data: " + document + b"\n\n"


def event_id_of(document: bytes) -> str:
    """The id of a document: the same for the same bytes, in any process."""
    return hashlib.blake2b(document, digest_size=9).hexdigest()


async def server_sent(name: str, documents: AsyncIterator[bytes], draining: Draining) -> AsyncIterator[bytes]:
    """Send each document as an event with an id, comments while idle; ends with the documents, or when
    closing."""
    ending = asyncio.create_task(draining.closing.wait())
    source: Any = documents  # an async generator: closed at the end, whatever ends it
    following: asyncio.Task[bytes] = asyncio.create_task(anext(source))
    prefix = retry()
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
                yield prefix + event(name, document, event_id_of(document))
                prefix = b""
                following = asyncio.create_task(anext(source))
            elif not ending.done():
                yield COMMENT
        await draining.turn()
        yield goodbye()
    finally:
        ending.cancel()
        following.cancel()
        await asyncio.gather(ending, following, return_exceptions=True)
        await source.aclose()
