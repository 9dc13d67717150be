"""The audit of a public log: fair logs pass, every kind of cheating is found, and a second reader agrees."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pytest

from app.core.assurance.log_audit import Export, Verdict, audit
from app.core.assurance.merkle import Frontier, leaf_hash
from app.core.assurance.room_log import Head, signed
from app.core.tokens.signing_key import SigningKey
from tests.core.second_reader import SEEN_BY_BOTH, second_reader
from tests.support.tampering import tampered

KEY, OTHER = SigningKey.new("log"), SigningKey.new("log")
SEED = bytes(range(32))
COMMITMENT = hashlib.sha256(SEED).hexdigest()
START = 1_800_000_000_000
SETTINGS = ("set rate 60", "set burst 2", "set active_max 3", "set claim_window_ms 20000")


def export(lines: list[str], key: SigningKey = KEY, heads: int = 2) -> Export:
    """A log with these leaves (`SECONDS TEXT` each) and heads signed as it grew."""
    entries = [f"{START + int(float(it.split(' ', 1)[0]) * 1000)} {it.split(' ', 1)[1]}" for it in lines]
    tree, statements = Frontier(), []
    for size, entry in enumerate(entries, 1):
        if entry.endswith(" ROOT"):
            entries[size - 1] = entry = entry.replace("ROOT", tree.root().hex())
        tree.append(leaf_hash(entry.encode()))
        if size in (len(entries) // 2, len(entries))[-heads:]:
            statements.append(signed(key, Head("hall", size, tree.root().hex(), START + size)))
    return Export("hall", [KEY.jwk()], statements, entries)


FIFO = [
    "0 began hall g fifo -",
    *(f"0 {it}" for it in ("restored 1 0 0", "state scheduled", *SETTINGS)),
    "1 state open",
    *(f"{1 + n} joined {n} v{n}" for n in range(1, 9)),
    *(f"10 called {n} v{n}" for n in (1, 2)),
    "11 claimed 1 v1",
    "11 called 3 v3",
    "13 left 4 v4",
    "14 passed 5 v5 tickets",
    "14 called 6 v6",
    "15 claimed 6 v6",
    "31 no_show 2 v2",
    "31 called 5 v5",
    "32 state paused",
    "33 advanced 1",
    "33 called 7 v7",
    "34 removed 8 v8 staff",
    "35 set rate 120",
]
LOTTERY = [
    f"0 began hall g lottery {COMMITMENT}",
    *(f"0 {it}" for it in ("restored 1 0 0", "state prequeue", *SETTINGS)),
    *(f"{n} joined 0 v{n}" for n in range(1, 6)),
    "6 left 0 v5",
    "7 state open",
    f"7 revealed {SEED.hex()}",
    "8 joined 5 late",
    *(
        f"9 drawn {n} {name} {draw}"
        for n, (name, draw) in enumerate((("v3", 4), ("v1", 7), ("v4", 70), ("v2", 99)), 1)
    ),
    "10 called 1 v3",
    "11 called 2 v1",
]


# Six visitors have a turn when Redis is lost, and have it again once they return.
RESTORED = [
    "0 began hall g fifo -",
    *(f"0 {it}" for it in ("restored 1 0 0", "state scheduled", "set rate 60", "set burst 6")),
    "1 state open",
    *(f"2 joined {n} v{n}" for n in range(1, 11)),
    *(f"3 called {n} v{n}" for n in range(1, 7)),
    *("4 restored 2 1000 6", "4 state open"),
    *(f"6 called {n} v{n}" for n in range(1, 7)),
    *(f"6 called {n} v{n}" for n in range(7, 11)),
]
# Lanes of 60 and 40 percent. One visitor moves into the second from another lane, and calls alternate.
LANES = [
    "0 began hall g fifo -",
    *(
        f"0 {it}"
        for it in ("restored 1 0 0", "state scheduled", "set rate 6000", "set burst 100", "lanes 60 40")
    ),
    "1 state open",
    *(f"2 joined {n} v{n}{' 1' if n % 2 else ''}" for n in range(1, 41)),
    *("3 left 6 v6", "3 joined 6 w6 1", "3 passed 6 w6 moved"),
    *(f"4 called {n} v{n}{' 1' if n % 2 else ''}" for n in (2, 1, 4, 8, 3, 10, 5, 12, 14)),
    "5 called 6 w6 1",
    *(f"6 called {n} v{n}{' 1' if n % 2 else ''}" for n in (16, 7, 18, 20, 9, 22, 11, 24)),
    "7 lanes 50 50",
    *(f"8 called {n} v{n}{' 1' if n % 2 else ''}" for n in (26, 13, 28, 15)),
    *(f"9 left {n} v{n}" for n in range(30, 41, 2)),
    *(f"10 called {n} v{n} 1" for n in range(17, 40, 2)),
]
MIXED = [  # a lottery whose draws also use the log at the opening
    *LOTTERY[:7],
    "0 mixes entries",
    *LOTTERY[7 : LOTTERY.index(f"7 revealed {SEED.hex()}") + 1],
    "7 mixed ROOT",
    *LOTTERY[LOTTERY.index(f"7 revealed {SEED.hex()}") + 1 :],
]
# A room in parts: rounds of numbers, some of which nobody gets.
PARTS = [
    "0 began hall g fifo -",
    *(f"0 {it}" for it in ("restored 1 0 0", "set parts 2", "state scheduled", "set rate 60", "set burst 5")),
    "1 state open",
    *("2 joined 1 v1", "2 joined 2 v2", "2 joined 4 v3", "2 skipped 5 8"),
    *("3 joined 9 v4", "3 skipped 0 9", "4 skipped 3 12"),
    *(f"5 called {n} v{i}" for i, n in enumerate((1, 2, 4, 9), 1)),
]


def kinds(verdict: Verdict) -> set[str]:
    return {it.kind for it in verdict.findings}


@pytest.mark.parametrize("lines", [FIFO, LOTTERY, LANES, MIXED, PARTS])
def test_a_fair_queue_is_found_to_be_fair(lines: list[str]) -> None:
    verdict = audit(export(lines))
    assert verdict.findings == []
    assert (verdict.fair, verdict.leaves, verdict.signed, verdict.heads) == (True, len(lines), len(lines), 2)
    assert second_reader(export(lines)) == set()


def test_what_staff_did_is_listed() -> None:
    assert [it.what for it in audit(export(FIFO)).actions] == [
        "scheduled to open",
        "open to paused",
        "staff let up to 1 in by hand",
        "number 8 was removed by staff",
        "rate from 60 to 120",
    ]


def test_turns_that_lapse_all_at_once_may_be_given_at_once() -> None:
    lapsed = ("31 no_show 2 v2", "31 no_show 3 v3", *(f"31 called {n} v{n}" for n in (5, 7, 8)))
    lines = [*FIFO[: FIFO.index("31 no_show 2 v2")], *lapsed]
    assert audit(export(lines)).findings == []
    more = (*(f"31 joined {n} v{n}" for n in (9, 10, 11)), *(f"31 called {n} v{n}" for n in (9, 10, 11)))
    assert "rate" in kinds(audit(export([*lines, *more])))


def test_a_change_of_shares_is_listed() -> None:
    assert "shares of lanes to 50 50" in [it.what for it in audit(export(LANES)).actions]


def changed(lines: list[str], before: str, *after: str) -> list[str]:
    """The same lines with one leaf replaced by these."""
    at = lines.index(before)
    return [*lines[:at], *after, *lines[at + 1 :]]


# Cheating by anyone who holds the signing key and can therefore sign anything.
BY_INSIDERS: list[tuple[str, list[str]]] = [
    ("overtaken", changed(FIFO, "11 called 3 v3", "11 called 7 v7")),
    ("overtaken", changed(FIFO, "14 passed 5 v5 tickets")),
    ("called_without_place", changed(FIFO, "11 called 3 v3", "11 called 99 friend")),
    ("called_without_place", changed(FIFO, "11 called 3 v3", "11 called 3 friend")),
    ("given_twice", changed(FIFO, "9 joined 8 v8", "9 joined 3 friend", "9 joined 8 v8")),
    ("inserted", changed(changed(FIFO, "3 joined 2 v2"), "9 joined 8 v8", "9 joined 2 v2", "9 joined 8 v8")),
    ("gap", changed(FIFO, "9 joined 8 v8", "9 joined 9 v8")),
    ("rate", changed(FIFO, "11 called 3 v3", *(f"10 called {n} v{n}" for n in (3, 4, 5)))),
    ("cap", changed(FIFO, "11 claimed 1 v1", "12 called 3 v3", "13 called 4 v4")),
    ("turn_cut_short", changed(FIFO, "31 no_show 2 v2", "15 no_show 2 v2")),
    ("called_while_closed", changed(FIFO, "33 advanced 1")),
    ("two_places", changed(FIFO, "9 joined 8 v8", "9 joined 8 v7")),
    ("claimed_without_call", changed(FIFO, "11 claimed 1 v1", "11 claimed 4 v4")),
    ("no_show_without_call", changed(FIFO, "31 no_show 2 v2", "31 no_show 7 v7")),
    ("time", changed(FIFO, "13 left 4 v4", "5 left 4 v4")),
    ("no_beginning", FIFO[1:]),
    ("unreadable", [*FIFO, "36 let_in 12 friend"]),
    ("draw_order", changed(LOTTERY, "9 drawn 3 v4 70", "9 drawn 3 v4 1")),
    ("seed", changed(LOTTERY, f"7 revealed {SEED.hex()}", f"7 revealed {SEED[::-1].hex()}")),
    ("draw_not_revealed", changed(LOTTERY, f"7 revealed {SEED.hex()}")),
    ("left_out_of_draw", changed(LOTTERY, "9 drawn 4 v2 99")),
    ("overtaken", changed(LANES, "4 called 3 v3 1", "4 called 7 v7 1")),
    ("other_lane", changed(LANES, "4 called 3 v3 1", "4 called 3 v3")),
    ("other_lane", changed(LANES, "4 called 4 v4", "4 called 4 v4 1")),
    ("share", changed(LANES, "5 called 6 w6 1", *(f"5 called {n} v{n} 1" for n in (7, 9, 11, 13)))),
    ("share", changed(LANES, "7 lanes 50 50", *(f"7 called {n} v{n}" for n in (26, 28, 30, 32)))),
    ("share", changed(LANES, "8 called 13 v13 1", *(f"8 called {n} v{n}" for n in (30, 32)))),
    ("draw_root", changed(MIXED, "7 mixed ROOT", f"7 mixed {'ab' * 32}")),
    ("draw_mix", changed(MIXED, "7 mixed ROOT")),
    ("draw_mix", changed(MIXED, "0 mixes entries")),  # never announced
    ("draw_mix", changed(MIXED, "7 mixed ROOT", "7 mixed ROOT", "7 mixed ROOT")),
    (
        "draw_mix",
        [
            it
            for it in changed(MIXED, "6 left 0 v5", "6 left 0 v5", "6 mixes entries")
            if it != "0 mixes entries"
        ],
    ),
    ("overtaken", changed(PARTS, "5 called 2 v2", "5 called 4 v3")),
    ("inserted", changed(PARTS, "3 joined 9 v4", "3 joined 3 friend", "3 joined 9 v4")),
    ("gap", changed(PARTS, "2 skipped 5 8", "2 skipped 6 8")),
    ("gap", changed(PARTS, "2 skipped 5 8", "2 skipped 4 8")),
    ("gap", changed(PARTS, "0 set parts 2")),
    ("given_twice", changed(PARTS, "3 joined 9 v4", "3 joined 4 friend", "3 joined 9 v4")),
    ("not_an_entrant", changed(LOTTERY, "9 drawn 1 v3 4", "9 drawn 1 friend 4")),
]


@pytest.mark.parametrize(("kind", "lines"), BY_INSIDERS, ids=[it[0] for it in BY_INSIDERS])
def test_cheating_by_whoever_signs_is_found(kind: str, lines: list[str]) -> None:
    cheated = export(lines)
    assert kind in kinds(audit(cheated))
    if kind in SEEN_BY_BOTH:
        assert kind in second_reader(cheated)


def rewritten(it: Export) -> Export:
    entries = [entry.replace("called 3 v3", "called 3 friend") for entry in it.entries]
    return Export(it.room_id, it.keys, it.heads, entries)


BY_OTHERS: list[tuple[str, Callable[[Export], Export]]] = [
    ("rewritten", rewritten),
    (
        "rewritten",
        lambda it: Export(it.room_id, it.keys, it.heads, [*it.entries[:9], *it.entries[10:], it.entries[9]]),
    ),
    ("cut_off", lambda it: Export(it.room_id, it.keys, it.heads, it.entries[:-1])),
    ("signature", lambda it: Export(it.room_id, [OTHER.jwk()], it.heads, it.entries)),
    (
        "signature",
        lambda it: Export(it.room_id, it.keys, [it.heads[0], tampered(it.heads[1])], it.entries),
    ),
    ("head_order", lambda it: Export(it.room_id, it.keys, it.heads[::-1], it.entries)),
    ("other_room", lambda it: Export("spare", it.keys, it.heads, it.entries)),
]


@pytest.mark.parametrize(("kind", "change"), BY_OTHERS, ids=[it[0] for it in BY_OTHERS])
def test_changing_what_was_signed_is_found(kind: str, change: Callable[[Export], Export]) -> None:
    changed_log = change(export(FIFO))
    assert kind in kinds(audit(changed_log))
    if kind in SEEN_BY_BOTH:
        assert kind in second_reader(changed_log)


def test_turns_that_go_on_after_a_restore_take_nothing_of_the_rate() -> None:
    assert audit(export(RESTORED)).findings == []
    twice = [*RESTORED, *(f"14 called {n} v{n}" for n in range(1, 10))]
    assert kinds(audit(export(twice))) == {"rate"}


def test_after_a_restore_those_who_come_back_late_are_overtaken_and_numbers_go_on_higher() -> None:
    lines = changed(FIFO, "11 called 3 v3", "11 restored 2 50 2", "12 state open", "15 called 6 v6")
    lines = [it for it in lines if not re.match("1[34] ", it)]
    assert kinds(audit(export([*lines, "36 joined 51 v51"]))) == set()
    assert kinds(audit(export([*lines, "36 joined 53 v51"]))) == {"gap"}
    assert kinds(audit(export([*lines, "36 lost 2", "37 joined 53 v51"]))) == set()
