"""Outside parties that vouch for draws and public logs: the randomness beacon and witnesses."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

from pydantic import BaseModel, field_validator
from pydantic_settings import NoDecode

from app.core.assurance.beacon import QUICKNET, Chain, chain_of
from app.core.assurance.notes import COSIGNER, verifier_of
from app.core.text.setting_values import address_of

RELAYS = (
    "https://api.drand.sh",
    "https://api2.drand.sh",
    "https://api3.drand.sh",
    "https://drand.cloudflare.com",
)
_chain_of = lru_cache(maxsize=4)(chain_of)


def _is_of_witness(vkey: str) -> bool:
    try:
        return verifier_of(vkey).kind == COSIGNER
    except ValueError:
        return False


class PublicLogs(BaseModel):
    """Outside parties that vouch for draws and public logs."""

    beacon_relays: Annotated[list[str], NoDecode] = list(RELAYS)
    """Relays of drand's public randomness beacon, queried one after the other for rooms whose
    `draw_entropy` is `beacon`: `https://host`, comma-separated."""
    beacon_chain: str = ""
    """A drand chain other than `quicknet`: the JSON that its relays serve at `/{chain hash}/info`."""

    witnesses: Annotated[list[str], NoDecode] = []
    """Witnesses that cosign the public logs (c2sp.org/tlog-witness): address and key of each, as
    `https://paper.example/w1 paper.example/w1+1234abcd+BA...`, comma-separated. They need
    `FAIRGATE_PUBLIC_URL`."""

    @field_validator("beacon_relays", "witnesses", mode="before")
    @classmethod
    def _relays(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("beacon_relays")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        form = "https://host[:port][/path] of each relay, comma-separated"
        for part in value:
            url = address_of(part, ("http", "https"), form)
            if not url.hostname or set("?#@") & set(part):
                raise ValueError(f"must be {form}")
        return value

    @field_validator("beacon_chain")
    @classmethod
    def _known(cls, value: str) -> str:
        if value:
            try:
                _chain_of(value)
            except ValueError as error:
                raise ValueError(f"must be the JSON that a relay serves at /info: {error}") from None
        return value

    @field_validator("witnesses")
    @classmethod
    def _keys(cls, value: list[str]) -> list[str]:
        form = "https://host[:port][/path] NAME+ID+KEY of each witness, comma-separated"
        for part in value:
            address, _, vkey = part.partition(" ")
            url = address_of(address, ("http", "https"), form)
            if not url.hostname or set("?#@") & set(address) or not _is_of_witness(vkey.strip()):
                raise ValueError(f"must be {form}")
        return value

    @property
    def chain(self) -> Chain:
        """The chain of the beacon."""
        return _chain_of(self.beacon_chain) if self.beacon_chain else QUICKNET
