"""SQL of passkeys, and of sign-ins in progress."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from app.store.connections import Connection, Queries

OF_ACCOUNT_MAX = 20
STEPS_MAX = 20_000  # sign-ins in progress; repeated requests cannot exceed it


class Passkey(NamedTuple):
    """A passkey of an account."""

    passkey_id: str
    credential_id: bytes
    account_id: str
    public_key: bytes
    sign_count: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Step(NamedTuple):
    """A sign-in in progress: the kind of step, its account, and the data so far."""

    kind: str
    account_id: str | None
    data: dict[str, str]


_COLUMNS = "passkey_id, credential_id, account_id, public_key, sign_count, name, created_at, last_used_at"


async def insert(
    connection: Connection, account_id: str, credential_id: bytes, public_key: bytes, count: int, name: str
) -> bool:
    """Insert a passkey; False: it is known, or the account has the maximum."""
    done = await connection.execute(
        "INSERT INTO passkeys (credential_id, account_id, public_key, sign_count, name) "
        "SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM passkeys WHERE account_id = $2) < $6 "
        "ON CONFLICT (credential_id) DO NOTHING",
        *(credential_id, account_id, public_key, count, name, OF_ACCOUNT_MAX),
    )
    return done == "INSERT 0 1"


async def select_of(queries: Queries, account_id: str) -> list[Passkey]:
    """The passkeys of an account, oldest first."""
    rows = await queries.fetch(
        f"SELECT {_COLUMNS} FROM passkeys WHERE account_id = $1 ORDER BY created_at LIMIT $2",
        *(account_id, OF_ACCOUNT_MAX),
    )
    return [Passkey(*row) for row in rows]


async def select_credential(queries: Queries, credential_id: bytes) -> Passkey | None:
    """The passkey with this credential, or None."""
    row = await queries.fetchrow(f"SELECT {_COLUMNS} FROM passkeys WHERE credential_id = $1", credential_id)
    return Passkey(*row) if row else None


async def use(queries: Queries, passkey_id: str, before: int, count: int) -> bool:
    """Record a use, and its authenticator's counter; False: another use came first."""
    done = await queries.fetchval(
        "UPDATE passkeys SET sign_count = $3, last_used_at = now() WHERE passkey_id = $1 AND sign_count = $2 "
        "RETURNING true",
        *(passkey_id, before, count),
    )
    return bool(done)


async def delete(connection: Connection, account_id: str, passkey_id: str) -> str | None:
    """Delete a passkey of an account; returns its name, None if there is none."""
    name: str | None = await connection.fetchval(
        "DELETE FROM passkeys WHERE account_id = $1 AND passkey_id = $2 RETURNING name",
        *(account_id, passkey_id),
    )
    return name


async def delete_of(connection: Connection, account_id: str) -> None:
    """Delete all passkeys of an account."""
    await connection.execute("DELETE FROM passkeys WHERE account_id = $1", account_id)


async def insert_step(
    queries: Queries,
    step_hash: bytes,
    kind: str,
    account_id: str | None,
    details: Mapping[str, str],
    ttl_s: int,
) -> bool:
    """Store a browser's step for this many seconds; False: there are too many."""
    await queries.execute("DELETE FROM sign_in_steps WHERE expires_at <= now()")
    done = await queries.execute(
        "INSERT INTO sign_in_steps (step_hash, kind, account_id, said, expires_at) "
        "SELECT $1, $2, $3, $4::text::jsonb, now() + make_interval(secs => $5) "
        "WHERE (SELECT count(*) FROM sign_in_steps) < $6",
        *(step_hash, kind, account_id, json.dumps(details), ttl_s, STEPS_MAX),
    )
    return bool(done == "INSERT 0 1")


async def try_step(queries: Queries, step_hash: bytes, kind: str, tries_max: int) -> Step | None:
    """A browser's step, counting this as a try; None: it has expired, or was tried too often."""
    row = await queries.fetchrow(
        "UPDATE sign_in_steps SET tries = tries + 1 "
        "WHERE step_hash = $1 AND kind = $2 AND expires_at > now() AND tries < $3 "
        "RETURNING kind, account_id, said::text",
        *(step_hash, kind, tries_max),
    )
    return Step(row[0], row[1], json.loads(row[2])) if row else None


async def end_step(queries: Queries, step_hash: bytes) -> bool:
    """Finish the step; False: it was finished before."""
    done = await queries.fetchval("DELETE FROM sign_in_steps WHERE step_hash = $1 RETURNING true", step_hash)
    return bool(done)
