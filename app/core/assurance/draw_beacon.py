"""Audits whether a log made its draw with the beacon's round as announced. No I/O.

A round must be named before anybody joins and again at the opening, each time before it exists, which a head
signed before that proves. It must be the round that follows from the opening, and its signature must be
valid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.core.assurance.beacon import QUICKNET, Chain, is_near, is_signed, round_at_ms, round_for
from app.core.assurance.draw_mixing import LATE, UNANNOUNCED
from app.core.assurance.findings import Action, Finding
from app.core.assurance.room_log import Head

MISSING = "the draw was not made with the beacon as announced"
MISSED = "the beacon could not be read in time, and the draw was made with the seed alone"


class BeaconDraw:
    """A draw with the beacon, reconstructed from its log leaf by leaf."""

    def __init__(self, heads: Sequence[Head], chains: Mapping[str, Chain]) -> None:
        self.findings: list[Finding] = []
        self.notes: list[Action] = []
        self._heads, self._chains = heads, chains
        self._leaf, self._at_ms = -1, 0
        self._begin([])

    def _begin(self, _rest: list[str]) -> None:
        self._chain: Chain | None = None
        self._promised = self._done = self._drawn = self._opened = False
        self._announced = self._awaited = 0
        self._named: dict[int, int] = {}  # by round: the leaf that named it first
        self._entrants: set[str] = set()

    def take(self, text: str) -> None:
        """Read the next leaf.

        Unreadable ones are ignored; the audit of the queue (`fairness.py`) reports them.
        """
        self._leaf += 1
        at_ms, word, *rest = f"{text}   ".split(" ")
        if (says := _WORDS.get(word)) is not None and at_ms.isdecimal():
            self._at_ms = int(at_ms)
            says(self, rest)

    def _wrong(self, kind: str, message: str) -> None:
        self.findings.append(Finding(self._leaf, kind, message))

    def _note(self, what: str) -> None:
        self.notes.append(Action(self._leaf, self._at_ms, what))

    def _joined(self, rest: list[str]) -> None:
        if rest[0] == "0":
            self._entrants.add(rest[1])

    def _ended(self, rest: list[str]) -> None:
        self._entrants.discard(rest[1])

    def _entered(self, rest: list[str]) -> None:
        self._opened = self._opened or rest[0] == "open"

    def _mixes(self, rest: list[str]) -> None:
        if rest[0] != "beacon":
            return
        before, self._chain = self._chain, self._chains.get(rest[1])
        if self._chain is None:
            self._wrong("beacon_chain", f"the chain {rest[1]} is not known here, so it proves nothing")
        if not self._promised and self._entrants:
            self._wrong("draw_mix", LATE)
        anew = self._promised and (self._opened or self._chain != before or self._is_over(self._announced))
        self._promised, self._announced = True, _number(rest[2])
        if anew or self._is_over(self._announced):
            self._wrong("beacon_round", "a round was announced when it, or the one before, was already known")
        self._named.setdefault(self._announced, self._leaf)

    def _awaits(self, rest: list[str]) -> None:
        if not self._promised or self._awaited or self._drawn:
            self._wrong("draw_mix", UNANNOUNCED)
        self._awaited = _number(rest[0])
        chain = self._chain
        if chain is None:
            return
        planned = self._announced and is_near(chain, self._announced, self._at_ms)
        if planned and self._awaited != self._announced:
            self._wrong("beacon_round", f"round {self._announced} was announced")
        elif not planned and self._awaited < round_for(chain, self._at_ms):
            self._wrong("beacon_round", f"round {self._awaited} was too early for this opening")
        elif self._announced and not planned:
            self._note(f"the opening was not as planned: round {self._awaited}, not {self._announced}")
        named = self._named.setdefault(self._awaited, self._leaf)
        exists_ms = round_at_ms(chain, self._awaited)
        if not any(it.size > named and it.at_ms < exists_ms for it in self._heads):
            self._wrong("beacon_late", f"no head signed before round {self._awaited} existed names it")

    def _came(self, rest: list[str]) -> None:
        if not self._awaited or self._done or self._drawn:
            self._wrong("draw_mix", UNANNOUNCED)
        self._done, number, chain = True, _number(rest[0]), self._chain
        if number != self._awaited:
            self._wrong("beacon_round", f"round {self._awaited} was awaited")
        if chain is None:
            return
        try:
            genuine = is_signed(chain, number, bytes.fromhex(rest[1]))
        except ValueError:
            genuine = False
        if not genuine:
            self._wrong("beacon_signature", f"this is not the signature of round {number}")
        else:
            self._note(f"drawn with round {number} of {name_of(chain)}, whose signature is genuine")

    def _missed(self, _rest: list[str]) -> None:
        self._done = True
        self._wrong("draw_mix", MISSED)

    def _drew(self, rest: list[str]) -> None:
        if self._promised and not self._done and not self._drawn:
            self._wrong("draw_mix", MISSING)
        self._drawn = True
        self._entrants.discard(rest[1])

    def _is_over(self, number: int) -> bool:
        """Whether the round existed when this leaf was written."""
        return self._chain is not None and number > 0 and round_at_ms(self._chain, number) <= self._at_ms


_WORDS: dict[str, Callable[[BeaconDraw, list[str]], None]] = {
    "began": BeaconDraw._begin,
    "joined": BeaconDraw._joined,
    "left": BeaconDraw._ended,
    "removed": BeaconDraw._ended,
    "state": BeaconDraw._entered,
    "mixes": BeaconDraw._mixes,
    "awaits": BeaconDraw._awaits,
    "beacon": BeaconDraw._came,
    "missed": BeaconDraw._missed,
    "drawn": BeaconDraw._drew,
}


def _number(text: str) -> int:
    """Parse a round number; 0 if it is not one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def name_of(chain: Chain) -> str:
    """A chain's name in messages."""
    if chain == QUICKNET:
        return "drand's quicknet"
    return f"the chain {chain.hash[:16]}…"


def judge_beacon(entries: Sequence[str], heads: Sequence[Head], chains: Sequence[Chain]) -> BeaconDraw:
    """Replay these leaves; the result lists everything that is wrong. `chains`: the trusted ones."""
    draw = BeaconDraw(heads, {it.hash: it for it in chains})
    for entry in entries:
        draw.take(entry)
    return draw
