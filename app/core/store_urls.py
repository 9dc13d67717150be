"""The addresses of stores.

They may name several hosts, which `urlsplit` refuses if one is an IPv6 address.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def split_store_url(url: str) -> SplitResult:
    """Split a URL as `urlsplit` does, but allow several hosts, such as `a:1,[::1]:2`.

    Raises ValueError for a host that `urlsplit` refuses on its own.
    """
    scheme, colon, rest = url.partition("://")
    if not colon:
        return urlsplit(url)
    end = next((at for at, char in enumerate(rest) if char in "/?#"), len(rest))
    netloc, after = rest[:end], urlsplit(f"//host{rest[end:]}")
    for host in netloc.rpartition("@")[2].split(","):
        urlsplit(f"//{host}")
    return SplitResult(scheme.lower(), netloc, after.path, after.query, after.fragment)
