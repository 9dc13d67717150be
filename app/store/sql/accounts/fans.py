"""SQL of fans' accounts: one mailbox each, their passkeys, and the browsers signed in to them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from app.store.connections import Connection, Queries

CODES_A_DAY, CODES_AT_MOST = 3, 10  # codes to one mailbox: from one network, and from all
ASKING_AN_HOUR = 100  # codes requested from one network address, which many people may share
CODE_S = 30 * 60
SIGNED_IN_S = 15 * 60
TRIES_MAX = 5
PASSKEYS_MAX = 10


class Fan(NamedTuple):
    """The account of a fan."""

    fan_id: str
    email: str
    created_at: datetime


class FanPasskey(NamedTuple):
    """A passkey of a fan."""

    passkey_id: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    created_at: datetime
    last_used_at: datetime | None


class Code(NamedTuple):
    """A requested code; the hashes are for the traces."""

    step_hash: bytes
    code_id: str
    email: str
    locale: str
    recipient: bytes
    client: bytes


class Step(NamedTuple):
    """The sign-in state of a browser."""

    code_id: str
    email: str
    confirmed: bool


_ASK = f"""
WITH sent AS (
    SELECT count(*) FILTER (WHERE recipient = $5) AS to_them,
           count(*) FILTER (WHERE client = $6 AND at > now() - interval '1 hour') AS from_there,
           count(*) FILTER (WHERE recipient = $5 AND client = $6) AS to_them_from_there
    FROM mail_traces
    WHERE kind = 'fan_code' AND at > now() - interval '1 day' AND (recipient = $5 OR client = $6)
), counted AS (
    INSERT INTO mail_traces (kind, recipient, client)
    SELECT 'fan_code', $5, $6 FROM sent
    WHERE (to_them < {CODES_A_DAY} OR to_them_from_there = 0 AND to_them < {CODES_AT_MOST})
      AND from_there < {ASKING_AN_HOUR}
    RETURNING kind
), made AS (
    INSERT INTO fan_steps (step_hash, code_id, email, expires_at)
    SELECT $1, $2, $3, now() + make_interval(secs => {CODE_S}) FROM counted
    RETURNING expires_at
)
INSERT INTO mails (kind, subject_id, recipient, guest, until, locale)
SELECT 'fan_code', $2, $3, false, expires_at, $4 FROM made
"""


async def request_code(connection: Connection, code: Code) -> bool:
    """Queue a code to be e-mailed; False if too many were requested. It makes no difference whether an
    account exists.

    Serialized per recipient and per client, so that concurrent requests are counted.
    """
    for side in sorted((code.recipient, code.client)):
        lock = int.from_bytes(side[:8].ljust(8, b"\0"), "big", signed=True)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
    return str(await connection.execute(_ASK, *code)) == "INSERT 0 1"


async def insert_step(queries: Queries, step_hash: bytes, email: str) -> None:
    """Sign a browser in that has used a passkey."""
    await queries.execute(
        "INSERT INTO fan_steps (step_hash, code_id, email, confirmed, expires_at) "
        "VALUES ($1, '', $2, true, now() + make_interval(secs => $3))",
        *(step_hash, email, SIGNED_IN_S),
    )


async def select_step(queries: Queries, step_hash: bytes) -> Step | None:
    """The sign-in state of a browser; None if there is none, or it has expired."""
    row = await queries.fetchrow(
        "SELECT code_id, email, confirmed FROM fan_steps WHERE step_hash = $1 AND expires_at > now()",
        step_hash,
    )
    return Step(*row) if row else None


async def try_code(queries: Queries, step_hash: bytes) -> str | None:
    """Count a try and return the id of the code it is for; None if no more tries are allowed."""
    outcome: str | None = await queries.fetchval(
        "UPDATE fan_steps SET tries = tries + 1 WHERE step_hash = $1 AND NOT confirmed AND tries < $2 "
        "AND expires_at > now() RETURNING code_id",
        *(step_hash, TRIES_MAX),
    )
    return outcome


async def confirm_step(queries: Queries, step_hash: bytes) -> None:
    """Record that the browser's user has confirmed the mailbox."""
    await queries.execute(
        "UPDATE fan_steps SET confirmed = true, expires_at = now() + make_interval(secs => $2) "
        "WHERE step_hash = $1",
        *(step_hash, SIGNED_IN_S),
    )


