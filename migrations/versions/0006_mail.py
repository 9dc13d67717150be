"""E-mail addresses of visitors, the mails to them, and reservations taken over by an account.

Revision ID: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = (
    """
CREATE TABLE mailboxes (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    visitor_id       text NOT NULL,
    email            text NOT NULL,
    locale           text NOT NULL,
    guest            boolean NOT NULL,  -- an account may take the reservations over
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, visitor_id)
)
""",
    # Each mail is sent once: one of a kind for each subject. It is written in the transaction that marks the
    # change as relayed (by the outbox relay), and by the worker for turns and reminders.
    #
    # waiting: it is due, or its attempt runs until then. handing_over: the server was asked to accept it, and
    # may have. Final: sent, kept (there is no server), dropped (outdated), given_up, unclear (the process
    # died, or the connection broke, during the hand-over).
    """
CREATE TABLE mails (
    mail_id          text PRIMARY KEY DEFAULT gen_random_uuid()::text,  -- of its Message-ID, too
    kind             text NOT NULL
        CHECK (kind IN ('your_turn','held','confirmed','cancelled','refunded','reminder')),
    subject_id       text NOT NULL,  -- a reservation, a payment, or a turn
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    visitor_id       text NOT NULL,
    reservation_id   text REFERENCES reservations ON DELETE CASCADE,
    recipient        text NOT NULL,
    guest            boolean NOT NULL,
    until            timestamptz,  -- after that it is of no use
    state            text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting','handing_over','sent','kept','dropped','given_up','unclear')),
    attempts         int NOT NULL DEFAULT 0,
    due_at           timestamptz NOT NULL DEFAULT now(),
    created_at       timestamptz NOT NULL DEFAULT now(),
    settled_at       timestamptz,
    why              text NOT NULL DEFAULT '',
    subject          text NOT NULL DEFAULT '',  -- what was written, once it was
    body             text NOT NULL DEFAULT '',
    html             text NOT NULL DEFAULT '',
    codes            text[] NOT NULL DEFAULT '{}',  -- of the tickets, shown as pictures
    CONSTRAINT told_once UNIQUE (kind, subject_id)
)
""",
    "CREATE INDEX mails_due ON mails (due_at) WHERE state IN ('waiting', 'handing_over')",
    "CREATE INDEX mails_by_time ON mails (created_at)",
    "CREATE INDEX mails_of_visitor ON mails (room_id, visitor_id)",
    "CREATE INDEX mails_of_reservation ON mails (reservation_id)",
    "ALTER TABLE reservations ADD claimed_by text",  # the account that took it over
    "CREATE INDEX reservations_claimed ON reservations (claimed_by) WHERE claimed_by IS NOT NULL",
)

DOWN = (
    "DROP INDEX reservations_claimed",
    "ALTER TABLE reservations DROP claimed_by",
    "DROP TABLE mails",
    "DROP TABLE mailboxes",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
