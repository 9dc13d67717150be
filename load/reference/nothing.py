"""A server that does nothing: it answers every request at once, with as many bytes as a place has."""

from __future__ import annotations

from typing import Any

from load.reference.bare import Receive, Send

ANSWER = b'{"state":"waiting","number":123456,"ahead":12345,"wait_s":[600,900],"token":"' + b"x" * 160 + b'"}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())],
}


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer a request."""
    await send(START)
    await send({"type": "http.response.body", "body": ANSWER})
