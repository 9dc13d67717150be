"""Console sign-ins: a secret in the browser's cookie, and a row that can be deleted."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from app.core.account import Account
from app.core.zones import check_zone, of_browser
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.sql.accounts import sign_ins
from app.store.sql.accounts.sign_ins import SignIn

SIGN_IN_S = 12 * 3600  # as long as an access token lives
LISTED_MAX = 100
AGENT_MAX = 200
SEEN_EVERY = timedelta(minutes=1)


async def begin(
    stores: Stores, account: Account, *, address: str, agent: str, ttl_s: int = SIGN_IN_S, zone: str = ""
) -> str:
    """Sign a browser in for `ttl_s` seconds, at most 12 h. Returns the secret for its cookie.

    `zone` is the browser's time zone.
    """
    secret = secrets.token_urlsafe(32)
    printable = "".join(it for it in agent if it.isprintable())[:AGENT_MAX]
    ttl_s = min(ttl_s, SIGN_IN_S)
    with stores_answer():
        await sign_ins.insert_sign_in(
            *(stores.postgres, _hash(secret), account.subject, account.role),
            address=address,
            agent=printable,
            ttl_s=ttl_s,
            zone=of_browser(zone),
        )
    return secret


async def of_secret(stores: Stores, secret: str, *, idle_s: int = 0, used: bool = True) -> SignIn | None:
    """The sign-in of this secret; None if there is none, or it was not used for `idle_s` seconds (0: no
    limit).

    `used`: whether this call counts as a use. Pass False for a stream that is merely left open.
    """
    with stores_answer():
        sign_in = await sign_ins.select_sign_in(stores.postgres, _hash(secret), idle_s)
        if used and sign_in is not None and datetime.now(UTC) - sign_in.seen_at > SEEN_EVERY:
            await sign_ins.touch(stores.postgres, sign_in.sign_in_id)
    return sign_in


async def prove(stores: Stores, sign_in_id: str) -> None:
    """Record that the user of this sign-in has just authenticated again."""
    with stores_answer():
        await sign_ins.prove(stores.postgres, sign_in_id)


async def set_clock(stores: Stores, subject: str, sign_in_id: str, *, chosen: str, browser: str) -> None:
    """Choose the console's time zone; "" means that of the browser. Raises ValidationFailed."""
    if chosen:
        check_zone(chosen)
    with stores_answer():
        await sign_ins.set_zone(stores.postgres, sign_in_id, subject, chosen, of_browser(browser))


async def of_account(stores: Stores, subject: str) -> list[SignIn]:
    """The sign-ins of this account, the most recently used first."""
    with stores_answer():
        return await sign_ins.select_of(stores.postgres, subject, LISTED_MAX)


async def end(stores: Stores, subject: str, sign_in_id: str) -> None:
    """Sign one browser of this account out; does nothing if it is not signed in."""
    with stores_answer():
        await sign_ins.delete(stores.postgres, subject, sign_in_id)


async def end_all(stores: Stores, subject: str, but: str = "") -> None:
    """Sign all browsers of this account out except the one with this sign_in_id."""
    with stores_answer():
        await sign_ins.delete_of(stores.postgres, subject, but)


def _hash(secret: str) -> bytes:
    """Hash a secret: 256 random bits need neither salt nor a slow hash."""
    return hashlib.sha256(secret.encode()).digest()
