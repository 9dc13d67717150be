"""Work that keeps failing by itself is set aside, so that the rest can continue.

`failures` puts it there, with the reason; `retries` is how staff try again or dismiss it. Never here: work
that failed because a store was unavailable; that is tried again where it is.
"""
