"""Security headers of every response, whichever lane sends it."""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]

NOSNIFF = (b"x-content-type-options", b"nosniff")
HSTS = (b"strict-transport-security", b"max-age=31536000")  # a year, for exactly this host
ALWAYS: Headers = [NOSNIFF]
SECURE: Headers = [NOSNIFF, HSTS]


def added(headers: Headers, *, secure: bool) -> Headers:
    """A response's headers plus these; `secure`: the browser uses TLS."""
    return [*headers, *(SECURE if secure else ALWAYS)]
