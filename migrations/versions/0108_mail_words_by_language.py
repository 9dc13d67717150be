"""A sale's own wording in its e-mails, by language.

Revision ID: 0108
"""

from __future__ import annotations

from alembic import op

revision = "0108"
down_revision = "0107"
branch_labels = None
depends_on = None

# Alongside `mail_texts`, whose single row per kind is for all other languages: the previous release reads it.
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
