"""Webhook deliveries: their signing secrets, retry intervals and permitted destinations."""

from __future__ import annotations

import ipaddress
import secrets
from base64 import b64encode

RETRY_FIRST_S = 2
RETRY_MAX_S = 4 * 3600
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def new_secret() -> str:
    """A new signing secret in the form of Standard Webhooks."""
    return f"whsec_{b64encode(secrets.token_bytes(32)).decode()}"


def retry_after_s(attempts: int, jitter01: float) -> float:
    """Seconds until the next attempt of a delivery that failed `attempts` times: 2 s, 8 s, 32 s ... up to
    four hours.

    `jitter01` in 0 to 1 spreads it by a quarter each way, to disperse deliveries that failed together.
    """
    grown = RETRY_FIRST_S * 4 ** (min(attempts, 20) - 1)
    return float(min(RETRY_MAX_S, grown)) * (0.75 + 0.5 * jitter01)


def is_public(address: str) -> bool:
    """Whether an IP address is public: not private, loopback, link-local or multicast."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip.sixtofour is not None or ip.teredo is not None or ip in NAT64:
            return False  # an embedded IPv4 address, which may be ours
    return ip.is_global and not ip.is_multicast and not ip.is_reserved
