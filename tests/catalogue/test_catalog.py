"""Events from files: what `fairgate event import` does."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.catalogue import event_import, events
from app.commands import event_file
from app.core.catalogue.definitions import EventDefinition, EventPatch
from app.core.errors import Conflict
from app.core.model import EventId
from app.store.connections import Stores
from tests.support.builders import STAFF

YAML = """
event_id: gala
name: Gala 🎷
starts_at: 2030-01-01T20:00:00+01:00
room:
  admission_rate_per_minute: 60
ticket_types:
  - {ticket_type_id: floor, name: Floor, price: 5000, quantity: 10}
  - {ticket_type_id: balcony, name: Balcony, price: 3000, quantity: 5}
"""


def definition(tmp_path: Path, text: str = YAML, name: str = "gala.yaml") -> EventDefinition:
    """A file with this text, read as a definition."""
    path = tmp_path / name
    path.write_text(text)
    return event_file.read(path)


async def test_an_import_makes_the_event_its_room_and_its_tickets(stores: Stores, tmp_path: Path) -> None:
    made, new = await event_import.import_event(stores, definition(tmp_path), by=STAFF)
    assert (made.room_id, new) == ("gala", True)
    event, ticket_types = await events.event(stores, EventId("gala"))
    assert event.name == "Gala 🎷"
    assert [(it.ticket_type_id, it.total) for it in ticket_types] == [("floor", 10), ("balcony", 5)]


async def test_importing_again_brings_the_event_up_to_the_file(stores: Stores, tmp_path: Path) -> None:
    await event_import.import_event(stores, definition(tmp_path), by=STAFF)
    changed = YAML.replace("price: 5000, quantity: 10", "price: 6000, quantity: 20")
    _, new = await event_import.import_event(stores, definition(tmp_path, changed), by=STAFF)
    assert not new
    _, ticket_types = await events.event(stores, EventId("gala"))
    assert [(it.price, it.total) for it in ticket_types] == [(6000, 20), (3000, 5)]


async def import_file(stores: Stores, tmp_path: Path, text: str) -> None:
    """As `fairgate event import` does it."""
    (tmp_path / "gala.yaml").write_text(text)
    found, loaded = event_file.load(tmp_path / "gala.yaml")
    await event_import.import_event(stores, found, source=loaded, by=STAFF)


async def test_an_import_leaves_alone_what_the_file_does_not_mention(stores: Stores, tmp_path: Path) -> None:
    full = YAML.replace("name: Gala", "venue: Old Hall\nhold_ttl_s: 600\ntimezone: Europe/Paris\nname: Gala")
    full = full.replace("quantity: 10}", "quantity: 10, sale_from: 2029-01-01T00:00:00Z}")
    stalls = "name: Stalls, price: 7000, rows: 1, seats_per_row: 2"
    full += f"sections:\n  - {{{stalls}, sale_until: 2029-06-01T00:00:00Z}}\n"
    await import_file(stores, tmp_path, full)
    patch = EventPatch(max_tickets_per_visitor=2, published=False)
    await events.change_event(stores, EventId("gala"), patch, by=STAFF)
    before = await events.event(stores, EventId("gala"))
    await import_file(stores, tmp_path, YAML)
    sections = f"sections:\n  - {{{stalls}}}\n"
    await import_file(stores, tmp_path, YAML + sections)
    assert await events.event(stores, EventId("gala")) == before
    cleared = YAML.replace("name: Gala", "venue: ''\nname: Gala")
    await import_file(stores, tmp_path, cleared.replace("quantity: 10}", "quantity: 10, sale_from: null}"))
    event, types = await events.event(stores, EventId("gala"))
    assert (event.venue, types[0].sale_from, event.hold_ttl_s) == ("", None, 600)


async def test_an_import_in_another_currency_after_a_reservation_changes_nothing(
    stores: Stores, tmp_path: Path
) -> None:
    await import_file(stores, tmp_path, YAML)
    await stores.postgres.execute(
        "INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency, "
        "fingerprint, expires_at) VALUES ('r', 'gala', 'v', 'expired', '[]', 0, 'EUR', 'f', now())"
    )
    before = await events.event(stores, EventId("gala"))
    other = YAML.replace("name: Gala", "currency: JPY\nname: Ball").replace("price: 5000", "price: 1000")
    with pytest.raises(Conflict, match="currency cannot be changed"):
        await import_file(stores, tmp_path, other)
    assert await events.event(stores, EventId("gala")) == before


async def test_an_import_that_fails_changes_nothing(stores: Stores, tmp_path: Path) -> None:
    await event_import.import_event(stores, definition(tmp_path), by=STAFF)
    await stores.postgres.execute("UPDATE ticket_types SET sold = 4 WHERE ticket_type_id = 'balcony'")
    less = YAML.replace("quantity: 10", "quantity: 11").replace("quantity: 5", "quantity: 3")
    with pytest.raises(Conflict):
        await event_import.import_event(stores, definition(tmp_path, less), by=STAFF)
    _, ticket_types = await events.event(stores, EventId("gala"))
    assert [it.total for it in ticket_types] == [10, 5]


SECTIONS = """
sections:
  - {name: Stalls, price: 7000, rows: 3, seats_per_row: 4}
  - {name: Circle, price: 4000, rows: 1, seats_per_row: 2}
"""


async def test_an_import_makes_seats_and_brings_their_price_up_to_the_file(
    stores: Stores, tmp_path: Path
) -> None:
    priced: list[str] = []
    whole = definition(tmp_path, YAML + SECTIONS)
    await event_import.import_event(
        stores, whole, lambda section: priced.append(section.ticket_type_id), by=STAFF
    )
    assert priced == ["stalls", "circle"]
    dearer = (YAML + SECTIONS).replace("price: 7000", "price: 8000")
    await event_import.import_event(stores, definition(tmp_path, dearer), by=STAFF)
    _, ticket_types = await events.event(stores, EventId("gala"))
    assert [(it.price, it.total, it.seated) for it in ticket_types] == [
        (5000, 10, False),
        (3000, 5, False),
        (8000, 12, True),
        (4000, 2, True),
    ]
    for change in (("rows: 3", "rows: 4"), ("name: Circle", "name: Floor")):
        other = (YAML + SECTIONS).replace(*change)
        with pytest.raises(Conflict):
            await event_import.import_event(stores, definition(tmp_path, other), by=STAFF)
    assert await stores.postgres.fetchval("SELECT count(*) FROM seats") == 14
