"""Partial refunds: how much of each payment was refunded, and the tickets cancelled with it.

Revision ID: 0070
"""

from __future__ import annotations

from alembic import op

revision = "0070"
down_revision = "0076"
branch_labels = None
depends_on = None

UP = (
    # owed: the gateway is asked until it responds. failed: it refused, and staff may have it asked again.
    """
CREATE TABLE refunds (
    refund_id       text PRIMARY KEY,  -- what the gateway knows it by, too
    payment_id      text NOT NULL REFERENCES payments ON DELETE CASCADE,
    reservation_id  text NOT NULL REFERENCES reservations ON DELETE CASCADE,
    fingerprint     text NOT NULL,
    amount          bigint NOT NULL CHECK (amount >= 0),
    currency        text NOT NULL,
    tickets         jsonb NOT NULL,    -- that were cancelled with it: type, seat, price, code
    to_stock        boolean NOT NULL,  -- they went back on sale
    reason          text NOT NULL,
    state           text NOT NULL CHECK (state IN ('owed','done','failed')),
    why             text NOT NULL DEFAULT '',
    tries           int NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    settled_at      timestamptz
)
""",
    "CREATE INDEX refunds_owed ON refunds (due_at) WHERE state = 'owed'",
    "CREATE INDEX refunds_of_payment ON refunds (payment_id)",
    "CREATE INDEX refunds_of_reservation ON refunds (reservation_id)",
    # The sum of its refunds that are owed or done, not counting a refund of the remainder.
    "ALTER TABLE payments ADD COLUMN refunded bigint NOT NULL DEFAULT 0",
    "ALTER TABLE payments ADD CONSTRAINT never_refunded_more CHECK (refunded BETWEEN 0 AND amount) NOT VALID",
    # For a payment that is `refunding`: why the gateway did not, and when it is asked again; infinity: never.
    "ALTER TABLE payments ADD COLUMN refund_why text NOT NULL DEFAULT ''",
    "ALTER TABLE payments ADD COLUMN refund_tries int NOT NULL DEFAULT 0",
    "ALTER TABLE payments ADD COLUMN refund_due_at timestamptz NOT NULL DEFAULT '-infinity'",
    "ALTER TABLE reservations ADD COLUMN refunded bigint NOT NULL DEFAULT 0",
    # Items that were cancelled and went back on sale, no longer in `items`; NULL: none.
    "ALTER TABLE reservations ADD COLUMN cancelled_items jsonb",
    "ALTER TABLE simulated_charges ADD COLUMN refunds jsonb NOT NULL DEFAULT '{}'",  # partial ones, by id
)
DOWN = (
    "ALTER TABLE simulated_charges DROP COLUMN refunds",
    "ALTER TABLE reservations DROP COLUMN cancelled_items",
    "ALTER TABLE reservations DROP COLUMN refunded",
    "ALTER TABLE payments DROP COLUMN refund_due_at",
    "ALTER TABLE payments DROP COLUMN refund_tries",
    "ALTER TABLE payments DROP COLUMN refund_why",
    "ALTER TABLE payments DROP COLUMN refunded",
    "DROP TABLE refunds",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
