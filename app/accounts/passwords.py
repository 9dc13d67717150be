"""Hashes and verifies passwords with Argon2id, outside the event loop and a few at a time.

Each hash takes about 64 MiB and 50 ms of a core, so only a few run at once, and callers who would wait too
long are asked to try again later.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from app.core.errors import BacklogFull, ValidationFailed

AT_ONCE = 2
WAITING_MAX = 100  # about 3 s of work on two cores
WAIT_S = 5.0


@cache
def _commonest() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # loads slowly; most processes set no password

    return frozenset(FREQUENCY_LISTS["passwords"])


def refuse_common(password: str, field: str = "password") -> None:
    """Raise ValidationFailed if it is one of the 30,000 commonest passwords, which attackers try first."""
    if _normalised(password).lower() in _commonest():
        raise ValidationFailed(field, "is one of the commonest passwords; choose another")


class Passwords:
    """The password hasher of one process, with the parameters that argon2-cffi recommends."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """The hash to store, with parameters and salt. Raises BacklogFull."""
        async with self._slot():
            return await asyncio.to_thread(self._hasher.hash, _normalised(password))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password matches. A hash of None (no such account) takes as long, and returns False.

        Raises BacklogFull.
        """
        if password_hash is None:
            await self.hash(password)
            return False
        async with self._slot():
            try:
                return await asyncio.to_thread(self._hasher.verify, password_hash, _normalised(password))
            except VerifyMismatchError:
                return False

    def is_outdated(self, password_hash: str) -> bool:
        """Whether a hash was made with parameters other than the current ones."""
        return self._hasher.check_needs_rehash(password_hash)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING_MAX:
            raise BacklogFull("Too many people are logging in; try again in a moment.")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._slots.acquire()
        except TimeoutError:
            raise BacklogFull("Too many people are logging in; try again in a moment.") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()


def _normalised(password: str) -> str:
    """Normalise to NFKC (NIST SP 800-63B): keyboards encode the same letter in different code points."""
    return unicodedata.normalize("NFKC", password)
