"""A second, independent reader of an exported log, written from the docs alone: slow, with no shared code."""

from __future__ import annotations

import hashlib

import jwt

from app.core.assurance.log_audit import Export

SEEN_BY_BOTH = {
    "overtaken",
    "called_without_place",
    "given_twice",
    "gap",
    "draw_order",
    "rewritten",
    "cut_off",
}
SEEN_BY_BOTH |= {"signature", "seed", "left_out_of_draw", "rate", "other_lane", "share"}


def mth(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def heads_read(it: Export) -> set[str]:
    found = set()
    for statement in it.heads:
        try:
            claims = jwt.decode(statement, jwt.PyJWK(it.keys[0]), ["EdDSA"], audience="fairgate:log")
        except jwt.PyJWTError:
            found.add("signature")
            continue
        leaves = [entry.encode() for entry in it.entries]
        if claims["size"] > len(leaves):
            found.add("cut_off")
        elif mth(leaves[: claims["size"]]).hex() != claims["root"]:
            found.add("rewritten")
    return found


def second_reader(it: Export) -> set[str]:
    """The kinds of violations found, both per event and over the whole log."""
    found, rows = heads_read(it), [entry.split(" ") for entry in it.entries]
    given = [(at, int(row[2]), row[3]) for at, row in enumerate(rows) if row[1] in ("joined", "drawn")]
    carried = {
        at for at, number, _ in given if rows[at - 1][1:3] == ["left", str(number)]
    }  # on another device
    numbers = [number for at, number, _ in given if number and at not in carried]
    if len(set(numbers)) < len(numbers):
        found.add("given_twice")
    skips = [(int(row[2]), int(row[3])) for row in rows if row[1] == "skipped"]
    last = max([*numbers, *(upto for _, upto in skips)])
    in_parts = any(row[1:3] == ["set", "parts"] and int(row[3]) > 1 for row in rows)
    if last - len(set(numbers)) != sum(count for count, _ in skips) or (skips and not in_parts):
        found.add("gap")
    found |= draw_read(rows)
    left_at = {
        int(row[2]): at for at, row in enumerate(rows) if row[1] in ("called", "left", "removed", "no_show")
    }
    first_gone = {
        int(row[2]): at
        for at, row in reversed(list(enumerate(rows)))
        if int(row[2] if row[2].isdigit() else 0) in left_at and row[1] in ("called", "left", "removed")
    }
    passed = {int(row[2]): at for at, row in enumerate(rows) if row[1] == "passed"}
    for at, row in enumerate(rows):
        if row[1] != "called":
            continue
        if not any(where < at and (number, who) == (int(row[2]), row[3]) for where, number, who in given):
            found.add("called_without_place")
        for where, number, _ in given:
            waits = number and where < at < first_gone.get(number, len(rows)) and passed.get(number, at) >= at
            if waits and number < int(row[2]) and lane_read(rows[where]) == lane_read(row):
                found.add("overtaken")
    calls = [int(row[0]) for row in rows if row[1] == "called"]
    rate, burst = (next(int(row[3]) for row in rows if row[1:3] == ["set", it]) for it in ("rate", "burst"))
    if any(sum(first <= at <= first + 1000 for at in calls) > burst + rate / 60 + 1 for first in calls):
        found.add("rate")
    return found | lanes_read(rows)


def lane_read(row: list[str]) -> int:
    return int(row[4]) if row[1] in ("joined", "called") and len(row) > 4 else 0


def lanes_read(rows: list[list[str]]) -> set[str]:
    """Compare each pair of lanes: how often each is called while both have somebody waiting."""
    found, shares = set(), [100.0]
    waits: dict[int, int] = {}
    passed: set[int] = set()
    calls: list[tuple[int, set[int], list[float]]] = []  # the lane, the lanes with people waiting, the shares
    for row in rows:
        number = int(row[2]) if row[2].isdigit() else 0
        if row[1] == "lanes":
            shares = [float(it) for it in row[2:]]
            calls.append((-1, set(), shares))
        elif row[1] == "joined" and number:
            waits[number] = lane_read(row)
        elif row[1] == "passed":
            passed.add(number)
            calls.append((-1, set(), shares))  # compare anew: who is passed over earns nothing
        elif row[1] == "called":
            if waits.get(number, lane_read(row)) != lane_read(row):
                found.add("other_lane")
            people = {lane for it, lane in waits.items() if it not in passed}
            calls.append((lane_read(row), people, shares))
        if row[1] in ("called", "left", "removed"):
            waits.pop(number, None)
    for first in range(len(calls)):
        for one in range(len(shares)):
            for other in range(one):
                counts = {one: 0, other: 0}
                for lane, people, of in calls[first:]:
                    if not {one, other} <= people:
                        break
                    counts[lane] = counts.get(lane, 0) + 1
                    each = counts[one] / of[one] - counts[other] / of[other]
                    if abs(each) > 1 / of[one] + 1 / of[other] + 1 / (of[one] + of[other]):
                        found.add("share")
    return found


def draw_read(rows: list[list[str]]) -> set[str]:
    found = set()
    draws = [int(row[4]) for row in rows if row[1] == "drawn"]
    if draws != sorted(draws):
        found.add("draw_order")
    entrants = {row[3] for row in rows if row[1] == "joined" and row[2] == "0"}
    entrants -= {row[3] for row in rows if row[1] in ("left", "drawn")}
    if draws and entrants:
        found.add("left_out_of_draw")
    if any(
        hashlib.sha256(bytes.fromhex(row[2])).hexdigest() != rows[0][5]
        for row in rows
        if row[1] == "revealed"
    ):
        found.add("seed")
    return found
