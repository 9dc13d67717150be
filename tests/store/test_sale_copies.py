"""Which data is copied with a sale, by the tables that belong to an event."""

from __future__ import annotations

from app.store.connections import Stores
from app.store.sql.catalogue.sale_lives import COPIED

NOT_COPIED = {"events", "reservations", "jobs"}  # the event itself, and what belongs to its buyers
NOT_COPIED |= {"tax_rates"}  # a trigger fills this table when its source is copied
NOT_COPIED |= {"invitations", "sale_grants", "code_sets", "codes", "check_ins", "undone_scans"}
NOT_COPIED |= {"refund_limit_asks"}


async def test_every_table_of_an_event_is_copied_with_it_or_known_not_to_be(stores: Stores) -> None:
    """A new table with an `event_id` must be named in one of the two lists."""
    found = await stores.postgres.fetch(
        "SELECT table_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'event_id'"
    )
    assert {it["table_name"] for it in found} == {*COPIED, *NOT_COPIED}
