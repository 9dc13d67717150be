"""Reads the rounds of the public randomness beacon that draws await, from one of its relays.

Relays are not trusted: a round counts only if it is signed with the chain's key. They are configured in the
installation's settings, so they may have private addresses.
"""

from __future__ import annotations

import asyncio
import random

import msgspec
import structlog

from app.core.assurance.beacon import Chain, is_signed, round_at_ms
from app.core.clock import now_ms
from app.core.text.error_text import describe_error
from app.notifications import safe_post
from app.notifications.safe_post import AddressRefused, Client, NotAccepted, open_client
from app.settings import Settings
from app.store.connections import Stores
from app.store.sql.waiting_room import draws

log = structlog.get_logger(__name__)

ROUNDS_MAX = 20  # read at once; others follow a second later
RELAY_TIMEOUT_S = 4.0  # then the next relay is asked


class Round(msgspec.Struct, frozen=True):
    """A round as relays serve it. `signature` is in hex; the randomness is derived from it."""

    round: int
    signature: str


class NotARound(Exception):
    """A relay did not return the round; the message says why."""


async def read_awaited(stores: Stores, settings: Settings) -> None:
    """Read and store every round that a draw awaits and that is due."""
    chain = settings.chain
    for number in await draws.select_awaited(stores.postgres, ROUNDS_MAX):
        if round_at_ms(chain, number) > now_ms():
            return  # later rounds are not due either
        async with open_client() as client:  # which few workers need: creating one takes 40 ms
            signature = await _read(client, settings.beacon_relays, chain, number)
        if signature is not None:
            await draws.keep_signature(stores.postgres, number, signature)


async def _read(client: Client, relays: list[str], chain: Chain, number: int) -> bytes | None:
    """The signature of a round, from the first relay that has it, in random order; None if none has."""
    for relay in random.sample(relays, len(relays)):
        try:
            return await _fetch_round(client, relay, chain, number)
        except NotARound as error:
            log.warning("beacon_not_read", relay=relay, round=number, reason=str(error))
    return None


async def _fetch_round(client: Client, relay: str, chain: Chain, number: int) -> bytes:
    """The verified signature of a round, from one relay. Raises NotARound."""
    url = f"{relay.rstrip('/')}/{chain.hash}/public/{number}"
    try:
        async with asyncio.timeout(RELAY_TIMEOUT_S):
            answer = await safe_post.get(client, url, private=True)
        round_read = msgspec.json.decode(answer, type=Round)
        signature = bytes.fromhex(round_read.signature)
    except TimeoutError:
        raise NotARound(f"no answer within {RELAY_TIMEOUT_S:.0f} s") from None
    except (AddressRefused, NotAccepted, ValueError) as error:
        raise NotARound(describe_error(error)[:200]) from None
    if round_read.round != number or not is_signed(chain, number, signature):
        raise NotARound("wrong round, or not signed by the chain's key")
    return signature
