"""The input of a join."""

from __future__ import annotations

import msgspec

from app.core.model import VisitorId
from app.core.tokens.claims import PlaceClaims
from app.core.tokens.proof_of_work import ValidProof
from app.core.waiting_room.captcha import Captcha


class Joiner(msgspec.Struct, frozen=True):
    """A visitor who wants to join.

    `claims`: those of their place token, if they sent one. `network`: their network as
    `PlaceSigner.network` names it; "" exempts them from its limits. `quantity`: how many tickets they want at
    once; 0 if they did not say, which means one for a new place. `returns`: they accept a place in the
    returns queue of a sold-out sale. `solved`: their proof of work. `captcha`: the verdict on their captcha.
    `slower`: if they lack a required check, they join as a suspect instead of being refused.
    """

    visitor_id: VisitorId
    claims: PlaceClaims | None = None
    network: str = ""
    quantity: int = 0
    returns: bool = False
    solved: ValidProof | None = None
    captcha: Captcha = "missing"
    slower: bool = False
