"""Sets aside work that keeps failing by itself, so that the rest can continue.

`failures` stores it with the reason; in `retries` staff retry or dismiss it. Work that failed because a store
was unavailable does not belong here; it is retried in place.
"""
