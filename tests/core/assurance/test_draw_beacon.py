"""The audit of a draw that uses the randomness beacon detects every way to predict or choose the round."""

from __future__ import annotations

import pytest

from app.core.assurance import log_audit
from app.core.assurance.beacon import QUICKNET, round_for
from app.core.assurance.log_audit import Export, Verdict
from app.core.assurance.room_log import Head, signed, unchecked
from tests.core.assurance.test_fairness import KEY, LOTTERY, SEED, START, changed, export, kinds
from tests.support.beacon import a_chain, signature_of

CHAIN = a_chain(START // 1000 - 900)
ROUND = round_for(CHAIN, START + 7_000)
ANNOUNCED = f"0 mixes beacon {CHAIN.hash} {ROUND}"
CAME = f"20 beacon {ROUND} {signature_of(ROUND).hex()}"
BEACON = [  # a lottery whose draws also use a round of the beacon
    *LOTTERY[:7],
    ANNOUNCED,
    *LOTTERY[7 : LOTTERY.index(f"7 revealed {SEED.hex()}") + 1],
    f"7 awaits {ROUND}",
    "8 joined 5 late",
    CAME,
    *(
        f"21 drawn {n} {name} {draw}"
        for n, (name, draw) in enumerate((("v3", 4), ("v1", 7), ("v4", 70), ("v2", 99)), 1)
    ),
]


def audit(it: Export) -> Verdict:
    return log_audit.audit(it, (QUICKNET, CHAIN))


def test_a_fair_draw_is_found_to_be_fair() -> None:
    assert audit(export(BEACON)).findings == []


MOVED = [  # the opening was moved, and then staff opened the room by hand, ahead of time
    *BEACON[: BEACON.index("6 left 0 v5")],
    f"6 mixes beacon {CHAIN.hash} {ROUND + 900}",
    "7 state open",
    f"7 revealed {SEED.hex()}",
    *(it.replace(f"awaits {ROUND}", f"awaits {ROUND + 1}") for it in BEACON[-7:-5]),
    f"20 beacon {ROUND + 1} {signature_of(ROUND + 1).hex()}",
    *(f"21 drawn {n} v{n} {n}" for n in range(1, 6)),
]


def test_a_round_is_announced_anew_while_it_is_not_known_and_a_later_one_is_fixed_at_the_opening() -> None:
    verdict = audit(export(changed(MOVED, "8 joined 5 late", "8 joined 6 late")))
    assert verdict.findings == []
    assert [it.what for it in verdict.draw] == [
        f"the opening was not as planned: round {ROUND + 1}, not {ROUND + 900}",
        f"drawn with round {ROUND + 1} of the chain {CHAIN.hash[:16]}…, whose signature is genuine",
    ]


def test_a_round_that_no_head_named_before_it_existed_proves_nothing() -> None:
    signed_late = [
        signed(KEY, Head("hall", it.size, it.root, it.at_ms + 60_000))
        for it in map(unchecked, export(BEACON).heads)
    ]
    late = export(BEACON)
    assert kinds(audit(Export(late.room_id, late.keys, signed_late, late.entries))) == {"beacon_late"}


# Cheating by anyone who holds the signing key.
BY_INSIDERS: list[tuple[str, list[str]]] = [
    ("draw_mix", changed(BEACON, CAME)),
    ("draw_mix", changed(BEACON, CAME, f"20 missed {ROUND}")),  # cannot be told from cheating
    ("draw_mix", changed(BEACON, CAME, CAME, CAME)),
    ("draw_mix", changed(BEACON, ANNOUNCED)),  # never announced
    (
        "draw_mix",
        changed(changed(BEACON, ANNOUNCED), "6 left 0 v5", "6 left 0 v5", ANNOUNCED.replace("0", "6", 1)),
    ),
    ("draw_mix", changed(BEACON, f"7 awaits {ROUND}", f"7 awaits {ROUND}", f"7 awaits {ROUND}")),
    ("beacon_round", changed(BEACON, f"7 awaits {ROUND}", f"7 awaits {ROUND + 1}")),
    ("beacon_round", changed(BEACON, ANNOUNCED, ANNOUNCED.replace(str(ROUND), "7"))),  # it already existed
    (
        "beacon_round",
        changed(
            BEACON,
            "7 state open",
            ANNOUNCED.replace("0", "6", 1),
            "7 state open",
            ANNOUNCED.replace("0", "7", 1),
        ),
    ),
    ("beacon_round", changed(BEACON, CAME, f"20 beacon {ROUND + 1} {signature_of(ROUND + 1).hex()}")),
    ("beacon_signature", changed(BEACON, CAME, f"20 beacon {ROUND} {signature_of(ROUND + 1).hex()}")),
    ("beacon_signature", changed(BEACON, CAME, f"20 beacon {ROUND} nonsense")),
    ("beacon_chain", changed(BEACON, ANNOUNCED, f"0 mixes beacon {'ab' * 32} {ROUND}")),
]


@pytest.mark.parametrize(("kind", "lines"), BY_INSIDERS, ids=[it[0] for it in BY_INSIDERS])
def test_cheating_by_whoever_signs_is_found(kind: str, lines: list[str]) -> None:
    assert kind in kinds(audit(export(lines)))
