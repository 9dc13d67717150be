"""Receipts: a gapless number for each sale that was paid, and what was sold, as it was then.

Revision ID: 0073
"""

from __future__ import annotations

from alembic import op

revision = "0073"
down_revision = "0078"
branch_labels = None
depends_on = None

UP = (
    # These are books: they outlive orders, events and rooms, so they reference none and name no buyer.
    """
CREATE TABLE receipts (
    receipt_no      bigint PRIMARY KEY,
    reservation_id  text NOT NULL UNIQUE,
    event_name      text NOT NULL,
    lines           jsonb NOT NULL,  -- name, quantity, price
    amount          bigint NOT NULL,
    currency        text NOT NULL,
    sold_at         timestamptz NOT NULL,
    issued_at       timestamptz NOT NULL DEFAULT now()
)
""",
    # Only the outbox relay counts, one at a time and after the sale was committed: no sale waits.
    "CREATE TABLE receipt_counter (one boolean PRIMARY KEY DEFAULT true CHECK (one), last bigint NOT NULL)",
)
DOWN = ("DROP TABLE receipt_counter", "DROP TABLE receipts")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
