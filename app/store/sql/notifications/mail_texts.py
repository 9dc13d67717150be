"""SQL of sales' own e-mail texts, and of test e-mails."""

from __future__ import annotations

import asyncpg

from app.core.notifications.mail_texts import MailText
from app.store.connections import Connection, Queries

TESTS_AN_HOUR = 20


async def of_kind(queries: Queries, room_id: str, kind: str) -> dict[str, MailText]:
    """The sale's texts for a kind of e-mail, by language; "": for all other languages."""
    rows = await queries.fetch(
        "SELECT '' AS locale, subject, intro FROM mail_texts WHERE room_id = $1 AND kind = $2 "
        "UNION ALL SELECT locale, subject, intro FROM mail_translations WHERE room_id = $1 AND kind = $2",
        *(room_id, kind),
    )
    return {row["locale"]: MailText(subject=row["subject"], intro=row["intro"]) for row in rows}


async def save(connection: Connection, room_id: str, kind: str, locale: str, text: MailText) -> None:
    """Store a text. An empty one is removed, so that the language uses the general text again."""
    if not locale:
        await connection.execute(
            "INSERT INTO mail_texts (room_id, kind, subject, intro) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (room_id, kind) DO UPDATE SET subject = excluded.subject, intro = excluded.intro",
            *(room_id, kind, text.subject, text.intro),
        )
    elif text == MailText():
        await connection.execute(
            "DELETE FROM mail_translations WHERE room_id = $1 AND kind = $2 AND locale = $3",
            *(room_id, kind, locale),
        )
    else:
        await connection.execute(
            "INSERT INTO mail_translations (room_id, kind, locale, subject, intro) "
            "VALUES ($1, $2, $3, $4, $5) "
            "ON CONFLICT (room_id, kind, locale) "
            "DO UPDATE SET subject = excluded.subject, intro = excluded.intro",
            *(room_id, kind, locale, text.subject, text.intro),
        )


async def queue_test(
    postgres: asyncpg.Pool, room_id: str, kind: str, locale: str, account_id: str, name: str
) -> str:
    """Queue a test e-mail of this kind and language to the account's address, which is returned; "" if it has
    none, or requested too many."""
    email: str | None = await postgres.fetchval(
        f"""
        INSERT INTO mails (kind, subject_id, room_id, recipient, guest, locale)
        SELECT 'test', concat_ws(' ', $2::text, $4::text), $1, email, false, $5 FROM accounts
        WHERE account_id = $3 AND {TESTS_AN_HOUR} > (SELECT count(*) FROM mails WHERE kind = 'test'
              AND room_id = $1 AND created_at > now() - interval '1 hour')
        RETURNING recipient
        """,
        *(room_id, kind, account_id, name, locale),
    )
    return email or ""
