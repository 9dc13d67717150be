"""App codes and recovery codes: the rules alone."""

from __future__ import annotations

import pyotp
import pytest

from app.core.accounts.second_factor import (
    STEP_S,
    FactorKeys,
    new_recovery_codes,
    new_secret,
    plain_code,
    step_of,
)

NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(("behind", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_is_good_a_step_around_now(behind: int, good: bool) -> None:
    secret, step = new_secret(), int(NOW_S) // STEP_S + behind
    code = pyotp.TOTP(secret).at(step * STEP_S)
    assert step_of(secret, code, NOW_S) == (step if good else None)


def test_recovery_codes_are_many_are_told_apart_and_kept_as_keyed_hashes() -> None:
    codes, keys = new_recovery_codes(), FactorKeys(b"one secret of ours")
    assert len(set(codes)) == len(codes) == 10
    assert keys.recovery_hash(codes[0]) == keys.recovery_hash(f" {codes[0].upper().replace('-', ' ')}")
    assert keys.recovery_hash(codes[0]) != FactorKeys(b"another secret").recovery_hash(codes[0])
    assert plain_code(" 123 456 ") == "123456"
    assert plain_code("١٢٣ ٤٥٦") == "123456", "digits as typed on keyboards of other scripts"


def test_secrets_of_apps_are_encrypted_with_ours() -> None:
    keys, secret = FactorKeys(b"one secret of ours"), new_secret()
    encrypted = keys.encrypt(secret)
    assert secret.encode() not in encrypted
    assert keys.decrypt(encrypted) == secret
    assert FactorKeys(b"another secret").decrypt(encrypted) is None
