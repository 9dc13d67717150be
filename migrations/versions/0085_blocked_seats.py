"""Seats that staff keep off sale: blocked, or kept for the house.

Revision ID: 0085
"""

from __future__ import annotations

from alembic import op

revision = "0085"
down_revision = "0096"
branch_labels = None
depends_on = None

# A blocked seat is a row of `seat_holds` without a reservation, so `one_holder_a_seat` also prevents a seat
# from being blocked and held at once, whatever Redis says. `total` counts what is on sale, without blocked
# ones.
UP = [
    "ALTER TABLE seat_holds ALTER COLUMN reservation_id DROP NOT NULL",
    "ALTER TABLE seat_holds ADD COLUMN kept_as text",  # blocked or house; NULL: a reservation has it
    "ALTER TABLE seat_holds ADD CONSTRAINT held_or_kept "
    "CHECK ((reservation_id IS NULL) = (kept_as IN ('blocked', 'house') IS TRUE)) NOT VALID",
    "ALTER TABLE ticket_types ADD COLUMN blocked bigint NOT NULL DEFAULT 0",
]

DOWN = [
    "ALTER TABLE ticket_types DROP COLUMN blocked",
    "ALTER TABLE seat_holds DROP CONSTRAINT held_or_kept",
    "DELETE FROM seat_holds WHERE reservation_id IS NULL",
    "ALTER TABLE seat_holds DROP COLUMN kept_as",
    "ALTER TABLE seat_holds ALTER COLUMN reservation_id SET NOT NULL",
]


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
