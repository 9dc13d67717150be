"""Who may cache an answer, in one table: nobody, unless it is the same for everybody who may ask.

What depends on a credential, a cookie or the moment is for whoever asked (`PRIVATE`). That is also what an
answer gets that says nothing, in the one place of each lane that sends it. Documents of what is published are
for any cache for a second; an unpublished one is shown to staff alone, so it is private too.
"""

from __future__ import annotations

Header = tuple[bytes, bytes]

CACHE_CONTROL = b"cache-control"
PRIVATE: Header = (CACHE_CONTROL, b"private, no-store")
NO_STORE: Header = (CACHE_CONTROL, b"no-store")
SECOND: Header = (CACHE_CONTROL, b"public, max-age=1")
SECONDS: Header = (CACHE_CONTROL, b"public, max-age=5")
MINUTE: Header = (CACHE_CONTROL, b"public, max-age=60")
PUBLIC: dict[str, Header] = {  # by the name of the call; what is not here is private
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
# That there is nothing any more is for nginx to keep for a second: it needs something to put in the place of
# a document it kept, else it goes on serving that while it asks again. Others are told no-store, and they are
# told it after this, because nginx before 1.23 goes by which of the two comes first.
GONE: Header = (b"x-accel-expires", b"1")


def shared(call: str, *, published: bool = True) -> Header:
    """The header for this call's answer, which is the same for everybody; private unless published."""
    return PUBLIC[call] if published else PRIVATE


def has_cache_control(headers: list[Header]) -> bool:
    """Whether an answer sets Cache-Control itself. Names are in lower case, as in ASGI."""
    for name, _ in headers:  # half of what `any` costs, on the way of each answer
        if name == CACHE_CONTROL:
            return True
    return False
