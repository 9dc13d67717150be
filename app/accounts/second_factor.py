"""Sets up, checks and removes a second factor. `core/accounts/second_factor.py` computes the codes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Literal

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.accounts.password_resets import digest
from app.core.accounts.second_factor import FactorKeys, new_recovery_codes, new_secret, plain_code, step_of
from app.core.errors import Conflict, CredentialInvalid
from app.core.model import Role
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.accounts import passkeys, second_factors, sign_ins
from app.store.sql.accounts.passkeys import Step
from app.store.sql.accounts.second_factors import Factors

Needed = Literal["nobody", "admins", "staff"]
StepKind = Literal["code", "passkey", "new_passkey", "oidc"]
STEP_S = 5 * 60
TRIES_MAX = 5  # codes per sign-in
CODE_MAX = 40
WRONG = "This code is wrong or was already used. Wait for the next one."
NO_SECRET = (
    "The code cannot be checked because FAIRGATE_SECRET has changed. Sign in with a passkey, or ask an admin "
    "to remove your second factors."
)


def is_needed(needed: Needed, role: Role) -> bool:
    """Whether accounts of this role need a second factor according to the setting `needed`.

    Those of role `user` never do: they have no page to set one up.
    """
    return (needed == "staff" and role != "user") or (needed == "admins" and role == "admin")


async def factors_of(stores: Stores, account_id: str) -> Factors:
    """The second factors of an account."""
    with stores_answer():
        return await second_factors.select_factors(stores.postgres, account_id)


async def begin(stores: Stores, keys: FactorKeys, account_id: str) -> str:
    """Start setting up app codes.

    Returns the secret for the app. Raises Conflict if codes are in use already.
    """
    secret = new_secret()
    with stores_answer():
        if not await second_factors.begin(stores.postgres, account_id, keys.encrypt(secret)):
            raise Conflict("App codes are already in use: remove them first.")
    return secret


async def pending_secret(stores: Stores, keys: FactorKeys, account_id: str) -> str | None:
    """The secret that is being set up, or None."""
    with stores_answer():
        encrypted = await second_factors.select_secret(stores.postgres, account_id, confirmed=False)
    return keys.decrypt(encrypted) if encrypted is not None else None


async def confirm(stores: Stores, keys: FactorKeys, code: str, *, by: Author) -> list[str]:
    """Finish setting up app codes with one of them, which proves that the app works. Returns recovery codes.

    Raises CredentialInvalid, Conflict.
    """
    secret = await pending_secret(stores, keys, by.subject)
    if secret is None:
        raise Conflict("No setup is in progress: start again.")
    step = step_of(secret, plain_code(code), time.time())
    if step is None:
        raise CredentialInvalid(WRONG)
    codes = new_recovery_codes()
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            if not await second_factors.confirm(connection, by.subject, step):
                raise Conflict("App codes are already in use.")
            hashes = [keys.recovery_hash(it) for it in codes]
            await second_factors.replace_recovery_codes(connection, by.subject, hashes)
            entity, after = Entity("account", by.subject), {"second_factor": "codes of an app"}
            await audit.record(connection, by, "add second factor", entity, after=after)
    return codes


async def check(stores: Stores, keys: FactorKeys, account_id: str, code: str) -> None:
    """Check and use up an app code or a recovery code.

    Raises CredentialInvalid if it is wrong or was used.
    """
    plain = plain_code(code[:CODE_MAX])
    with stores_answer():
        if len(plain) != 6 or not plain.isdecimal():
            if await second_factors.use_recovery_code(stores.postgres, account_id, keys.recovery_hash(plain)):
                return
            raise CredentialInvalid(WRONG)
        encrypted = await second_factors.select_secret(stores.postgres, account_id, confirmed=True)
        secret = keys.decrypt(encrypted) if encrypted is not None else None
        if encrypted is not None and secret is None:
            raise CredentialInvalid(NO_SECRET)
        step = step_of(secret, plain, time.time()) if secret is not None else None
        if step is None or not await second_factors.use_step(stores.postgres, account_id, step):
            raise CredentialInvalid(WRONG)


async def remove(stores: Stores, account_id: str, *, by: Author, passkeys_too: bool = False) -> None:
    """Remove an account's codes; with `passkeys_too` also its passkeys, which signs it out everywhere."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            before = await second_factors.select_factors(connection, account_id)
            await second_factors.delete_codes(connection, account_id)
            if passkeys_too:
                await passkeys.delete_of(connection, account_id)
                await sign_ins.delete_of(connection, account_id)
            entity, was = Entity("account", account_id), {"codes": before.codes, "passkeys": before.passkeys}
            if before.codes or (passkeys_too and before.passkeys):
                await audit.record(connection, by, "remove second factor", entity, before=was)


async def remember_step(
    stores: Stores, kind: StepKind, account_id: str | None, details: Mapping[str, str]
) -> str:
    """Remember a browser that is halfway through signing in. Returns the secret it must present.

    Raises Conflict if too many are.
    """
    secret = secrets.token_urlsafe(32)
    with stores_answer():
        inserted = await passkeys.insert_step(
            stores.postgres, digest(secret), kind, account_id, details, STEP_S
        )
    if not inserted:
        raise Conflict("Too many people are signing in; try again in a moment.")
    return secret


async def find_step(stores: Stores, kind: StepKind, secret: str) -> Step | None:
    """The step of the browser with this secret, which counts as a try; None if it took too long or tried too
    often."""
    with stores_answer():
        return await passkeys.try_step(stores.postgres, digest(secret), kind, TRIES_MAX)


async def end_step(stores: Stores, secret: str) -> bool:
    """End a step. Returns False if it had ended before."""
    with stores_answer():
        return await passkeys.end_step(stores.postgres, digest(secret))
