"""What a sale says in its e-mails in its own words, language by language.

Revision ID: 0108
"""

from __future__ import annotations

from alembic import op

revision = "0108"
down_revision = "0107"
branch_labels = None
depends_on = None

# Beside `mail_texts`, whose one row of a kind is for all other languages: the release before reads that.
UP = """
CREATE TABLE mail_translations (
    room_id          text NOT NULL REFERENCES rooms ON DELETE CASCADE,
    kind             text NOT NULL,
    locale           text NOT NULL,
    subject          text NOT NULL DEFAULT '',  -- empty: as usual in this language
    intro            text NOT NULL DEFAULT '',
    PRIMARY KEY (room_id, kind, locale)
)
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute("DROP TABLE mail_translations")