async def delete_step(queries: Queries, step_hash: bytes) -> None:
    """Sign the browser out."""
    await queries.execute("DELETE FROM fan_steps WHERE step_hash = $1", step_hash)


async def select_fan(queries: Queries, mailbox: str) -> Fan | None:
    """The account of a mailbox, or None."""
    row = await queries.fetchrow("SELECT fan_id, email, created_at FROM fans WHERE mailbox = $1", mailbox)
    return Fan(*row) if row else None


async def select_passkeys(queries: Queries, fan_id: str) -> list[FanPasskey]:
    """The passkeys of a fan, the oldest first."""
    rows = await queries.fetch(
        "SELECT passkey_id::text, credential_id, public_key, sign_count, created_at, last_used_at "
        "FROM fan_passkeys WHERE fan_id = $1 ORDER BY created_at LIMIT $2",
        *(fan_id, PASSKEYS_MAX),
    )
    return [FanPasskey(*row) for row in rows]


async def select_credential(queries: Queries, credential_id: bytes) -> tuple[Fan, FanPasskey] | None:
    """The passkey with this credential, and its owner; None if unknown."""
    row = await queries.fetchrow(
        "SELECT fan_id, email, fans.created_at, passkey_id::text, credential_id, public_key, sign_count, "
        "fan_passkeys.created_at, last_used_at FROM fan_passkeys JOIN fans USING (fan_id) "
        "WHERE credential_id = $1",
        credential_id,
    )
    return (Fan(*row[:3]), FanPasskey(*row[3:])) if row else None


async def insert(
    connection: Connection, fan: tuple[str, str, str], credential_id: bytes, public_key: bytes, count: int
) -> bool:
    """Add a passkey to the account (id, mailbox, address), creating the account if necessary.

    False: the passkey is known, or the account has the maximum.
    """
    fan_id = await connection.fetchval(
        "INSERT INTO fans (fan_id, mailbox, email) VALUES ($1, $2, $3) "
        "ON CONFLICT (mailbox) DO UPDATE SET email = fans.email RETURNING fan_id",
        *fan,
    )
    done = await connection.execute(
        "INSERT INTO fan_passkeys (fan_id, credential_id, public_key, sign_count) SELECT $1, $2, $3, $4 "
        "WHERE (SELECT count(*) FROM fan_passkeys WHERE fan_id = $1) < $5 "
        "ON CONFLICT (credential_id) DO NOTHING",
        *(fan_id, credential_id, public_key, count, PASSKEYS_MAX),
    )
    return bool(done == "INSERT 0 1")


async def use(queries: Queries, passkey_id: str, before: int, count: int) -> bool:
    """Record a use, and its authenticator's counter; False: another use came first."""
    done = await queries.fetchval(
        "UPDATE fan_passkeys SET sign_count = $3, last_used_at = now() "
        "WHERE passkey_id = $1::uuid AND sign_count = $2 RETURNING true",
        *(passkey_id, before, count),
    )
    return bool(done)


async def delete_passkey(queries: Queries, mailbox: str, passkey_id: str) -> None:
    """Delete a passkey of an account, if it exists."""
    await queries.execute(
        "DELETE FROM fan_passkeys USING fans WHERE fans.fan_id = fan_passkeys.fan_id AND mailbox = $1 "
        "AND passkey_id = $2::uuid",
        *(mailbox, passkey_id),
    )


async def delete(queries: Queries, mailbox: str) -> None:
    """Delete an account, if it exists, with its passkeys."""
    await queries.execute("DELETE FROM fans WHERE mailbox = $1", mailbox)
