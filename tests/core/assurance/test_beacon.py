"""drand's beacon: its published chain and rounds, and when each round is due."""

from __future__ import annotations

import msgspec
import pytest

from app.core.assurance.beacon import (
    LEAD_MS,
    QUICKNET,
    chain_of,
    hash_of,
    is_near,
    is_signed,
    randomness_of,
    round_at_ms,
    round_for,
)
from tests.support.beacon import a_chain, signature_of

# Rounds of quicknet, as served by its relays.
ROUND_1000 = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39",
    "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd",
)
ROUND_10024141 = (
    "8c87caf26bb4f5e9fdfad5ddf739ff8683344f8cf04a8c381225ff067557b5d9d51937eed765fcef21971bf5ddef44bb"
)
OTHER_KEYS = a_chain(QUICKNET.genesis_time)


def test_the_hash_of_quicknet_is_that_of_its_parts() -> None:
    assert hash_of(QUICKNET) == QUICKNET.hash
    assert chain_of(msgspec.json.encode(QUICKNET)) == QUICKNET


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"period": 30}, "its hash does not match"),
        ({"public_key": OTHER_KEYS.public_key}, "its hash does not match"),
        ({"scheme": "pedersen-bls-chained"}, "the scheme is"),
        ({"hash": "52db"}, "expected `str` matching regex|Expected `str` matching regex"),
    ],
)
def test_a_chain_that_was_changed_or_is_of_another_scheme_is_refused(
    changes: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        chain_of(msgspec.json.encode(msgspec.structs.replace(QUICKNET, **changes)))


def test_a_recorded_round_is_genuine_and_no_other_is() -> None:
    signature = bytes.fromhex(ROUND_1000[0])
    assert is_signed(QUICKNET, 1000, signature)
    assert randomness_of(signature).hex() == ROUND_1000[1]
    assert is_signed(QUICKNET, 10_024_141, bytes.fromhex(ROUND_10024141))
    assert not is_signed(QUICKNET, 1001, signature)
    assert not is_signed(QUICKNET, 1000, bytes.fromhex(ROUND_10024141))
    assert not is_signed(OTHER_KEYS, 1000, signature)
    assert is_signed(OTHER_KEYS, 1000, signature_of(1000))
    infinity = bytes([0xC0]) + bytes(47)
    for text in (b"", signature[:-1], signature + b"\0", bytes(48), b"\xff" * 48, infinity):
        assert not is_signed(QUICKNET, 1000, text)


def test_a_round_comes_ten_seconds_after_the_opening_or_up_to_a_period_later() -> None:
    genesis_ms = 1000 * QUICKNET.genesis_time
    assert round_at_ms(QUICKNET, 1) == genesis_ms
    assert round_for(QUICKNET, 0) == 1
    for opening_ms in range(genesis_ms, genesis_ms + 6_000, 500):
        number = round_for(QUICKNET, opening_ms)
        assert LEAD_MS <= round_at_ms(QUICKNET, number) - opening_ms < LEAD_MS + 1000 * QUICKNET.period
        assert is_near(QUICKNET, number, opening_ms)
    assert not is_near(QUICKNET, 1, genesis_ms)  # the round already exists
    assert not is_near(QUICKNET, 100, genesis_ms)  # the round is minutes away
