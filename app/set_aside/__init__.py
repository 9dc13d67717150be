"""Work that failed again and again for a reason of its own is set aside, so that the rest goes on.

`failures` puts it there, with the reason; `retries` is how staff try again or dismiss it. Never here: work
that failed because a store was away; that is tried again where it is.
"""
