"""Who may cache a response, in one table: nobody, unless it is the same for everybody allowed to see it.

A response that depends on a credential, a cookie or the time is only for its requester (`PRIVATE`). That is
also the default, set in the one place in each lane that sends responses. Documents about published things may
be cached by anybody for a second; unpublished ones are visible only to staff, so they are private, too.
"""

from __future__ import annotations

Header = tuple[bytes, bytes]

CACHE_CONTROL = b"cache-control"
PRIVATE: Header = (CACHE_CONTROL, b"private, no-store")
NO_STORE: Header = (CACHE_CONTROL, b"no-store")
SECOND: Header = (CACHE_CONTROL, b"public, max-age=1")
SECONDS: Header = (CACHE_CONTROL, b"public, max-age=5")
MINUTE: Header = (CACHE_CONTROL, b"public, max-age=60")
PUBLIC: dict[str, Header] = {  # by the name of the call; all others are private
    "status": SECOND,
    "availability": SECOND,
    "read_event": SECOND,
    "read_seats": SECOND,
    "log_head": SECOND,
    "log_heads": SECOND,
    "log_checkpoint": SECOND,
    "log_entries": SECOND,
    "fairness": SECONDS,  # a page
    "log_inclusion": MINUTE,
    "log_consistency": MINUTE,
    "jwks": MINUTE,
    "openapi": MINUTE,
}
# nginx keeps a 404 for a second: it needs something to replace a cached document, as otherwise it goes on
# serving that while revalidating. Other caches get no-store, which comes second, because nginx before 1.23
# obeys the first of the two.
GONE: Header = (b"x-accel-expires", b"1")


def shared(call: str, *, published: bool = True) -> Header:
    """The header for this call's response, which is the same for everybody; private unless published."""
    return PUBLIC[call] if published else PRIVATE


def has_cache_control(headers: list[Header]) -> bool:
    """Whether a response sets Cache-Control itself. Names are in lower case, as in ASGI."""
    for name, _ in headers:  # half the cost of `any`, on the path of every response
        if name == CACHE_CONTROL:
            return True
    return False
