"""What a room can ask of newcomers; a simulated sale is played with each."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from app.core.clock import from_ms
from app.core.lanes import Lane
from load.simulate.room import OPENING_MS

SLOWER, EACH = "Slower", 3
# Newcomers show who they are before the opening. Shares of fans who never get the e-mail; who have no device
# with passkeys, or did not manage; who had no account when the sale was announced.
NO_MAIL, NO_PASSKEY, NO_ACCOUNT = 0.02, 0.05, 0.25


class Strength(NamedTuple):
    """What a room asks of newcomers."""

    name: str
    settings: dict[str, Any]
    throttled: bool = True
    fans_without: float = 0.0  # the share of fans who cannot show who they are
    bots_with: Literal["all", "bought", "hoarded"] = "all"  # which visitors of the farm can


_LANE = {"lanes": [Lane(name=SLOWER, share=5)], "suspects_lane": SLOWER}
_EMAIL: dict[str, Any] = {"identity": "email"}
_BEFORE: dict[str, Any] = {"identity": "passkey", "accounts_before": from_ms(OPENING_MS)}
STRENGTHS = (
    Strength("none, limits off", {}, throttled=False),
    Strength("limits as they are", {}),
    Strength("proof of work", {"proof_of_work": True}),
    Strength(f"{EACH} an address", {"newcomers_per_address": EACH}),
    Strength(f"{EACH} an address, suspects' lane", {"newcomers_per_address": EACH, **_LANE}),
    Strength("the same and proof of work", {"newcomers_per_address": EACH, "proof_of_work": True, **_LANE}),
    Strength("e-mail, catch-all domain", _EMAIL, fans_without=NO_MAIL),
    Strength("e-mail, bought mailboxes", _EMAIL, fans_without=NO_MAIL, bots_with="bought"),
    Strength("the same, suspects' lane", _EMAIL | _LANE, fans_without=NO_MAIL, bots_with="bought"),
    Strength("passkey", {"identity": "passkey", **_LANE}, fans_without=NO_PASSKEY),
    Strength("passkey from before", _BEFORE | _LANE, fans_without=NO_ACCOUNT, bots_with="hoarded"),
    Strength("members only", {"members_only": True}),
)
