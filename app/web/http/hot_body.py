"""Reads the body of a request that the hot lane serves itself, within its limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any

from app.core.errors import BodyTooLarge, MalformedJson
from app.web.http.deadlines import BodyPace, Waits, too_slow
from app.web.http.routes import Request
from app.web.http.streaming import Receive

BROKEN_OFF = "The body was cut off."  # its sender may still listen: Granian reports invalid chunks like this
DRAIN_MAX = 1024 * 1024  # how much of an oversized body is still read, so that its sender sees our response


def has_body(scope: Mapping[str, Any], request: Request) -> bool:
    """Whether a body may follow. HTTP/1 announces one in its headers; checking costs a turn of the loop."""
    length = request.headers.get(b"content-length")
    if length is None:
        return b"transfer-encoding" in request.headers or scope["http_version"] not in ("1.1", "1.0")
    return length != b"0"


async def read_body(receive: Receive, body_max: int, request: Request, waits: Waits) -> bytes:
    """Read the whole body. Raises BodyTooLarge, MalformedJson, also if it does not arrive."""
    announced, timeout_s = request.headers.get(b"content-length"), request.app.settings.body_timeout_s
    task, too_late = asyncio.current_task(), False
    assert task is not None
    began = waits.begin(task, timeout_s)
    try:
        try:
            message = await receive()
        finally:
            too_late = waits.end(task)
        body: bytes = message.get("body", b"")
        # Granian always reports that there may be more, and checking costs 15 us.
        complete = not message.get("more_body") or announced == b"%d" % len(body)
        if message["type"] == "http.request" and complete:  # all at once, as a rule
            if len(body) > body_max:
                raise BodyTooLarge(f"At most {body_max // 1024} KiB are accepted here.")
            return body
        async with asyncio.timeout_at(began + timeout_s) as limit:
            return await _rest_of_body(message, receive, body_max, BodyPace(limit, timeout_s, began))
    except TimeoutError:
        raise too_slow(timeout_s) from None
    except asyncio.CancelledError:  # Granian cancels the message, not us, on invalid data after the header
        if task.cancelling():
            raise
        raise (too_slow(timeout_s) if too_late else MalformedJson(BROKEN_OFF)) from None


async def _rest_of_body(
    message: MutableMapping[str, Any], receive: Receive, body_max: int, pace: BodyPace
) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise MalformedJson(BROKEN_OFF)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= body_max:
            chunks.append(chunk)
        if not message.get("more_body") or size > DRAIN_MAX:
            break
        pace.received(size)
        message = await receive()
    if size > body_max:
        raise BodyTooLarge(f"At most {body_max // 1024} KiB are accepted here.")
    return b"".join(chunks)
