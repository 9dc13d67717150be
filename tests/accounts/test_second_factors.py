"""Second factors against the stores: set up once, whoever is faster; a changed secret; too many sign-ins."""

from __future__ import annotations

import time

import pyotp
import pytest

from app.accounts import second_factor
from app.accounts.second_factor import TRIES_MAX
from app.core.account import Author
from app.core.accounts.second_factor import STEP_S, FactorKeys
from app.core.errors import Conflict, CredentialInvalid
from app.store.connections import Stores
from app.store.sql.accounts import passkeys as rows
from tests.support.people import an_account
from tests.support.races import lose_to

KEYS = FactorKeys(b"one secret of ours")


def code_of(secret: str, steps: int = 0) -> str:
    """The code that an app shows now, or this many steps later."""
    return pyotp.TOTP(secret).at((int(time.time()) // STEP_S + steps) * STEP_S)


async def set_up(stores: Stores) -> tuple[Author, str, list[str]]:
    """An account with codes: who it is, the secret of the app and the recovery codes."""
    _, by = await an_account(stores)
    secret = await second_factor.begin(stores, KEYS, by.subject)
    return by, secret, await second_factor.confirm(stores, KEYS, code_of(secret), by=by)


async def test_codes_in_use_are_not_replaced_by_beginning_again(stores: Stores) -> None:
    by, secret, _ = await set_up(stores)
    with pytest.raises(Conflict, match="already in use"):
        await second_factor.begin(stores, KEYS, by.subject)
    with pytest.raises(Conflict, match="No setup is in progress"):
        await second_factor.confirm(stores, KEYS, code_of(secret), by=by)
    await second_factor.check(stores, KEYS, by.subject, code_of(secret, 1))
    with pytest.raises(CredentialInvalid):
        await second_factor.check(stores, KEYS, by.subject, code_of(secret, 1))


async def test_two_browsers_that_confirm_at_once_get_one_set_of_recovery_codes(stores: Stores) -> None:
    _, by = await an_account(stores)
    secret = await second_factor.begin(stores, KEYS, by.subject)
    confirm = second_factor.confirm(stores, KEYS, code_of(secret), by=by)
    with pytest.raises(Conflict, match="already in use"):
        await lose_to(stores, "UPDATE second_factors SET confirmed_at = now(), last_step = 1", call=confirm)
    assert await second_factor.factors_of(stores, by.subject) == (True, 0, 0)


async def test_after_our_secret_has_changed_no_code_is_good_and_the_reason_is_given(
    stores: Stores,
) -> None:
    by, secret, recovery = await set_up(stores)
    changed = FactorKeys(b"another")
    with pytest.raises(CredentialInvalid, match="FAIRGATE_SECRET has changed"):
        await second_factor.check(stores, changed, by.subject, code_of(secret, 1))
    with pytest.raises(CredentialInvalid):
        await second_factor.check(stores, changed, by.subject, recovery[0])
    await second_factor.check(stores, KEYS, by.subject, code_of(secret, 1))
    await second_factor.check(stores, KEYS, by.subject, recovery[0])


async def test_only_so_many_sign_ins_are_half_way_at_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "STEPS_MAX", 1)
    first = await second_factor.remember_step(stores, "code", None, {"to": "/admin"})
    with pytest.raises(Conflict, match="Too many people"):
        await second_factor.remember_step(stores, "code", None, {})
    assert await second_factor.find_step(stores, "passkey", first) is None, "another kind of step"
    found = [await second_factor.find_step(stores, "code", first) for _ in range(TRIES_MAX + 1)]
    assert [it.data if it else None for it in found] == [{"to": "/admin"}] * TRIES_MAX + [None]
    assert [await second_factor.end_step(stores, first) for _ in range(2)] == [True, False]
    second = await second_factor.remember_step(stores, "code", None, {})
    await stores.postgres.execute("UPDATE sign_in_steps SET expires_at = now()")
    assert await second_factor.find_step(stores, "code", second) is None
    await second_factor.remember_step(stores, "code", None, {})  # in place of the one that has expired
