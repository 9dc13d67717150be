"""Accounts: an e-mail address, a password, and the access tokens issued for them."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

import msgspec

from app import audit, logs
from app.accounts import signing_keys
from app.accounts.passwords import Passwords, refuse_common
from app.audit import Entity
from app.core.account import Account, Author, RegisteredAccount
from app.core.catalogue.definitions import NewAccount
from app.core.clock import from_ms, now_ms
from app.core.errors import Conflict, CredentialInvalid, NotFound
from app.core.model import Reservation, Role
from app.core.notifications.email import mailbox, normalised
from app.core.tokens.devices import Device
from app.core.tokens.place_tokens import PlaceSigner
from app.store.away import stores_answer
from app.store.connections import Connection, Postgres, Stores
from app.store.sql.accounts import accounts, sign_ins
from app.store.sql.accounts.accounts import AccountFilter
from app.store.sql.reservations import balances, reservations

RANK: dict[Role, int] = {"user": 0, "operator": 1, "admin": 2}
NEVER_OVER_MS = 2**62  # for tokens issued without a login: a new password does not end them
LOGGED_IN = "a."  # prefix of the `jti` of tokens issued by a login


async def register(stores: Stores, passwords: Passwords, new: NewAccount) -> RegisteredAccount:
    """Create an account with the role `user`. Raises ValidationFailed, BacklogFull.

    If the e-mail address already has an account, nothing changes, but the answer and the work are the same,
    so that callers cannot find out who has an account: the account returned then does not exist.
    """
    email = mailbox(new.email).lower()
    refuse_common(new.password)
    account_id = new_account_id()
    with stores_answer():
        password_hash = await passwords.hash(new.password)
        created = await accounts.insert_account(
            stores.postgres,
            account_id,
            email=email,
            name=new.name,
            password_hash=password_hash,
            role="user",
        )
    return created or RegisteredAccount(account_id, email, new.name, "user", password_hash, datetime.now(UTC))


async def log_in(stores: Stores, passwords: Passwords, email: str, password: str) -> RegisteredAccount:
    """Check an e-mail address and password. Returns the account. Raises CredentialInvalid, BacklogFull.

    An unknown address or a deactivated account is refused with the same message, and after the same work, as
    a wrong password.
    """
    with stores_answer():
        registered = await accounts.select_by_email(stores.postgres, normalised(email))
        good = await passwords.verify(registered.password_hash if registered else None, password)
        if not good or registered is None or registered.deactivated_at is not None:
            logs.get(__name__).info(
                "a password was wrong", account_id=registered.account_id if registered else None
            )
            raise CredentialInvalid("The e-mail address or password is wrong.")
        if passwords.is_outdated(registered.password_hash):
            renewed = await passwords.hash(password)
            await accounts.replace_hash(
                stores.postgres, registered.account_id, registered.password_hash, renewed
            )
    logs.get(__name__).info("somebody logged in", account_id=registered.account_id)
    return registered


async def is_device_of(stores: Stores, device: Device, email: str) -> bool:
    """Whether this normalised e-mail's account signed in on the device with its current password."""
    with stores_answer():
        return await accounts.knows_device(stores.postgres, device.account_id, email, device.made_ms)


async def account(stores: Stores, subject: str) -> RegisteredAccount:
    """The account with this id. Raises NotFound, such as for tokens of `fairgate token`, which have none."""
    with stores_answer():
        registered = await accounts.select_account(stores.postgres, subject)
    return _existing(registered)


async def rename(stores: Stores, subject: str, name: str) -> RegisteredAccount:
    """Rename the account. Raises NotFound."""
    with stores_answer():
        renamed = await accounts.update_name(stores.postgres, subject, name)
    return _existing(renamed)


async def appoint(
    stores: Stores, passwords: Passwords, new: NewAccount, role: Role, *, by: Author
) -> tuple[RegisteredAccount, Role | None]:
    """Create a staff account, or give the existing one this role, name and password.

    Returns it with its previous role, or None if it is new. The password is replaced because anybody could
    have registered with the address of somebody who becomes staff later.
    """
    email = mailbox(new.email).lower()
    refuse_common(new.password)
    with stores_answer():
        password_hash = await passwords.hash(new.password)
        async with stores.postgres.acquire() as connection, connection.transaction():
            created = await accounts.insert_account(
                connection,
                new_account_id(),
                email=email,
                name=new.name,
                password_hash=password_hash,
                role=role,
            )
            if created is None:
                return await _promote(connection, new, role, password_hash, by)
            entity = Entity("account", created.account_id)
            await audit.record(connection, by, "create", entity, after=_fields(created))
    return created, None


async def with_current_role(stores: Stores, holder: Account) -> Account:
    """The account of a token, with its current role if that is lower.

    A token issued by a login ends when it is signed out, or when the account changes its role or is deleted.
    A subject without an account (`fairgate token`, API keys) keeps the role in its token. Raises
    CredentialInvalid, StoreUnavailable.
    """
    issued_ms = _issued_ms(holder.jti) if holder.jti.startswith(LOGGED_IN) else NEVER_OVER_MS
    with stores_answer():
        now, ended = await accounts.select_role_and_validity(
            stores.postgres, holder.subject, holder.jti, issued_ms
        )
    if ended or (holder.jti.startswith(LOGGED_IN) and now != holder.role):
        raise CredentialInvalid("This access token was signed out, or its account has changed. Log in again.")
    if now is None or RANK[now] >= RANK[holder.role]:
        return holder
    return msgspec.structs.replace(holder, role=now)


def new_token_of(registered: RegisteredAccount) -> Account:
    """The account as a new access token will name it, with a `jti` that marks it as issued by a login."""
    jti = f"{LOGGED_IN}{now_ms()}.{secrets.token_urlsafe(12)}"
    return Account(subject=registered.account_id, role=registered.role, jti=jti)


