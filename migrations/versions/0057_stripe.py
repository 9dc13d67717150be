"""Payments that continue on a gateway's page, and those at Stripe.

Revision ID: 0057
"""

from __future__ import annotations

from alembic import op

revision = "0057"
down_revision = "0053"
branch_labels = None
depends_on = None

UP = (
    "ALTER TABLE payments ADD COLUMN continue_url text NOT NULL DEFAULT ''",
    "ALTER TABLE payments ADD COLUMN client_secret text NOT NULL DEFAULT ''",
    # The deadline for a buyer who continues at the gateway; `expires_at` is extended to it once.
    "ALTER TABLE reservations ADD COLUMN pay_until timestamptz",
    """
CREATE TABLE stripe_payments (
    payment_id  text PRIMARY KEY,
    intent_id   text NOT NULL DEFAULT '',
    session_id  text NOT NULL DEFAULT '',
    amount      bigint NOT NULL DEFAULT 0,  -- in units of Stripe's
    currency    text NOT NULL DEFAULT '',
    closed      bool NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    looked_at   timestamptz NOT NULL DEFAULT now()
)
""",
    "CREATE INDEX stripe_payments_by_intent ON stripe_payments (intent_id) WHERE intent_id <> ''",
    """
CREATE TABLE payment_notes (
    message_id  text PRIMARY KEY,
    payment_id  text NOT NULL REFERENCES payments ON DELETE CASCADE,
    kind        text NOT NULL,
    amount      bigint NOT NULL,
    currency    text NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now()
)
""",
    "CREATE INDEX payment_notes_of_payment ON payment_notes (payment_id)",
)
DOWN = (
    "DROP TABLE payment_notes",
    "DROP TABLE stripe_payments",
    "ALTER TABLE reservations DROP COLUMN pay_until",
    "ALTER TABLE payments DROP COLUMN client_secret",
    "ALTER TABLE payments DROP COLUMN continue_url",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
