"""SQL of second factors: codes of an app, recovery codes, and what an account has of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.store.connections import Connection, Queries


class Factors(NamedTuple):
    """What an account has beside its password."""

    codes: bool  # of an app
    passkeys: int
    recovery_codes: int  # that are left


async def select_factors(queries: Queries, account_id: str) -> Factors:
    """What an account has."""
    row = await queries.fetchrow(
        "SELECT EXISTS (SELECT FROM second_factors WHERE account_id = $1 AND confirmed_at IS NOT NULL), "
        "(SELECT count(*) FROM passkeys WHERE account_id = $1), "
        "(SELECT count(*) FROM recovery_codes WHERE account_id = $1)",
        account_id,
    )
    assert row is not None
    return Factors(*row)


async def begin(queries: Queries, account_id: str, secret: bytes) -> bool:
    """Keep a secret that is being set up, instead of one that was; False: the account has one."""
    done = await queries.fetchval(
        "INSERT INTO second_factors (account_id, secret) VALUES ($1, $2) "
        "ON CONFLICT (account_id) DO UPDATE SET secret = $2 WHERE second_factors.confirmed_at IS NULL "
        "RETURNING true",
        *(account_id, secret),
    )
    return bool(done)


async def select_secret(queries: Queries, account_id: str, *, confirmed: bool) -> bytes | None:
    """The encrypted secret, of codes that are in use or that are being set up."""
    found: bytes | None = await queries.fetchval(
        "SELECT secret FROM second_factors WHERE account_id = $1 AND (confirmed_at IS NOT NULL) = $2",
        *(account_id, confirmed),
    )
    return found


async def confirm(connection: Connection, account_id: str, step: int) -> bool:
    """The codes are in use from now on; False: they were."""
    done = await connection.execute(
        "UPDATE second_factors SET confirmed_at = now(), last_step = $2 "
        "WHERE account_id = $1 AND confirmed_at IS NULL",
        *(account_id, step),
    )
    return done == "UPDATE 1"


async def use_step(queries: Queries, account_id: str, step: int) -> bool:
    """Use the code of a step up; False: it, or a later one, was used."""
    done = await queries.fetchval(
        "UPDATE second_factors SET last_step = $2 "
        "WHERE account_id = $1 AND confirmed_at IS NOT NULL AND last_step < $2 RETURNING true",
        *(account_id, step),
    )
    return bool(done)


async def replace_recovery_codes(connection: Connection, account_id: str, hashes: Sequence[bytes]) -> None:
    """These are good from now on, and none from before."""
    await connection.execute("DELETE FROM recovery_codes WHERE account_id = $1", account_id)
    await connection.execute(
        "INSERT INTO recovery_codes (account_id, code_hash) SELECT $1, unnest($2::bytea[])",
        *(account_id, list(hashes)),
    )


async def use_recovery_code(queries: Queries, account_id: str, code_hash: bytes) -> bool:
    """Use a recovery code up; False: there is no such."""
    done = await queries.fetchval(
        "DELETE FROM recovery_codes WHERE account_id = $1 AND code_hash = $2 RETURNING true",
        *(account_id, code_hash),
    )
    return bool(done)


async def delete_codes(connection: Connection, account_id: str) -> None:
    """The account has no codes any more."""
    await connection.execute("DELETE FROM second_factors WHERE account_id = $1", account_id)
    await connection.execute("DELETE FROM recovery_codes WHERE account_id = $1", account_id)