async def change_password(
    stores: Stores, passwords: Passwords, subject: str, current: str, new: str, *, request_id: str
) -> None:
    """Change the account's password, which ends all its sign-ins and access tokens.

    Raises NotFound, CredentialInvalid, ValidationFailed, BacklogFull.
    """
    refuse_common(new, "new_password")
    wrong = CredentialInvalid("The current password is wrong.")
    registered = await account(stores, subject)
    with stores_answer():
        if not await passwords.verify(registered.password_hash, current):
            raise wrong
        renewed = await passwords.hash(new)
        async with stores.postgres.acquire() as connection, connection.transaction():
            changed = await accounts.change_password(
                connection, subject, registered.password_hash, renewed, now_ms()
            )
            if not changed:
                raise wrong
            await sign_ins.delete_of(connection, subject)
            if registered.role != "user":  # the audit log records only what staff do
                by, entity = Author(subject, registered.role, request_id), Entity("account", subject)
                await audit.record(connection, by, "change password", entity, after={"password": "replaced"})


async def sign_out_everywhere(stores: Stores, account_id: str, *, by: Author) -> None:
    """End all sign-ins, access tokens and known devices of an account. Raises NotFound."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            registered = await accounts.lock_one(connection, account_id)
            if registered is None:
                raise NotFound("There is no such account.")
            same = registered.password_hash
            await accounts.change_password(connection, account_id, same, same, now_ms())
            await sign_ins.delete_of(connection, account_id)
            entity = Entity("account", account_id)
            await audit.record(connection, by, "sign out", entity, after={"signed_in": False})


def _issued_ms(jti: str) -> int:
    """When the token of a login was issued; 0 for tokens from before that was recorded."""
    issued = jti.removeprefix(LOGGED_IN).partition(".")[0]
    return int(issued) if issued.isascii() and issued.isdigit() else 0


async def log_out(stores: Stores, holder: Account, expires_at: datetime) -> None:
    """End an access token. Repeating it changes nothing. Raises Conflict for an API key."""
    if not holder.jti:
        raise Conflict("An API key cannot be signed out; revoke it instead.")
    with stores_answer():
        await accounts.end_token(stores.postgres, holder.jti, expires_at)


async def accounts_page(
    stores: Stores, criteria: AccountFilter, *, limit: int, offset: int
) -> tuple[list[RegisteredAccount], int]:
    """A page of the accounts that match, staff first, and how many match in all."""
    with stores_answer():
        return await accounts.select_page(stores.postgres, criteria, limit=limit, offset=offset)


async def change_role(stores: Stores, account_id: str, role: Role, *, by: Author) -> RegisteredAccount:
    """Change an account's role. Raises NotFound, and Conflict if no admin would be left."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            admins = await accounts.lock_admins(connection)
            before = await accounts.lock_one(connection, account_id)
            if before is None:
                raise NotFound("There is no such account.")
            if role != "admin" and admins == [account_id]:
                raise Conflict("This is the last admin: make somebody else an admin first.")
            after = msgspec.structs.replace(before, role=role)
            await accounts.update_terms(connection, after)
            entity = Entity("account", account_id)
            await audit.record(
                connection, by, "change role", entity, before=_fields(before), after=_fields(after)
            )
    return after


async def reservations_page(
    stores: Stores, places: PlaceSigner, subject: str, *, limit: int, offset: int
) -> tuple[list[Reservation], int]:
    """A page of the account's reservations, newest first, and how many there are in all.

    Which visitor an account is in a room is not stored, so its visitor_id is derived for each event on sale.
    """
    with stores_answer():
        events = await balances.events_on_sale(stores.postgres)
        visitors = {event_id: places.account_visitor(room_id, subject) for room_id, event_id in events}
        return await reservations.of_visitors(stores.postgres, visitors, subject, limit=limit, offset=offset)


async def issue_access_token(postgres: Postgres, subject: str, role: Role) -> tuple[str, datetime]:
    """Sign an access token for `subject` with `role`. Returns it and when it expires."""
    keyring = await signing_keys.open_keyring(postgres)
    token, exp = keyring.signer.sign_access(Account(subject=subject, role=role), int(time.time()))
    ends_at = from_ms(exp * 1000)
    assert ends_at is not None
    return token, ends_at


def new_account_id() -> str:
    """A new random account_id of 22 characters."""
    return secrets.token_urlsafe(16)


async def _promote(
    connection: Connection, new: NewAccount, role: Role, password_hash: str, by: Author
) -> tuple[RegisteredAccount, Role]:
    """Give the account with this e-mail address a role, name and password.

    Returns it and its previous role.
    """
    before = await accounts.lock_by_email(connection, normalised(new.email))
    assert before is not None
    after = msgspec.structs.replace(before, name=new.name, role=role, password_hash=password_hash)
    await accounts.update_terms(connection, after)
    await accounts.change_password(connection, after.account_id, password_hash, password_hash, now_ms())
    # Sign-ins and tokens may belong to somebody who knew the old password.
    await sign_ins.delete_of(connection, after.account_id)
    await audit.record(
        connection,
        by,
        "appoint",
        Entity("account", after.account_id),
        before={**_fields(before), "password": "as it was"},
        after={**_fields(after), "password": "replaced"},
    )
    return after, before.role


def _existing(registered: RegisteredAccount | None) -> RegisteredAccount:
    if registered is None:
        raise NotFound("This access token does not belong to a registered account.")
    return registered


def _fields(registered: RegisteredAccount) -> dict[str, str]:
    """The fields of an account that the audit log keeps, without the password."""
    return {"email": registered.email, "name": registered.name, "role": registered.role}
