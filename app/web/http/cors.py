"""CORS, for the origins of FAIRGATE_CORS_ORIGINS and no others."""

from __future__ import annotations

from collections.abc import Sequence

EXPOSED = b"X-Request-Id, Location, Link, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replay, Allow"
TAKEN = (
    b"Authorization, Content-Type, Idempotency-Key, Prefer, X-Expected-Amount, X-Place-Token, X-Request-Id"
)
PREFLIGHT_MAX_AGE_S = b"600"

Headers = list[tuple[bytes, bytes]]


def added(headers: Headers, origins: Sequence[str], origin: bytes | None) -> Headers:
    """A response's headers plus those of CORS.

    `Vary` is always set, so that caches keep the responses for different origins apart; as a single header,
    because nginx before 1.23 only obeys the last one.
    """
    vary = [value for name, value in headers if name.lower() == b"vary"]
    kept_headers: Headers = [it for it in headers if it[0].lower() != b"vary"]
    kept_headers.append((b"vary", b", ".join([*vary, b"Origin"])))
    if origin is None:
        return kept_headers
    if origin.decode("latin-1") in origins:
        # Named origins may send cookies; `*` in the list lets anyone read, without them.
        kept_headers.append((b"access-control-allow-credentials", b"true"))
    elif "*" in origins:
        origin = b"*"
    else:
        return kept_headers
    kept_headers.append((b"access-control-allow-origin", origin))
    kept_headers.append((b"access-control-expose-headers", EXPOSED))
    return kept_headers


def preflight(methods: str) -> Headers:
    """The additional headers of a response to a preflight."""
    return [
        (b"access-control-allow-methods", methods.encode()),
        (b"access-control-allow-headers", TAKEN),
        (b"access-control-max-age", PREFLIGHT_MAX_AGE_S),
    ]
