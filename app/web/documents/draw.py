"""What is published of a lottery's draw."""

from __future__ import annotations

import msgspec

from app.core import rules
from app.core.model import DrawEntropy, Room


class Draw(msgspec.Struct, frozen=True):
    """What is published of a lottery: the commitment at once, the seed after the opening.

    With the entropy of the `entries` draws are made with `log_root`, too, which is known after the opening.
    """

    commitment: str
    seed: str | None
    entropy: DrawEntropy = "none"
    log_root: str | None = None


def draw_document(room: Room, opened: bool) -> Draw | None:
    """The draw of a lottery room; None for any other."""
    if room.settings.queueing_method != "lottery":
        return None
    root = room.draw_root.hex() if opened and room.draw_root else None
    seed = room.seed.hex() if opened else None
    return Draw(rules.commitment(room.seed), seed, room.settings.draw_entropy, root)
