"""The signing keys of a running process: loaded from Postgres, refreshed, replaced with overlap."""

from __future__ import annotations

import asyncio
import time

from app import audit
from app.audit import Thing
from app.core.account import Account, Author
from app.core.claims import BookingClaims, PassClaims
from app.core.errors import CredentialInvalid
from app.core.model import SigningAlgorithm
from app.core.signing_key import PURPOSES, Purpose, SigningKey
from app.core.tokens import BookingSigner, UnknownKey
from app.store.connections import POSTGRES_AWAY, Connection, Postgres
from app.store.sql import signing_keys

REFRESH_S = 2.0  # a new key is used everywhere within this, and a revoked one nowhere
UNKNOWN_KEY_REFRESH_S = 1.0  # forged key names cost at most one query in this


class Keyring:
    """The signer with the keys as they were last loaded."""

    def __init__(self, postgres: Postgres, signer: BookingSigner) -> None:
        self._postgres = postgres
        self._looked_again_at_s = -UNKNOWN_KEY_REFRESH_S
        self.signer = signer

    async def refresh(self) -> None:
        """Load the keys again."""
        self.signer.replace_keys(await signing_keys.load_keys(self._postgres))

    async def key_of(self, algorithm: SigningAlgorithm) -> SigningKey:
        """The key that signs by this algorithm, made if there is none. Raises what Postgres raises."""
        if found := self.signer.newest(algorithm):
            return found
        async with self._postgres.acquire() as connection, connection.transaction():
            await signing_keys.ensure_keys(connection, algorithm)
        await self.refresh()
        found = self.signer.newest(algorithm)
        assert found is not None
        return found

    async def keep_fresh(self) -> None:
        """Refresh forever; while Postgres is unavailable the loaded keys stay."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except POSTGRES_AWAY:
                continue

    async def read(self, token: str) -> BookingClaims | Account:
        """What a JWT says. For an unknown key, Postgres is asked once more."""
        try:
            return self.signer.read_any(token, int(time.time()))
        except UnknownKey as unknown:
            await self._look_again(unknown)
            return self.signer.read_any(token, int(time.time()))

    async def read_pass(self, token: str) -> PassClaims:
        """What a pass says, also one that has expired; without Postgres an unknown key is a wrong one."""
        try:
            return self.signer.read_pass(token, int(time.time()))
        except UnknownKey as unknown:
            try:
                await self._look_again(unknown)
            except POSTGRES_AWAY:
                raise CredentialInvalid(unknown.detail) from None
            return self.signer.read_pass(token, int(time.time()))

    async def _look_again(self, unknown: UnknownKey) -> None:
        # Not counted from the usual refresh, which may have been just before a rotation.
        if time.monotonic() - self._looked_again_at_s < UNKNOWN_KEY_REFRESH_S:
            raise CredentialInvalid(unknown.detail) from None
        self._looked_again_at_s = time.monotonic()
        await self.refresh()


async def open_keyring(postgres: Postgres) -> Keyring:
    """The keyring of this process; creates the installation's first key of each purpose if there is none."""
    keys = await signing_keys.load_keys(postgres)
    if missing := set(PURPOSES) - {it.purpose for it in keys}:
        async with postgres.acquire() as connection, connection.transaction():
            for purpose in sorted(missing):
                await signing_keys.insert_first_key(connection, SigningKey.new(purpose))
        keys = await signing_keys.load_keys(postgres)
    return Keyring(postgres, BookingSigner(keys))


async def rotate(postgres: Postgres, *, by: Author) -> dict[str, str]:
    """Make a new signing key of each purpose, and of each algorithm that a room ever chose; the `kid` of
    each. Tokens signed before stay good until they run out."""
    made = {}
    async with postgres.acquire() as connection, connection.transaction():
        there = await signing_keys.signing(connection)
        ours: list[tuple[Purpose, SigningAlgorithm]] = [(it, "EdDSA") for it in PURPOSES]
        for purpose, algorithm in [*ours, *(it for it in there if it[1] != "EdDSA")]:
            name = purpose if algorithm == "EdDSA" else f"{purpose} {algorithm}"
            made[name] = await _replace(connection, purpose, algorithm, by)
    return made


async def revoke(postgres: Postgres, kid: str, *, by: Author) -> Purpose | None:
    """No token of this key is good any longer, in this process's next look and within seconds everywhere; a
    new key signs if this one did. Its purpose; None: there is none with this `kid` that was not revoked."""
    async with postgres.acquire() as connection, connection.transaction():
        found = await signing_keys.revoke_key(connection, kid)
        if found is None:
            return None
        purpose, algorithm, signed = found
        thing, before, after = Thing("signing_key", kid), {"revoked": False}, {"revoked": True}
        await audit.record(connection, by, "revoke", thing, before=before, after=after)
        if signed and purpose != "any":
            await _replace(connection, purpose, algorithm, by)
    return purpose


async def _replace(connection: Connection, purpose: Purpose, algorithm: SigningAlgorithm, by: Author) -> str:
    key = await asyncio.to_thread(SigningKey.new, purpose, algorithm)
    before = await signing_keys.replace_key(connection, key)
    thing, after = Thing("signing_key", key.kid), {"signs": key.kid}
    await audit.record(connection, by, "rotate", thing, before={"signs": before}, after=after)
    return key.kid
