"""Passkeys of staff and of fans: created and used once each, and what is refused, whoever sends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.accounts import fans, passkeys
from app.core.account import Author, RegisteredAccount
from app.core.errors import Conflict, CredentialInvalid, NotFound
from app.store.connections import Stores
from app.store.sql.accounts import fans as fan_rows
from app.store.sql.accounts import passkeys as rows
from tests.support.authenticator import NEW_KEY, ORIGIN, PRESENT, VERIFIED, Authenticator
from tests.support.people import ANN, BOB, actions, an_account
from tests.support.races import lose_to


async def register(stores: Stores, phone: Authenticator) -> tuple[RegisteredAccount, Author]:
    """A member of staff with a passkey on this phone."""
    account, by = await an_account(stores)
    challenge = (await passkeys.begin_new(stores, ORIGIN, account)).challenge
    await passkeys.add(stores, ORIGIN, challenge, phone.create(challenge), "Phone", by=by)
    return account, by


async def test_a_passkey_is_created_signs_in_and_is_removed(stores: Stores) -> None:
    phone = Authenticator()
    account, by = await register(stores, phone)
    excluded = json.loads((await passkeys.begin_new(stores, ORIGIN, account)).options)["excludeCredentials"]
    assert len(excluded) == 1, "the phone is told that it has one"
    for uses in (1, 2):
        challenge = passkeys.begin_sign_in(ORIGIN).challenge
        found = await passkeys.verified_account(stores, ORIGIN, challenge, phone.answer(challenge))
        assert found.account_id == account.account_id
        [passkey] = await passkeys.of_account(stores, account.account_id)
        assert (passkey.name, passkey.sign_count) == ("Phone", uses)
    await passkeys.remove(stores, passkey.passkey_id, by=by)
    with pytest.raises(CredentialInvalid, match="not registered here"):
        await passkeys.verified_account(stores, ORIGIN, challenge, phone.answer(challenge))
    with pytest.raises(NotFound):
        await passkeys.remove(stores, passkey.passkey_id, by=by)
    assert await actions(stores) == ["create", "add passkey", "remove passkey"]


async def test_nobody_removes_the_passkey_of_somebody_else(stores: Stores) -> None:
    account, _ = await register(stores, Authenticator())
    _, bob = await an_account(stores, BOB)
    [passkey] = await passkeys.of_account(stores, account.account_id)
    with pytest.raises(NotFound):
        await passkeys.remove(stores, passkey.passkey_id, by=bob)
    assert await passkeys.of_account(stores, account.account_id) == [passkey]


async def test_a_passkey_belongs_to_one_account_and_an_account_has_only_so_many(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = Authenticator()
    account, by = await register(stores, phone)
    bob, by_bob = await an_account(stores, BOB)
    challenge = (await passkeys.begin_new(stores, ORIGIN, bob)).challenge
    with pytest.raises(Conflict):
        await passkeys.add(stores, ORIGIN, challenge, phone.create(challenge), "Mine", by=by_bob)
    monkeypatch.setattr(rows, "OF_ACCOUNT_MAX", 1)
    with pytest.raises(Conflict):
        await passkeys.add(stores, ORIGIN, challenge, Authenticator().create(challenge), "Second", by=by)
    assert len(await passkeys.of_account(stores, account.account_id)) == 1
    assert await passkeys.of_account(stores, bob.account_id) == []
    assert await actions(stores) == ["create", "add passkey", "create"]


async def test_an_answer_counts_if_it_is_for_us_and_now(stores: Stores) -> None:
    phone = Authenticator()
    account, _ = await register(stores, phone)
    challenge, other = (passkeys.begin_sign_in(ORIGIN).challenge for _ in range(2))
    good = phone.answer(challenge)
    stranger = Authenticator(credential_id=phone.credential_id, uses=9)  # with another key
    for wrong in (
        phone.answer(other),
        phone.answer(challenge, origin="https://tickets.example.com"),
        phone.answer(challenge, flags=PRESENT),  # the phone did not ask whose finger it is
        phone.answer(challenge, flags=VERIFIED),
        phone.answer(challenge, kind="webauthn.create"),
        stranger.answer(challenge),
        good.replace('"public-key"', '"password"'),
        good + " " * passkeys.CREDENTIAL_MAX,
        json.dumps({"rawId": json.loads(good)["rawId"]}),
    ):
        with pytest.raises(CredentialInvalid, match="could not be read"):
            await passkeys.verified_account(stores, ORIGIN, challenge, wrong)
    await passkeys.verified_account(stores, ORIGIN, challenge, good)
    with pytest.raises(CredentialInvalid):  # its counter is no higher than before: a copy of the phone
        await passkeys.verified_account(stores, ORIGIN, challenge, good)
    [passkey] = await passkeys.of_account(stores, account.account_id)
    assert passkey.sign_count == 1


async def test_a_deactivated_account_has_no_passkey_to_sign_in_with(stores: Stores) -> None:
    phone = Authenticator()
    await register(stores, phone)
    await stores.postgres.execute("UPDATE accounts SET deactivated_at = now()")
    challenge = passkeys.begin_sign_in(ORIGIN).challenge
    with pytest.raises(CredentialInvalid, match="deactivated"):
        await passkeys.verified_account(stores, ORIGIN, challenge, phone.answer(challenge))


async def test_of_two_uses_at_once_with_the_same_counter_one_signs_in(stores: Stores) -> None:
    phone = Authenticator()
    await register(stores, phone)
    challenge = passkeys.begin_sign_in(ORIGIN).challenge
    use = passkeys.verified_account(stores, ORIGIN, challenge, phone.answer(challenge))
    with pytest.raises(CredentialInvalid):
        await lose_to(stores, "UPDATE passkeys SET sign_count = 1", call=use)


RESPONSES: list[Any] = [
    {},
    {"rawId": "YQ", "id": "YQ", "type": "public-key", "response": {}},
    {"rawId": "YQ", "id": "YQ", "type": "public-key", "response": "YQ"},
    [],
    None,
]


@pytest.mark.parametrize("sent", ["", "{", "[" * 9_000, "\ud800", *map(json.dumps, RESPONSES)])
def test_what_no_browser_sends_is_refused(sent: str) -> None:
    challenge = passkeys.begin_sign_in(ORIGIN).challenge
    with pytest.raises(CredentialInvalid):
        passkeys.verified_use(ORIGIN, challenge, sent, b"key", 0)
    with pytest.raises(CredentialInvalid):
        passkeys.verified_new(ORIGIN, challenge, sent)


@pytest.mark.parametrize(
    "sent", ["", "[]", "\ud800", "{}", '{"rawId": 1}', '{"rawId": "a"}', '{"rawId": "é"}']
)
def test_a_response_that_names_no_passkey_is_refused(sent: str) -> None:
    with pytest.raises(CredentialInvalid):
        passkeys.credential_named(sent)


@pytest.mark.parametrize(
    "attestation",
    [
        {"fmt": "none", "attStmt": {"sig": b"x"}},
        {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x", "x5c": []}},
        {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x", "x5c": [b"no certificate"]}},
        {"fmt": "android-safetynet", "attStmt": {"ver": "1", "response": True}},
        {"fmt": "fido-u2f", "attStmt": {"sig": b"x", "x5c": []}},
        {"fmt": "unheard-of", "attStmt": {}},
        {"fmt": "none"},
    ],
)
def test_an_attestation_that_cannot_be_read_is_refused(attestation: dict[str, Any]) -> None:
    phone, challenge = Authenticator(), passkeys.begin_sign_in(ORIGIN).challenge
    for new in (b"", b"short", bytes(16) + b"\x00\x01" + b"x" + b"no key"):
        sent = phone.attested(attestation, challenge, ORIGIN, PRESENT | VERIFIED | NEW_KEY, new)
        with pytest.raises(CredentialInvalid):
            passkeys.verified_new(ORIGIN, challenge, sent)
    with pytest.raises(CredentialInvalid):
        passkeys.verified_new(ORIGIN, challenge, phone.create(challenge, flags=PRESENT))


async def a_fan(stores: Stores, phone: Authenticator) -> None:
    """A fan's account with a passkey on this phone."""
    ceremony, fan_id = await fans.begin_new(stores, ORIGIN, ANN)
    step = ceremony.challenge, fan_id
    await fans.add(stores, ORIGIN, ANN, step, phone.create(ceremony.challenge))


