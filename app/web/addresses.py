"""Where a request comes from. Proxies are believed only when they are ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
FORWARDED_MAX = 20  # hops looked at; a longer header is somebody playing


def trusted_networks(parts: Sequence[str]) -> tuple[Network, ...]:
    """The networks of a CIDR list."""
    return tuple(ip_network(part, strict=False) for part in parts)


def client_address(peer: str, forwarded_for: Iterable[str], trusted: tuple[Network, ...]) -> str:
    """The nearest address that is not one of our proxies, read from the right.

    `forwarded_for` are the lines of X-Forwarded-For in order; they count only when the peer is trusted.
    """
    if not trusted or not _within(peer, trusted):
        return peer
    hops = ",".join(forwarded_for).split(",")[-FORWARDED_MAX:]
    for hop in reversed(hops):
        address = _address(hop.strip())
        if address is None:
            return peer  # what stands left of nonsense was not written by our proxies
        peer = address
        if not _within(peer, trusted):
            break
    return peer


def forwarded_scheme(scheme: str, peer: str, forwarded_proto: str, trusted: tuple[Network, ...]) -> str:
    """The scheme the visitor used, told by a trusted proxy in X-Forwarded-Proto."""
    told = forwarded_proto.strip().lower()
    return told if told in ("http", "https") and trusted and _within(peer, trusted) else scheme


@lru_cache(maxsize=65_536)
def throttle_key(address: str) -> str:
    """What an address is throttled by: itself for IPv4, its /64 for IPv6 (one household has a whole /64)."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(IPv6Network((int(ip) >> 64 << 64, 64)))
    return str(ip)


@lru_cache(maxsize=4096)
def _within(address: str, networks: tuple[Network, ...]) -> bool:
    found = _address(address)
    if found is None:
        return False
    ip = ip_address(found)
    return any(ip.version == network.version and ip in network for network in networks)


def _address(text: str) -> str | None:
    """The address in `1.2.3.4`, `1.2.3.4:567`, `::1` or `[::1]:567`; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return str(getattr(ip, "ipv4_mapped", None) or ip)
