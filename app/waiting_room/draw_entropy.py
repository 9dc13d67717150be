"""The leaves of a room's log about the entropy that its draw adds to the seed.

The log announces the source when the pre-queue begins. For `entries` nothing more can be known before the
opening. For `beacon` it names a round after the opening, which must not exist yet when it is named; if the
room opens at another time than planned, it names a later round at the opening.
See `docs/explanation/public-log.md`.
"""

from __future__ import annotations

from typing import NamedTuple

from app.core.assurance.beacon import WAITS_MS, Chain, is_near, randomness_of, round_at_ms, round_for
from app.core.clock import to_ms
from app.core.model import Room
from app.store.redis.room_log import LogEntries
from app.store.sql.assurance.room_log import StoredLog


class Entropy(NamedTuple):
    """The leaf that records a draw's added entropy, and that entropy (`root`); b"" means the seed alone."""

    leaf: str
    root: bytes


def announced(room: Room, log: StoredLog, note: LogEntries, chain: Chain) -> tuple[StoredLog, list[str]]:
    """The log and its leaves before the opening: when the pre-queue begins or staff move the opening."""
    entropy = room.settings.draw_entropy
    if room.settings.queueing_method != "lottery" or entropy == "none" or log.revealed:
        return log, []
    begins = not log.mixes and "state prequeue" in note.lines
    if entropy == "entries":
        return log._replace(mixes=log.mixes or begins), [f"{note.at_ms} mixes entries"] if begins else []
    number = round_for(chain, to_ms(room.settings.opens_at)) if room.settings.opens_at else 0
    if number and round_at_ms(chain, number) <= note.at_ms:
        number = 0
    moved = (
        log.mixes and number not in (0, log.draw_round) and not _is_over(chain, log.draw_round, note.at_ms)
    )
    if not begins and not moved:
        return log, []
    leaf = f"{note.at_ms} mixes beacon {chain.hash} {number}"
    return log._replace(mixes=True, draw_round=number), [leaf]


def awaited(log: StoredLog, note: LogEntries, chain: Chain, now_ms: int) -> tuple[StoredLog, list[str]]:
    """The log and its leaf at the opening: the announced round if it is due soon, else a later one."""
    number = log.draw_round
    if not number or not is_near(chain, number, note.at_ms):
        number = round_for(chain, max(note.at_ms, now_ms))
    return log._replace(draw_round=number), [f"{note.at_ms} awaits {number}"]


def entropy_of(room: Room, at_ms: int, chain: Chain) -> Entropy | None:
    """The entropy, once the round is known or has been missing for too long; None while it is awaited."""
    number = room.draw_round or 0
    if room.draw_signature is not None:
        leaf = f"{at_ms} beacon {number} {room.draw_signature.hex()}"
        return Entropy(leaf, randomness_of(room.draw_signature))
    if at_ms > round_at_ms(chain, number) + WAITS_MS:
        return Entropy(f"{at_ms} missed {number}", b"")
    return None


def _is_over(chain: Chain, number: int, at_ms: int) -> bool:
    return number > 0 and round_at_ms(chain, number) <= at_ms
