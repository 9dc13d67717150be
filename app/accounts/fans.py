"""Fans' accounts: a confirmed mailbox, and passkeys. They have no password.

Whoever controls the mailbox controls the account: a code sent there replaces a lost passkey.
"""

from __future__ import annotations

import secrets

from app.accounts import passkeys
from app.accounts.passkeys import Ceremony
from app.core.accounts.fans import FanSigner
from app.core.accounts.password_resets import digest
from app.core.errors import Conflict, CredentialInvalid
from app.core.notifications.email import Traces, mailbox, mailbox_of
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.redis import fan_challenges
from app.store.sql.accounts import fans
from app.store.sql.accounts.fans import Code, Fan, FanPasskey, Step

SECRET_MAX = 100
UNKNOWN = "This passkey is not known here."


async def send_code(stores: Stores, traces: Traces, email: str, *, network: str, locale: str) -> str:
    """E-mail a code to this address, whether or not it has an account.

    Returns the secret for the browser that asked, or "" if too many codes were requested.
    Raises ValidationFailed, StoreUnavailable.
    """
    to, secret = mailbox(email), secrets.token_urlsafe(24)
    sides = (traces.recipient(to), traces.client(network))
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            sent = await fans.request_code(
                connection, Code(digest(secret), secrets.token_urlsafe(16), to, locale, *sides)
            )
    return secret if sent else ""


async def step_of(stores: Stores, secret: str) -> Step | None:
    """The step that a browser with this secret has reached; None if there is none."""
    if not 0 < len(secret) <= SECRET_MAX:
        return None
    with stores_answer():
        return await fans.select_step(stores.postgres, digest(secret))


async def confirm(stores: Stores, signer: FanSigner, secret: str, digits: str) -> bool:
    """Check the code from the e-mail. Returns False if it is wrong, or too many were tried."""
    with stores_answer():
        code_id = await fans.try_code(stores.postgres, digest(secret[:SECRET_MAX]))
        if not code_id or not signer.is_code(code_id, digits):
            return False
        await fans.confirm_step(stores.postgres, digest(secret))
    return True


async def account(stores: Stores, email: str) -> tuple[Fan | None, list[FanPasskey]]:
    """The account of this address, or None, and its passkeys."""
    with stores_answer():
        fan = await fans.select_fan(stores.postgres, mailbox_of(email))
        return fan, await fans.select_passkeys(stores.postgres, fan.fan_id) if fan else []


async def begin_new(stores: Stores, origin: str, email: str) -> tuple[Ceremony, str]:
    """Start the creation of a passkey for this address. Returns the ceremony and the id of its account."""
    fan, existing = await account(stores, email)
    fan_id = fan.fan_id if fan else secrets.token_urlsafe(16)
    options = passkeys.creation(origin, fan_id, email, email, [it.credential_id for it in existing])
    return options, fan_id


async def add(stores: Stores, origin: str, email: str, step: tuple[str, str], sent: str) -> None:
    """Store the passkey that a browser created, and create the account if it is the first.

    `step`: the challenge and the account's id. Raises CredentialInvalid, Conflict, StoreUnavailable.
    """
    challenge, fan_id = step
    credential = passkeys.verified_new(origin, challenge, sent)
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            if not await fans.insert(connection, (fan_id, mailbox_of(email), email), *credential):
                raise Conflict("This passkey is already registered, or there are too many.")


async def verified_fan(stores: Stores, origin: str, challenge: str, sent: str) -> Fan:
    """The account whose passkey answered the challenge. Each challenge works once.

    Raises CredentialInvalid, StoreUnavailable.
    """
    with stores_answer():
        stored = await fans.select_credential(stores.postgres, passkeys.credential_named(sent))
        if stored is None:
            raise CredentialInvalid(UNKNOWN)
        fan, known = stored
        count = passkeys.verified_use(origin, challenge, sent, known.public_key, known.sign_count)
        if not await fan_challenges.use(stores.redis, challenge):
            raise CredentialInvalid(passkeys.BAD)
        if not await fans.use(stores.postgres, known.passkey_id, known.sign_count, count):
            raise CredentialInvalid(passkeys.BAD)
    return fan


async def sign_in(stores: Stores, fan: Fan) -> str:
    """Sign a browser in as this fan. Returns the secret for its cookie."""
    secret = secrets.token_urlsafe(24)
    with stores_answer():
        await fans.insert_step(stores.postgres, digest(secret), fan.email)
    return secret


async def sign_out(stores: Stores, secret: str) -> None:
    """Sign the browser with this secret out."""
    with stores_answer():
        await fans.delete_step(stores.postgres, digest(secret[:SECRET_MAX]))


async def remove(stores: Stores, email: str, passkey_id: str) -> None:
    """Remove one of the passkeys of this address."""
    with stores_answer():
        await fans.delete_passkey(stores.postgres, mailbox_of(email), passkey_id)


async def delete(stores: Stores, email: str) -> None:
    """Delete the account of this address."""
    with stores_answer():
        await fans.delete(stores.postgres, mailbox_of(email))
