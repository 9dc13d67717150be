"""The published facts of a lottery's draw."""

from __future__ import annotations

import msgspec

from app.core.assurance.beacon import randomness_of
from app.core.model import DrawEntropy, Room
from app.core.waiting_room import rules


class DrawBeacon(msgspec.Struct, frozen=True):
    """The round of the public beacon used for a draw; null until the log names it.

    Its `signature` is null until the round is published, and `randomness` is the SHA-256 of that. `missed`:
    it was not published in time, so the seed alone decides.
    """

    round: int | None
    signature: str | None
    randomness: str | None
    missed: bool


class Draw(msgspec.Struct, frozen=True):
    """The published facts of a lottery: the commitment at once, the seed after the opening.

    With the entropy of the `entries`, draws also use `log_root`, which is known after the opening; with that
    of the `beacon`, the randomness of a round after the opening. The seed is then published with it, because
    from the seed alone a visitor would compute another draw than theirs.
    """

    commitment: str
    seed: str | None
    entropy: DrawEntropy = "none"
    log_root: str | None = None
    beacon: DrawBeacon | None = None


def draw_document(room: Room, opened: bool) -> Draw | None:
    """The draw of a lottery room; None for any other."""
    if room.settings.queueing_method != "lottery":
        return None
    entropy = room.settings.draw_entropy
    root = room.draw_root.hex() if opened and room.draw_root and entropy == "entries" else None
    settled = entropy == "none" or room.draw_root is not None
    seed = room.seed.hex() if opened and settled else None
    beacon = _beacon(room) if entropy == "beacon" else None
    return Draw(rules.commitment(room.seed), seed, entropy, root, beacon)


def _beacon(room: Room) -> DrawBeacon:
    signature = room.draw_signature if room.draw_root else None
    return DrawBeacon(
        round=room.draw_round,
        signature=signature.hex() if signature else None,
        randomness=randomness_of(signature).hex() if signature else None,
        missed=room.draw_root == b"",
    )
