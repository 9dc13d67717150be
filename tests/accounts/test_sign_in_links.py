"""Links that sign in once."""

from __future__ import annotations

from app.accounts import sign_in_links
from app.core.account import Account
from app.store.connections import Stores
from app.store.keys import SIGN_IN_LINK

ANN = Account("ann", "operator")


async def test_a_link_signs_in_once_and_ends_by_itself(stores: Stores) -> None:
    code = await sign_in_links.create(stores, ANN, good_for_s=60)
    [key] = await stores.redis.keys(f"{SIGN_IN_LINK}*")
    assert code not in key, "who reads Redis cannot sign in"
    assert 0 < await stores.redis.ttl(key) <= 60
    assert await sign_in_links.redeem(stores, code) == ANN
    assert await sign_in_links.redeem(stores, code) is None


async def test_what_is_no_code_signs_nobody_in(stores: Stores) -> None:
    for code in ("", "unknown", "x" * 10_000):
        assert await sign_in_links.redeem(stores, code) is None
