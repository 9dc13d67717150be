"""Passkeys (WebAuthn): each account may have several, by name, and sign in with one.

The library, py_webauthn, is imported on use: importing it takes half a second, and most processes do not need
it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from app import audit
from app.audit import Entity
from app.core.account import Author, RegisteredAccount
from app.core.errors import Conflict, CredentialInvalid, NotFound
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.accounts import accounts, passkeys
from app.store.sql.accounts.passkeys import Passkey

CREDENTIAL_MAX = 20_000  # characters of a browser's response
NAME_MAX = 60
# What py_webauthn raises besides its own errors for responses that no authenticator sends, such as an
# attestation with an empty list of certificates, or JSON nested thousands of levels deep.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
BAD = "This passkey could not be read. Try again."
UNKNOWN = "This passkey is not registered here, or its account is deactivated."


class Ceremony(NamedTuple):
    """The WebAuthn options for a browser, as JSON, and the challenge in them."""

    options: str
    challenge: str


class _Credential(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a browser's response that names the passkey."""

    raw_id: str


async def begin_new(stores: Stores, origin: str, account: RegisteredAccount) -> Ceremony:
    """The options to create a passkey for this account."""
    with stores_answer():
        existing = await passkeys.select_of(stores.postgres, account.account_id)
    owner = (account.account_id, account.email, account.name)
    return creation(origin, *owner, [it.credential_id for it in existing])


async def add(stores: Stores, origin: str, challenge: str, sent: str, name: str, *, by: Author) -> None:
    """Store the passkey that a browser created. Raises CredentialInvalid, Conflict."""
    credential = verified_new(origin, challenge, sent)
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            if not await passkeys.insert(connection, by.subject, *credential, name):
                raise Conflict("This passkey is already registered, or there are too many.")
            entity = Entity("account", by.subject)
            await audit.record(connection, by, "add passkey", entity, after={"passkey": name})


def creation(origin: str, user_id: str, email: str, name: str, existing: Sequence[bytes]) -> Ceremony:
    """The options to create a passkey, unless the authenticator has one of the `existing` credentials."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers import structs

    options = generate_registration_options(
        rp_id=_host(origin),
        rp_name=_host(origin),
        user_name=email,
        user_id=user_id.encode(),
        user_display_name=name,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(id=it) for it in existing],
    )
    return Ceremony(str(options_to_json(options)), _text(options.challenge))


def verified_new(origin: str, challenge: str, sent: str) -> tuple[bytes, bytes, int]:
    """Verify a new passkey.

    Returns its credential id, public key and sign count. Raises CredentialInvalid.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        registration = verify_registration_response(
            credential=_checked(sent),
            expected_challenge=_bytes(challenge),
            expected_rp_id=_host(origin),
            expected_origin=origin,
            require_user_verification=True,
        )
    except (WebAuthnException, *UNREADABLE):
        raise CredentialInvalid(BAD) from None
    return registration.credential_id, registration.credential_public_key, registration.sign_count


def begin_sign_in(origin: str) -> Ceremony:
    """The options to sign in with any passkey that the browser has for us."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers import structs

    options = generate_authentication_options(
        rp_id=_host(origin), user_verification=structs.UserVerificationRequirement.REQUIRED
    )
    return Ceremony(str(options_to_json(options)), _text(options.challenge))


async def verified_account(stores: Stores, origin: str, challenge: str, sent: str) -> RegisteredAccount:
    """The account whose passkey answered the challenge. Raises CredentialInvalid."""
    with stores_answer():
        credential = await passkeys.select_credential(stores.postgres, credential_named(sent))
        registered = (
            await accounts.select_account(stores.postgres, credential.account_id) if credential else None
        )
    if credential is None or registered is None or registered.deactivated_at is not None:
        raise CredentialInvalid(UNKNOWN)
    count = verified_use(origin, challenge, sent, credential.public_key, credential.sign_count)
    with stores_answer():
        if not await passkeys.use(stores.postgres, credential.passkey_id, credential.sign_count, count):
            raise CredentialInvalid(BAD)
    return registered


def verified_use(origin: str, challenge: str, sent: str, public_key: bytes, count: int) -> int:
    """Verify that a passkey answered the challenge. Returns its new sign count. Raises CredentialInvalid."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        done = verify_authentication_response(
            credential=_checked(sent),
            expected_challenge=_bytes(challenge),
            expected_rp_id=_host(origin),
            expected_origin=origin,
            credential_public_key=public_key,
            credential_current_sign_count=count,
            require_user_verification=True,
        )
    except (WebAuthnException, *UNREADABLE):
        raise CredentialInvalid(BAD) from None
    new: int = done.new_sign_count
    return new


def credential_named(sent: str) -> bytes:
    """The credential id in a browser's response. Raises CredentialInvalid."""
    return _bytes(_named(sent))


async def of_account(stores: Stores, account_id: str) -> list[Passkey]:
    """The passkeys of an account, oldest first."""
    with stores_answer():
        return await passkeys.select_of(stores.postgres, account_id)


async def remove(stores: Stores, passkey_id: str, *, by: Author) -> None:
    """Remove a passkey of the account that asks. Raises NotFound."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            name = await passkeys.delete(connection, by.subject, passkey_id)
            if name is None:
                raise NotFound("There is no such passkey.")
            entity = Entity("account", by.subject)
            await audit.record(connection, by, "remove passkey", entity, before={"passkey": name})


def _host(origin: str) -> str:
    return urlsplit(origin).hostname or "localhost"


def _checked(sent: str) -> Any:
    if len(sent) > CREDENTIAL_MAX:
        raise CredentialInvalid(BAD)
    return sent


def _named(sent: str) -> str:
    try:
        return msgspec.json.decode(_checked(sent), type=_Credential).raw_id
    except (msgspec.MsgspecError, UnicodeError):
        raise CredentialInvalid(BAD) from None


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise CredentialInvalid(BAD) from None
