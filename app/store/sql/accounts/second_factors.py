"""SQL of second factors: codes of an app and recovery codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.store.connections import Connection, Queries


class Factors(NamedTuple):
    """The second factors of an account."""

    codes: bool  # of an app
    passkeys: int
    recovery_codes: int  # unused


async def select_factors(queries: Queries, account_id: str) -> Factors:
    """The second factors of an account."""
    row = await queries.fetchrow(
        "SELECT EXISTS (SELECT FROM second_factors WHERE account_id = $1 AND confirmed_at IS NOT NULL), "
        "(SELECT count(*) FROM passkeys WHERE account_id = $1), "
        "(SELECT count(*) FROM recovery_codes WHERE account_id = $1)",
        account_id,
    )
    assert row is not None
    return Factors(*row)


async def begin(queries: Queries, account_id: str, secret: bytes) -> bool:
    """Store a secret during set-up, replacing an unconfirmed one; False: the account has a confirmed one."""
    done = await queries.fetchval(
        "INSERT INTO second_factors (account_id, secret) VALUES ($1, $2) "
        "ON CONFLICT (account_id) DO UPDATE SET secret = $2 WHERE second_factors.confirmed_at IS NULL "
        "RETURNING true",
        *(account_id, secret),
    )
    return bool(done)


async def select_secret(queries: Queries, account_id: str, *, confirmed: bool) -> bytes | None:
    """The encrypted secret, of codes in use or being set up."""
    secret: bytes | None = await queries.fetchval(
        "SELECT secret FROM second_factors WHERE account_id = $1 AND (confirmed_at IS NOT NULL) = $2",
        *(account_id, confirmed),
    )
    return secret


async def confirm(connection: Connection, account_id: str, step: int) -> bool:
    """Start using the codes; False: they were in use."""
    done = await connection.execute(
        "UPDATE second_factors SET confirmed_at = now(), last_step = $2 "
        "WHERE account_id = $1 AND confirmed_at IS NULL",
        *(account_id, step),
    )
    return done == "UPDATE 1"


async def use_step(queries: Queries, account_id: str, step: int) -> bool:
    """Use up the code of a time step; False: it, or a later one, was used."""
    done = await queries.fetchval(
        "UPDATE second_factors SET last_step = $2 "
        "WHERE account_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2 RETURNING true",
        *(account_id, step),
    )
    return bool(done)


async def replace_recovery_codes(connection: Connection, account_id: str, hashes: Sequence[bytes]) -> None:
    """Replace the recovery codes."""
    await connection.execute("DELETE FROM recovery_codes WHERE account_id = $1", account_id)
    await connection.execute(
        "INSERT INTO recovery_codes (account_id, code_hash) SELECT $1, unnest($2::bytea[])",
        *(account_id, list(hashes)),
    )


async def use_recovery_code(queries: Queries, account_id: str, code_hash: bytes) -> bool:
    """Use up a recovery code; False: there is no such code."""
    done = await queries.fetchval(
        "DELETE FROM recovery_codes WHERE account_id = $1 AND code_hash = $2 RETURNING true",
        *(account_id, code_hash),
    )
    return bool(done)


async def delete_codes(connection: Connection, account_id: str) -> None:
    """Delete the account's codes."""
    await connection.execute("DELETE FROM second_factors WHERE account_id = $1", account_id)
    await connection.execute("DELETE FROM recovery_codes WHERE account_id = $1", account_id)
