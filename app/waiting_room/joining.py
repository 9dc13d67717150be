"""What somebody says who joins a queue."""

from __future__ import annotations

import msgspec

from app.core.captcha import Captcha
from app.core.claims import PlaceClaims
from app.core.model import VisitorId
from app.core.proof_of_work import Solved


class Joining(msgspec.Struct, frozen=True):
    """A visitor who joins. `known`: what their place token says, if they sent one.

    `network`: where they come from, as `PlaceSigner.network` says it; "": not limited by it. `quantity`:
    tickets wanted at once; 0: nothing is said, which is one for a new place. `returns`: they know that all
    is sold, and want a place for what comes back. `solved`: the proof of work they bring.
    `captcha`: whether they solved one. `slower`: without what is needed they join as a suspect.
    """

    visitor_id: VisitorId
    known: PlaceClaims | None = None
    network: str = ""
    quantity: int = 0
    returns: bool = False
    solved: Solved | None = None
    captcha: Captcha = "missing"
    slower: bool = False
