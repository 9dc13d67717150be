"""The signing keys of a running process: loaded from Postgres, looked at again, replaced with overlap."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from app import audit
from app.audit import Thing
from app.core.errors import CredentialInvalid
from app.core.model import Account, Author, BookingClaims, PassClaims
from app.core.tokens import BookingSigner, SigningKey, UnknownKey
from app.store import keyring
from app.store.connections import POSTGRES_AWAY

REFRESH_S = 10.0  # a new key is used everywhere within this
UNKNOWN_KEY_REFRESH_S = 1.0  # forged key names cost at most one query in this


class Keyring:
    """The signer with the keys as they were last loaded."""

    def __init__(self, postgres: asyncpg.Pool, signer: BookingSigner) -> None:
        self._postgres = postgres
        self._refreshed_at_s = time.monotonic()
        self.signer = signer

    async def refresh(self) -> None:
        """Load the keys again."""
        self._refreshed_at_s = time.monotonic()
        self.signer.replace_keys(await keyring.load_keys(self._postgres))

    async def keep_fresh(self) -> None:
        """Refresh for ever; with Postgres away the keys at hand stay."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.refresh()
            except POSTGRES_AWAY:
                continue

    async def read(self, token: str) -> BookingClaims | Account:
        """What a JWT says. One with an unknown key is given one more look at the keys in Postgres."""
        try:
            return self.signer.read_any(token, int(time.time()))
        except UnknownKey as unknown:
            await self._look_again(unknown)
            return self.signer.read_any(token, int(time.time()))

    async def read_pass(self, token: str) -> PassClaims:
        """What a pass says, also one that has run out; with Postgres away an unknown key is a wrong one."""
        try:
            return self.signer.read_pass(token, int(time.time()))
        except UnknownKey as unknown:
            try:
                await self._look_again(unknown)
            except POSTGRES_AWAY:
                raise CredentialInvalid(unknown.detail) from None
            return self.signer.read_pass(token, int(time.time()))

    async def _look_again(self, unknown: UnknownKey) -> None:
        if time.monotonic() - self._refreshed_at_s < UNKNOWN_KEY_REFRESH_S:
            raise CredentialInvalid(unknown.detail) from None
        await self.refresh()


async def open_keyring(postgres: asyncpg.Pool) -> Keyring:
    """The keyring of this process; makes the installation's first key when there is none."""
    keys = await keyring.load_keys(postgres)
    if not keys:
        await keyring.insert_first_key(postgres, SigningKey.new())
        keys = await keyring.load_keys(postgres)
    return Keyring(postgres, BookingSigner(keys))


async def rotate(postgres: asyncpg.Pool, *, by: Author) -> str:
    """Make a new signing key and return its `kid`; tokens signed before stay good until they run out."""
    key = SigningKey.new()
    async with postgres.acquire() as connection, connection.transaction():
        before = await keyring.replace_key(connection, key)
        thing = Thing("signing_key", key.kid)
        await audit.record(
            connection, by, "rotate", thing, before={"signs": before}, after={"signs": key.kid}
        )
    return key.kid
