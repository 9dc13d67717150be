"""What a site copies is the tested file with only the site's own values filled in."""

from __future__ import annotations

import re

import pytest

from app.core.model import RoomId
from app.gate import snippets
from app.gate.snippets import FILES, WAYS, Site, Way, filled

AS_IN_THE_FILES = Site(
    room_id=RoomId(snippets.ROOM), target_url=f"http://{snippets.NAME}/", public_url=snippets.PUBLIC
)
OURS = Site(
    room_id=RoomId("winter-sale"),
    target_url="https://tickets.opera.example/buy",
    public_url="https://queue.opera.example:8443",
    fairgate="10.1.2.3:9000",
    origin="shop.internal",
)
BACK = {  # each value filled in -> the original text
    "http://fairgate.fairgate": "http://fairgate.fairgate",
    "https://queue.opera.example:8443": snippets.PUBLIC,
    "address: 10.1.2.3, port_value: 9000": "address: 127.0.0.1, port_value: 8080",
    "address: shop.internal, port_value: 80": "address: 127.0.0.1, port_value: 3000",
    "10.1.2.3:9000": snippets.FAIRGATE,
    "shop.internal": snippets.ORIGIN,
    "tickets.opera.example {": "http://shop.example {",  # for Caddy, which then gets a certificate
    "tickets.opera.example": snippets.NAME,
    "winter-sale": snippets.ROOM,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_it_is_the_tested_file_with_the_values_put_in(way: Way) -> None:
    for file, text in filled(way, AS_IN_THE_FILES):
        assert text == (FILES / file.path).read_text()
    whole = ""
    for file, text in filled(way, OURS):
        whole += text
        parts = "|".join(re.escape(it) for it in BACK)
        assert re.sub(parts, lambda it: BACK[it[0]], text) == (FILES / file.path).read_text()
    assert "winter-sale" in whole
    left = (snippets.ROOM, snippets.FAIRGATE, snippets.ORIGIN, snippets.PUBLIC, snippets.NAME)
    assert not [it for it in left if it in whole]


def test_every_file_is_in_it_and_every_folder() -> None:
    there = {str(it.relative_to(FILES)) for it in FILES.rglob("*") if it.is_file() and it.name != "README.md"}
    assert there == {file.path for way in WAYS.values() for file in way.files}


@pytest.mark.parametrize(
    "address",
    ["https://shop.example;}/", "https://x{y}/", "https://a`b`/", "https://[::1]/", "", 'https://"/'],
)
def test_an_address_that_is_no_host_is_not_put_in(address: str) -> None:
    for way in WAYS.values():
        site = Site(room_id=RoomId(snippets.ROOM), target_url=address, public_url=snippets.PUBLIC)
        for file, text in filled(way, site):
            assert text.replace(f"{snippets.NAME} {{", f"http://{snippets.NAME} {{") == (
                FILES / file.path
            ).read_text().replace(f"{snippets.NAME} {{", f"http://{snippets.NAME} {{")
