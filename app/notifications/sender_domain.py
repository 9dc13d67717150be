"""DNS records of the domain that e-mails come from: SPF, DKIM and DMARC, by which receivers trust us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from email.utils import parseaddr
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

WAIT_S = 3.0  # for all queries together
PORT = 53
TEXT_MAX = 500  # of a displayed record
Seen = Literal["there", "missing", "unknown"]


class Record(NamedTuple):
    """A record that should exist. `found`: its content; "" if it is missing, or DNS did not answer."""

    kind: str
    name: str
    seen: Seen
    found: str
    advice: str


def domain_of(sender: str) -> str:
    """The domain of a sender; "" if there is none."""
    _, at, domain = parseaddr(sender)[1].rpartition("@")
    return domain.lower() if at else ""


async def records(domain: str, selector: str, servers: Sequence[str] = ()) -> list[Record]:
    """The records of a domain; including the DKIM key of a selector, if one is given."""
    resolver = resolver_of(servers)
    lookups = [
        ("SPF", domain, "v=spf1", "Publish what your mail provider says, such as v=spf1 include:... ~all."),
        ("DMARC", f"_dmarc.{domain}", "v=DMARC1", "Begin with v=DMARC1; p=none and an address for reports."),
    ]
    if selector:
        key = f"{selector}._domainkey.{domain}"
        lookups.append(("DKIM", key, "p=", "Publish the key that your mail provider signs with."))
    return await asyncio.gather(*(_record(resolver, *it) for it in lookups))


async def _record(resolver: Resolver, kind: str, name: str, marker: str, advice: str) -> Record:
    from dns.exception import DNSException
    from dns.resolver import NXDOMAIN, NoAnswer

    try:
        async with asyncio.timeout(WAIT_S):
            answer = await resolver.resolve(name, "TXT", search=False, lifetime=WAIT_S)
    except (NXDOMAIN, NoAnswer):
        return Record(kind, name, "missing", "", advice)
    except (DNSException, OSError):  # including TimeoutError
        return Record(kind, name, "unknown", "", "DNS did not answer; try again later.")
    texts = [b"".join(it.strings).decode("utf-8", "replace") for it in answer]
    text = next((it for it in texts if marker.lower() in it.lower()), "")
    return (
        Record(kind, name, "there", text[:TEXT_MAX], "")
        if text
        else Record(kind, name, "missing", "", advice)
    )


def resolver_of(servers: Sequence[str]) -> Resolver:
    """A resolver using these name servers, or the system's."""
    from dns.asyncresolver import Resolver
    from dns.nameserver import Do53Nameserver

    if not servers:
        return Resolver()
    resolver = Resolver(configure=False)
    addresses = [urlsplit(f"dns://{it}") for it in servers]
    resolver.nameservers = [Do53Nameserver(it.hostname or "", it.port or PORT) for it in addresses]
    return resolver