async def test_a_fan_has_one_account_with_several_passkeys_each_known_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, laptop = Authenticator(), Authenticator()
    for it in (phone, laptop):
        await a_fan(stores, it)
    fan, known = await fans.account(stores, "Ann+queue@example.org")
    assert fan is not None
    assert [it.credential_id for it in known] == [phone.credential_id, laptop.credential_id]
    with pytest.raises(Conflict):
        await a_fan(stores, phone)
    monkeypatch.setattr(fan_rows, "PASSKEYS_MAX", 2)
    with pytest.raises(Conflict):
        await a_fan(stores, Authenticator())
    assert await stores.postgres.fetchval("SELECT count(*) FROM fan_passkeys") == 2


async def test_a_fan_signs_in_once_with_each_challenge(stores: Stores) -> None:
    phone = Authenticator()
    await a_fan(stores, phone)
    challenge = passkeys.begin_sign_in(ORIGIN).challenge
    fan = await fans.verified_fan(stores, ORIGIN, challenge, phone.answer(challenge))
    assert fan.email == ANN
    with pytest.raises(CredentialInvalid, match="could not be read"):
        await fans.verified_fan(stores, ORIGIN, challenge, phone.answer(challenge))
    _, [passkey] = await fans.account(stores, ANN)
    assert passkey.sign_count == 1
    stranger = Authenticator()
    with pytest.raises(CredentialInvalid, match="not known here"):
        await fans.verified_fan(stores, ORIGIN, challenge, stranger.answer(challenge))


async def test_of_two_uses_at_once_with_the_same_counter_one_fan_signs_in(stores: Stores) -> None:
    phone = Authenticator()
    await a_fan(stores, phone)
    challenge = passkeys.begin_sign_in(ORIGIN).challenge
    use = fans.verified_fan(stores, ORIGIN, challenge, phone.answer(challenge))
    with pytest.raises(CredentialInvalid):
        await lose_to(stores, "UPDATE fan_passkeys SET sign_count = 1", call=use)
