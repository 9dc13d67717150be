"""The gate for proxies and shops: whether a request may pass, ending and renewing sessions, connector
settings.

A valid pass is checked without a store. Differences between proxies belong in `addresses`, nowhere else.
"""
