"""The signing keys of a process: loads and refreshes them from Postgres, rotates them with overlap."""

from __future__ import annotations

import asyncio
import time

from app import audit
from app.audit import Entity
from app.core.account import Account, Author
from app.core.errors import CredentialInvalid
from app.core.model import SigningAlgorithm
from app.core.tokens.claims import BookingClaims, PassClaims
from app.core.tokens.signing_key import PURPOSES, Purpose, SigningKey
from app.core.tokens.tokens import BookingSigner, UnknownKey
from app.store.connections import POSTGRES_AWAY, Connection, Postgres
from app.store.sql.accounts import signing_keys

REFRESH_S = 2.0  # within this time every process uses a new key, and none accepts a revoked one
UNKNOWN_KEY_REFRESH_S = 1.0  # forged key ids cost at most one query in this time


class Keyring:
    """A signer with the keys loaded last."""

    def __init__(self, postgres: Postgres, signer: BookingSigner) -> None:
        self._postgres = postgres
        self._looked_again_at_s = -UNKNOWN_KEY_REFRESH_S
        self.signer = signer

    async def refresh(self) -> None:
        """Reload the keys."""
        self.signer.replace_keys(await signing_keys.load_keys(self._postgres))

    async def key_of(self, algorithm: SigningAlgorithm) -> SigningKey:
        """The key that signs with this algorithm, created if there is none. Raises database errors."""
        if newest := self.signer.newest(algorithm):
            return newest
        async with self._postgres.acquire() as connection, connection.transaction():
            await signing_keys.ensure_keys(connection, algorithm)
        await self.refresh()
        newest = self.signer.newest(algorithm)
        assert newest is not None
        return newest

    async def keep_fresh(self) -> None:
        """Refresh forever. While Postgres is unavailable, the loaded keys stay in use."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except POSTGRES_AWAY:
                continue

    async def read(self, token: str) -> BookingClaims | Account:
        """Verify a JWT and return its claims. If its key is unknown, reloads the keys once."""
        try:
            return self.signer.read_any(token, int(time.time()))
        except UnknownKey as unknown:
            await self._reload_for(unknown)
            return self.signer.read_any(token, int(time.time()))

    async def read_pass(self, token: str) -> PassClaims:
        """Verify a pass, even an expired one, and return its claims.

        Without Postgres an unknown key is invalid.
        """
        try:
            return self.signer.read_pass(token, int(time.time()))
        except UnknownKey as unknown:
            try:
                await self._reload_for(unknown)
            except POSTGRES_AWAY:
                raise CredentialInvalid(unknown.detail) from None
            return self.signer.read_pass(token, int(time.time()))

    async def _reload_for(self, unknown: UnknownKey) -> None:
        # Measured from the last extra look: the regular refresh may have come just before a rotation.
        if time.monotonic() - self._looked_again_at_s < UNKNOWN_KEY_REFRESH_S:
            raise CredentialInvalid(unknown.detail) from None
        self._looked_again_at_s = time.monotonic()
        await self.refresh()


async def open_keyring(postgres: Postgres) -> Keyring:
    """Open the keyring of this process. Creates the installation's first key of each purpose if missing."""
    keys = await signing_keys.load_keys(postgres)
    if missing := set(PURPOSES) - {it.purpose for it in keys}:
        async with postgres.acquire() as connection, connection.transaction():
            for purpose in sorted(missing):
                await signing_keys.insert_first_key(connection, SigningKey.new(purpose))
        keys = await signing_keys.load_keys(postgres)
    return Keyring(postgres, BookingSigner(keys))


async def rotate(postgres: Postgres, *, by: Author) -> dict[str, str]:
    """Create a new signing key for each purpose, and for each algorithm that a room ever chose.

    Returns the `kid` of each. Tokens signed with earlier keys stay valid until they expire.
    """
    new_keys = {}
    async with postgres.acquire() as connection, connection.transaction():
        existing = await signing_keys.signing(connection)
        purposes: list[tuple[Purpose, SigningAlgorithm]] = [(it, "EdDSA") for it in PURPOSES]
        for purpose, algorithm in [*purposes, *(it for it in existing if it[1] != "EdDSA")]:
            name = purpose if algorithm == "EdDSA" else f"{purpose} {algorithm}"
            new_keys[name] = await _replace(connection, purpose, algorithm, by)
    return new_keys


async def revoke(postgres: Postgres, kid: str, *, by: Author) -> Purpose | None:
    """Revoke a key: within seconds no process accepts its tokens. If it was signing, a new key replaces it.

    Returns its purpose, or None if no key with this `kid` was valid.
    """
    async with postgres.acquire() as connection, connection.transaction():
        revoked = await signing_keys.revoke_key(connection, kid)
        if revoked is None:
            return None
        purpose, algorithm, signed = revoked
        entity, before, after = Entity("signing_key", kid), {"revoked": False}, {"revoked": True}
        await audit.record(connection, by, "revoke", entity, before=before, after=after)
        if signed and purpose != "any":
            await _replace(connection, purpose, algorithm, by)
    return purpose


async def _replace(connection: Connection, purpose: Purpose, algorithm: SigningAlgorithm, by: Author) -> str:
    key = await asyncio.to_thread(SigningKey.new, purpose, algorithm)
    before = await signing_keys.replace_key(connection, key)
    entity, after = Entity("signing_key", key.kid), {"signs": key.kid}
    await audit.record(connection, by, "rotate", entity, before={"signs": before}, after=after)
    return key.kid
