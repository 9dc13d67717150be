"""Until an address confirms, it gets nothing but one confirmation; traces of what went to strangers.

Revision ID: 0028
"""

from __future__ import annotations

from alembic import op

revision = "0028"
down_revision = "0025"
branch_labels = None
depends_on = None

KINDS = "'your_turn','held','confirmed','cancelled','refunded','reminder'"
STATES = "'waiting','handing_over','sent','kept','dropped','given_up','unclear'"

UP = (
    """
ALTER TABLE mailboxes
    ADD confirmed_at     timestamptz,  -- by the link or the code; null: only a confirmation is sent there
    ADD confirm_token    text UNIQUE,  -- of the link
    ADD confirm_code     text,         -- the same as six digits, to be typed where they wait
    ADD confirm_tries    int NOT NULL DEFAULT 0,
    ADD recipient_hash   bytea,        -- the address in mail_traces
    ADD account_id       text          -- whose own address it is
""",
    # These got mail until now. A sale that runs during the update continues unchanged.
    "UPDATE mailboxes SET confirmed_at = now()",
    "ALTER TABLE accounts ADD email_confirmed_at timestamptz",
    # What was sent to unconfirmed addresses in the last day: keyed hashes, so that deleting an address does
    # not delete how often it was sent mail.
    """
CREATE TABLE mail_traces (
    trace_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind             text NOT NULL,
    recipient        bytea NOT NULL,
    client           bytea,  -- the network address it was asked for from
    at               timestamptz NOT NULL DEFAULT now()
)
""",
    "CREATE INDEX mail_traces_of_recipient ON mail_traces (recipient, at)",
    "CREATE INDEX mail_traces_of_client ON mail_traces (client, at)",
    "CREATE INDEX mail_traces_by_time ON mail_traces (at)",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check",
    f"ALTER TABLE mails ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS},'confirm_address'))",
    "ALTER TABLE mails DROP CONSTRAINT mails_state_check",
    # unconfirmed: stored, and waiting once the address confirms
    f"ALTER TABLE mails ADD CONSTRAINT mails_state_check CHECK (state IN ({STATES},'unconfirmed'))",
)

DOWN = (
    "DELETE FROM mails WHERE kind = 'confirm_address' OR state = 'unconfirmed'",
    "ALTER TABLE mails DROP CONSTRAINT mails_state_check",
    f"ALTER TABLE mails ADD CONSTRAINT mails_state_check CHECK (state IN ({STATES}))",
    "ALTER TABLE mails DROP CONSTRAINT mails_kind_check",
    f"ALTER TABLE mails ADD CONSTRAINT mails_kind_check CHECK (kind IN ({KINDS}))",
    "DROP TABLE mail_traces",
    "ALTER TABLE accounts DROP email_confirmed_at",
    # the previous version would send mail to everybody in the table
    "DELETE FROM mailboxes WHERE confirmed_at IS NULL",
    "ALTER TABLE mailboxes DROP confirmed_at, DROP confirm_token, DROP confirm_code, DROP confirm_tries, "
    "DROP recipient_hash, DROP account_id",
)


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
