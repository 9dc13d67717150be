"""Invitations: how many may be open, and what happens if one ends or its account changes meanwhile."""

from __future__ import annotations

import pytest

from app.accounts import activation, invitations, sale_rights
from app.accounts.invitations import Invitee
from app.core.account import COMMAND_LINE
from app.core.accounts.invitations import InvitationSigner
from app.core.errors import Conflict, CredentialInvalid, ValidationFailed
from app.store.connections import Stores
from app.store.sql.accounts import accounts as rows
from app.store.sql.accounts import invitations as invitation_rows
from app.store.sql.accounts import sale_grants
from tests.support.builders import STAFF
from tests.support.people import ANN, BOB, an_account, quick_passwords
from tests.support.races import lose_to
from tests.support.sales import GALA, a_sale

SIGNER = InvitationSigner(b"one secret of ours")
DOOR = Invitee(BOB, "Bob", event_id=GALA, sale_role="door")


async def invite(stores: Stores, invitee: Invitee) -> str:
    return await invitations.invite(stores, SIGNER, invitee, mails=False, by=STAFF)


async def accept(stores: Stores, token: str, password: str | None = "another long one") -> bool:
    """Accept an invitation; returns whether the person is signed in at once."""
    passwords = quick_passwords()
    _, at_once = await invitations.accept(
        stores, passwords, token, name="Bob", password=password, request_id="r"
    )
    return at_once


async def test_only_so_many_are_open_and_another_to_the_same_replaces_one(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitation_rows, "OPEN_MAX", 1)
    first = await invite(stores, Invitee(ANN, "Ann", "operator"))
    second = await invite(stores, Invitee(ANN, "Ann", "admin"))
    with pytest.raises(Conflict, match="Too many"):
        await invite(stores, Invitee(BOB, "Bob", "admin"))
    assert await invitations.of_token(stores, first) is None
    [left] = await invitations.list_open(stores)
    assert (left.email, left.role) == (ANN, "admin")
    assert await invitations.of_token(stores, second) == left
    await stores.postgres.execute("UPDATE invitations SET expires_at = now()")
    assert await invitations.of_token(stores, second) is None
    await invite(stores, Invitee(BOB, "Bob", "operator"))  # those that have expired do not count


async def test_a_link_that_is_none_is_refused_before_the_costly_hash(stores: Stores) -> None:
    for token in ("", "unknown", "x" * 10_000):
        assert await invitations.of_token(stores, token) is None
        with pytest.raises(CredentialInvalid):
            await accept(stores, token)
    token = await invite(stores, Invitee(BOB, "Bob", "operator"))
    with pytest.raises(ValidationFailed, match="commonest"):
        await accept(stores, token, "password1")
    assert await invitations.of_token(stores, token) is not None


async def test_an_invitation_that_is_withdrawn_at_the_last_moment_makes_nobody_staff(stores: Stores) -> None:
    token = await invite(stores, Invitee(BOB, "Bob", "admin"))
    with pytest.raises(CredentialInvalid, match="withdrawn"):
        await lose_to(stores, "DELETE FROM invitations", call=accept(stores, token))
    assert await rows.select_by_email(stores.postgres, BOB) is None


async def test_a_sale_with_all_its_people_takes_nobody_and_the_link_stays_good(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_sale(stores)
    ann, _ = await an_account(stores)
    await sale_rights.give(stores, ann.account_id, GALA, "owner", by=STAFF)
    token = await invite(stores, DOOR)
    monkeypatch.setattr(sale_grants, "OF_EVENT_MAX", 1)
    with pytest.raises(Conflict, match="maximum number of people"):
        await accept(stores, token)
    assert await rows.select_by_email(stores.postgres, BOB) is None
    monkeypatch.setattr(sale_grants, "OF_EVENT_MAX", 2)
    assert await accept(stores, token)
    people = await sale_rights.people_of(stores, GALA)
    assert [(it.email, it.sale_role) for it in people] == [(ANN, "owner"), (BOB, "door")]


async def test_an_invitation_does_not_open_a_deactivated_account(stores: Stores) -> None:
    bob, _ = await an_account(stores, BOB)
    await activation.set_active(stores, bob.account_id, active=False, by=COMMAND_LINE)
    token = await invite(stores, Invitee(BOB, "Bob", "admin"))
    with pytest.raises(Conflict, match="deactivated"):
        await accept(stores, token)
    unchanged = await rows.select_by_email(stores.postgres, BOB)
    assert unchanged is not None
    assert (unchanged.role, unchanged.password_hash) == ("operator", bob.password_hash)
    await activation.set_active(stores, bob.account_id, active=True, by=COMMAND_LINE)
    assert not await accept(stores, token), "staff signs in as before"


async def test_staff_keep_their_role_and_a_passkey_replaces_no_password(stores: Stores) -> None:
    await a_sale(stores)
    bob, _ = await an_account(stores, BOB, "admin")
    assert not await accept(stores, await invite(stores, DOOR), password=None)
    unchanged = await rows.select_by_email(stores.postgres, BOB)
    assert unchanged is not None
    assert (unchanged.role, unchanged.password_hash) == ("admin", bob.password_hash)
    assert [it.sale_role for it in await sale_rights.people_of(stores, GALA)] == ["door"]
