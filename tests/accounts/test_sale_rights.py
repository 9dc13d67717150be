"""Roles in single sales: who can get one, how many there are, and that repeating changes nothing."""

from __future__ import annotations

import pytest

from app.accounts import activation, sale_rights
from app.core.account import COMMAND_LINE, Account
from app.core.accounts.rights import Grants
from app.core.accounts.scopes import KeyRights
from app.core.errors import Conflict, NotFound
from app.store.connections import Stores
from app.store.sql.accounts import sale_grants
from tests.support.builders import STAFF
from tests.support.people import ANN, BOB, actions, an_account
from tests.support.sales import GALA, a_sale


async def roles(stores: Stores) -> dict[str, str]:
    """The role of each person in the sale, by address."""
    return {it.email: it.sale_role for it in await sale_rights.people_of(stores, GALA)}


async def test_a_role_is_given_replaced_and_revoked_once(stores: Stores) -> None:
    await a_sale(stores)
    ann, _ = await an_account(stores)
    for role in ("door", "owner"):
        await sale_rights.give(stores, ann.account_id, GALA, role, by=STAFF)
        assert await roles(stores) == {ANN: role}
    for _ in range(2):
        await sale_rights.revoke(stores, ann.account_id, GALA, by=STAFF)
        assert await roles(stores) == {}
    assert await actions(stores) == ["create", "give", "give", "take"]
    assert await sale_rights.grants_of(stores, Account(ann.account_id, "user")) == Grants()


async def test_who_is_not_there_or_deactivated_gets_none(stores: Stores) -> None:
    await a_sale(stores)
    ann, _ = await an_account(stores)
    await activation.set_active(stores, ann.account_id, active=False, by=COMMAND_LINE)
    for account_id in ("nobody", ann.account_id):
        with pytest.raises(NotFound):
            await sale_rights.give(stores, account_id, GALA, "owner", by=STAFF)
    assert await roles(stores) == {}
    assert await sale_rights.staff_account_id(stores, ANN) is None
    assert await actions(stores) == ["create", "deactivate"]


async def test_a_sale_has_only_so_many_people_who_may_change_their_roles(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_sale(stores)
    ann, _ = await an_account(stores)
    bob, _ = await an_account(stores, BOB)
    monkeypatch.setattr(sale_grants, "OF_EVENT_MAX", 1)
    await sale_rights.give(stores, ann.account_id, GALA, "door", by=STAFF)
    with pytest.raises(Conflict, match="maximum number of people"):
        await sale_rights.give(stores, bob.account_id, GALA, "door", by=STAFF)
    await sale_rights.give(stores, ann.account_id, GALA, "viewer", by=STAFF)
    assert await roles(stores) == {ANN: "viewer"}


async def test_a_key_has_no_roles_in_sales(stores: Stores) -> None:
    await a_sale(stores)
    ann, _ = await an_account(stores)
    await sale_rights.give(stores, ann.account_id, GALA, "owner", by=STAFF)
    key = Account(ann.account_id, "operator", key=KeyRights())
    assert await sale_rights.grants_of(stores, key) == Grants()
