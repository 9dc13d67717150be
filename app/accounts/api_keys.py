"""API keys: named access tokens for machines, valid until they are revoked or expire.

A key is derived from its id and FAIRGATE_SECRET, so that a repeated creation (Idempotency-Key) returns the
same key although it is not stored. Keys are verified by the digest in Postgres, so existing keys remain valid
after the secret is changed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from app import audit
from app.audit import Entity
from app.core.account import Account, Author
from app.core.accounts.scopes import SCOPES, KeyRights, Scope
from app.core.errors import CredentialInvalid, NotFound, ValidationFailed
from app.core.model import KeyRole, Role
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.accounts import api_keys
from app.store.sql.accounts.api_keys import ApiKey, KeyRow

PREFIX = "fgk_"
LENGTH_MAX = 200
_RANKS: tuple[Role, ...] = ("user", "operator", "admin")  # lowest first
NO_KEY = "There is no such API key."


class KeyTerms(NamedTuple):
    """The purpose and limits of a key; None and "" mean no limit."""

    name: str
    role: KeyRole
    expires_at: datetime | None = None
    network: str = ""
    scopes: Sequence[Scope] | None = None
    events: Sequence[str] | None = None


class NewKey(NamedTuple):
    """A key that has just been created."""

    key_id: str
    created_at: datetime


async def create(stores: Stores, secret: bytes, terms: KeyTerms, *, by: Author) -> NewKey:
    """Create a key for a machine. `key_of` derives the key itself from the id.

    Raises ValidationFailed (`expires_at`, `network`, `events`).
    """
    network = _network(terms.network)
    if terms.expires_at is not None and terms.expires_at <= datetime.now(UTC):
        raise ValidationFailed("expires_at", "must be in the future")
    scopes = sorted(set(terms.scopes), key=SCOPES.index) if terms.scopes is not None else None
    events = sorted(set(terms.events)) if terms.events is not None else None
    key_id = f"key_{secrets.token_hex(10)}"
    after = {**terms._asdict(), "network": network, "scopes": scopes, "events": events}
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            if missing := await api_keys.missing_events(connection, events or []):
                raise ValidationFailed("events", f"there is no event {missing[0]}")
            created = await api_keys.insert(
                connection,
                key_id,
                _digest(key_of(secret, key_id)),
                name=terms.name,
                role=terms.role,
                expires_at=terms.expires_at,
                made_by=by.subject,
                network=network,
                scopes=scopes,
                events=events,
            )
            await audit.record(connection, by, "create", Entity("api_key", key_id), after=after)
    return NewKey(key_id, created)


def key_of(secret: bytes, key_id: str) -> str:
    """Derive the key with this id, in the form in which clients send it."""
    mac = hmac.digest(hmac.digest(secret, b"fairgate api keys", "sha256"), key_id.encode(), "sha256")
    return f"{PREFIX}{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


async def read(stores: Stores, key: str, client: str) -> Account:
    """Verify a key sent from the address `client`. Returns the account it acts for.

    Reads Postgres each time, so that revoking a key takes effect at once. Raises CredentialInvalid,
    StoreUnavailable.
    """
    with stores_answer():
        chain = await api_keys.read(stores.postgres, _digest(key)) if len(key) <= LENGTH_MAX else []
    if not chain or not all(it.live for it in chain):
        raise CredentialInvalid("This API key is unknown, revoked or expired.")
    network = chain[0].network
    if network and not _is_within(client, network):
        raise CredentialInvalid("This API key may not be used from this address.")
    return _allowed(chain)


def _allowed(chain: Sequence[KeyRow]) -> Account:
    """The account a key acts for, limited to what the key, the keys that created it and its creator may."""
    role: Role = min((it.role for it in chain), key=_RANKS.index)
    if (maker := chain[-1].maker_role) is not None:
        role = min(role, maker, key=_RANKS.index)
    rights = KeyRights()
    for key in chain:
        rooms = None if key.events is None else frozenset(key.rooms or ())
        rights = rights.within(KeyRights(_set(key.scopes), _set(key.events), rooms))
    return Account(subject=chain[0].key_id, role=role, key=rights)


def _set(names: Sequence[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


async def revoke(stores: Stores, key_id: str, *, by: Author) -> None:
    """Revoke a key. Repeating it changes nothing. Raises NotFound."""
    with stores_answer():
        async with stores.postgres.acquire() as connection, connection.transaction():
            name = await api_keys.revoke(connection, key_id)
            if name is not None:
                entity, before = Entity("api_key", key_id), {"name": name, "revoked": False}
                await audit.record(connection, by, "revoke", entity, before=before, after={"revoked": True})
    if name is None:
        await get(stores, key_id)


async def page(stores: Stores, *, limit: int, offset: int) -> tuple[list[ApiKey], int]:
    """A page of the keys, newest first, and how many there are in all."""
    with stores_answer():
        return await api_keys.select(stores.postgres, limit=limit, offset=offset)


async def get(stores: Stores, key_id: str) -> ApiKey:
    """The key with this id. Raises NotFound."""
    with stores_answer():
        key = await api_keys.select_one(stores.postgres, key_id)
    if key is None:
        raise NotFound(NO_KEY)
    return key


def _network(text: str) -> str:
    """The network in canonical form, or "" for none. Raises ValidationFailed."""
    try:
        return str(ip_network(text.strip(), strict=False)) if text.strip() else ""
    except ValueError:
        hint = "must be a network, such as 203.0.113.0/24 or 2001:db8::/32"
        raise ValidationFailed("network", hint) from None


def _is_within(client: str, network: str) -> bool:
    try:
        return ip_address(client) in ip_network(network)
    except ValueError:  # the client's address is unknown
        return False


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
