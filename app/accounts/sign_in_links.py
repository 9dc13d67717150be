"""Single-use links that sign in to the console, such as the one that `fairgate demo` prints.

They are stored in Redis only; if Redis is lost, create a new one.
"""

from __future__ import annotations

import secrets

import msgspec

from app.core.account import Account
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.redis import sign_in_links

GOOD_FOR_S = 15 * 60
CODE_MAX = 100


async def create(stores: Stores, account: Account, *, good_for_s: int = GOOD_FOR_S) -> str:
    """Create the code of a link that signs this account in once. Raises StoreUnavailable."""
    code = secrets.token_urlsafe(24)
    with stores_answer():
        await sign_in_links.save(stores.redis, code, msgspec.json.encode(account), ttl_s=good_for_s)
    return code


async def redeem(stores: Stores, code: str) -> Account | None:
    """Use a code up. Returns the account it signs in, or None if used or expired. Raises StoreUnavailable."""
    if len(code) > CODE_MAX:
        return None
    with stores_answer():
        stored = await sign_in_links.redeem(stores.redis, code)
    return msgspec.json.decode(stored, type=Account) if stored else None
