"""Roles of accounts: changed by admins, but never the last admin's; lost rights end immediately."""

from __future__ import annotations

import asyncio

import pytest

from app.accounts import accounts
from app.core.account import COMMAND_LINE
from app.core.errors import Conflict, NotFound
from app.core.model import Role
from app.store.connections import Stores
from app.store.sql.accounts.accounts import AccountFilter
from tests.routes.conftest import Web, code, settings, web

__all__ = ["settings", "web"]


async def an_account(stores: Stores, name: str, role: Role) -> str:
    await stores.postgres.execute(
        "INSERT INTO accounts (account_id, email, name, role, password_hash) VALUES ($1, $2, $3, $4, '')",
        *(name, f"{name}@example.org", name.title(), role),
    )
    return name


async def listed(stores: Stores, q: str | None = None, role: Role | None = None) -> list[str]:
    found, total = await accounts.accounts_page(stores, AccountFilter(q, role), limit=50, offset=0)
    assert total == len(found)
    return [it.account_id for it in found]


async def test_accounts_are_found_by_words_and_by_role(stores: Stores) -> None:
    for name, role in (("fay", "user"), ("olga", "operator"), ("ada", "admin")):
        await an_account(stores, name, role)  # type: ignore[arg-type]
    assert await listed(stores) == ["ada", "olga", "fay"]
    assert await listed(stores, q="OLG") == ["olga"]
    assert await listed(stores, q="fay@EXAMPLE") == ["fay"]
    assert await listed(stores, q="%") == []
    assert await listed(stores, role="admin") == ["ada"]


async def test_the_last_admin_stays_whoever_asks_and_however_many_at_once(stores: Stores) -> None:
    for name in ("ada", "bea"):
        await an_account(stores, name, "admin")
    done = await asyncio.gather(
        *(accounts.change_role(stores, name, "user", by=COMMAND_LINE) for name in ("ada", "bea")),
        return_exceptions=True,
    )
    assert sorted(type(it).__name__ for it in done) == ["Conflict", "RegisteredAccount"]
    (left,) = await listed(stores, role="admin")
    with pytest.raises(Conflict):
        await accounts.change_role(stores, left, "operator", by=COMMAND_LINE)
    await accounts.change_role(stores, left, "admin", by=COMMAND_LINE)
    with pytest.raises(NotFound):
        await accounts.change_role(stores, "nobody", "user", by=COMMAND_LINE)
    rows = await stores.postgres.fetch("SELECT before ->> 'role', after ->> 'role' FROM audit")
    assert [tuple(it) for it in rows] == [("admin", "user")]  # no change, no row


async def test_a_role_that_was_taken_away_is_gone_at_once(web: Web) -> None:
    await web.room()
    stores = web.app.stores
    await an_account(stores, "ada", "admin")
    await an_account(stores, "olga", "operator")
    headers = web.as_("operator", "olga")
    assert (await web.get("/v1/rooms/hall/stats", headers=headers)).status_code == 200
    assert code(await web.get("/v1/keys", headers=headers)) == (403, "role_required")
    await accounts.change_role(stores, "olga", "admin", by=COMMAND_LINE)
    assert code(await web.get("/v1/keys", headers=headers)) == (
        403,
        "role_required",
    )
    await accounts.change_role(stores, "olga", "user", by=COMMAND_LINE)
    assert code(await web.get("/v1/rooms/hall/stats", headers=headers)) == (403, "role_required")
