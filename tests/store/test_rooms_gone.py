"""Which data belongs to a room, by the tables that refer to it."""

from __future__ import annotations

from app.store.connections import Stores
from app.store.sql.waiting_room.rooms_gone import OF_VISITORS

OF_STAFF = {
    "events",
    "knownuser_rooms",
    "sites",
    "alerts",
    "alert_rules",
    "mail_texts",
    "mail_translations",
    "member_logins",
    "room_invites",
}  # kept when a room is reset
OF_EVERYBODY = {
    "room_logs",
    "room_log_leaves",
    "room_log_nodes",
    "room_log_heads",
    "room_log_tallies",
    "room_log_cosignatures",
}  # continues after a reset


async def test_every_table_of_a_room_is_emptied_or_known_to_be_of_staff(stores: Stores) -> None:
    """A new table that refers to rooms must be named in one of the three lists."""
    found = await stores.postgres.fetch(
        "SELECT conrelid::regclass::text AS name FROM pg_constraint "
        "WHERE contype = 'f' AND confrelid = 'rooms'::regclass"
    )
    assert {it["name"] for it in found} == {*OF_VISITORS, *OF_STAFF, *OF_EVERYBODY}
