"""Every error as RFC 9457 problem+json: the only place where a refusal becomes a response."""

from __future__ import annotations

from typing import Any

import msgspec
from werkzeug.exceptions import HTTPException

from app import logs
from app.core.errors import (
    BacklogFull,
    BodyTooLarge,
    InternalError,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    Refusal,
    Retryable,
    StoreUnavailable,
)
from app.store.coalescer import CoalescerFull
from app.store.connections import STORE_AWAY
from app.store.spans import RECORD
from app.web.http.cache_control import NO_STORE
from app.web.http.routes import Response

PROBLEM = b"application/problem+json"
TYPE = "urn:fairgate:problem:"
STORE_RETRY_S = 2  # roughly how long a store takes to restart


class Problem(msgspec.Struct, frozen=True):
    """The body of every error; some codes add members."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def refusal_of(error: Exception) -> Refusal:
    """The refusal for an exception that ended a request."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, CoalescerFull):
        return BacklogFull("Too many requests are waiting.")
    if isinstance(error, HTTPException):
        return _refusal_of_quart(error)
    if isinstance(error, STORE_AWAY):
        return StoreUnavailable("A store is unavailable; try again in a moment.", STORE_RETRY_S)
    record = RECORD.get()
    if record is None:
        logs.get(__name__).error("unexpected error", exc_info=error)
    else:
        record.error = error  # logged with the request
    return InternalError("Something went wrong on our side. Try again, and tell us the X-Request-Id.")


def problem_response(refusal: Refusal) -> Response:
    """Render the refusal as a response."""
    document: dict[str, Any] = {
        "type": TYPE + refusal.code,
        "title": refusal.title(),
        "status": refusal.status,
        "detail": refusal.detail,
        "code": refusal.code,
        **refusal.members,
    }
    headers = [NO_STORE]
    if refusal.replayed:
        headers.append((b"idempotent-replay", b"true"))
    if isinstance(refusal, Retryable):
        headers.append((b"retry-after", str(max(1, refusal.retry_after_s)).encode()))
    if isinstance(refusal, RateLimited):
        headers += _rate_limit_headers(refusal)
    if isinstance(refusal, MethodNotAllowed):
        headers.append((b"allow", refusal.allow.encode()))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="fairgate"'))
    return Response(refusal.status, msgspec.json.encode(document), headers, PROBLEM)


def _rate_limit_headers(refusal: RateLimited) -> list[tuple[bytes, bytes]]:
    """RateLimit and RateLimit-Policy in the form of draft-ietf-httpapi-ratelimit-headers."""
    policy = f'"{refusal.policy}";q={refusal.quota};w={refusal.window_s}'
    left = f'"{refusal.policy}";r=0;t={max(1, refusal.retry_after_s)}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]


def _refusal_of_quart(error: HTTPException) -> Refusal:
    if error.code == 405:
        allow = getattr(error, "valid_methods", None) or ["GET"]
        return MethodNotAllowed(", ".join(sorted(allow)))
    if error.code == 413:
        return BodyTooLarge()
    return NotFound("There is nothing at this address; see /docs for the available calls.")
