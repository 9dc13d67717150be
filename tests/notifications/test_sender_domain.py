"""The sender's DNS records: there, missing, or not known because DNS did not answer."""

from __future__ import annotations

import pytest

from app.notifications.sender_domain import domain_of, records
from tests.support.name_server import BROKEN, name_server

SPF, DMARC = ("example.org.", "TXT"), ("_dmarc.example.org.", "TXT")


async def test_records_are_there_missing_or_unknown() -> None:
    async with name_server() as names:
        names.zone |= {SPF: ['"other"', '"V=SPF1 " "-all"'], DMARC: [BROKEN]}
        found = await records("example.org", "", [names.address])
        assert [(it.kind, it.seen, it.found) for it in found] == [
            ("SPF", "there", "V=SPF1 -all"),
            ("DMARC", "unknown", ""),
        ]
        names.zone |= {SPF: ['"other"']}
        found = await records("example.org", "s1", [names.address])
        assert [(it.kind, it.seen) for it in found if it.kind != "DMARC"] == [
            ("SPF", "missing"),
            ("DKIM", "missing"),
        ]
        assert all(it.advice for it in found)


@pytest.mark.parametrize(
    ("sender", "domain"),
    [("Box <box@Example.ORG>", "example.org"), ("box@example.org", "example.org"), ("Box", ""), ("", "")],
)
def test_the_domain_of_a_sender(sender: str, domain: str) -> None:
    assert domain_of(sender) == domain
