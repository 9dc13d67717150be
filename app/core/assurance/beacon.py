"""drand's public randomness beacon: the times of rounds, and the verification of their signatures. No I/O.

A chain is described as drand's relays do at `/{chain hash}/info`; its hash covers all relevant fields. Each
round has exactly one signature, made by a threshold of independent parties; nobody can know it before they
publish it. The scheme is `bls-unchained-g1-rfc9380`: BLS over BLS12-381, with the signature in G1 and the key
in G2, over the SHA-256 of the round number in eight bytes. The randomness of a round is the SHA-256 of its
signature.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

SCHEME = "bls-unchained-g1-rfc9380"
DOMAIN = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"  # domain separation tag of the scheme (RFC 9380)
SIGNATURE_BYTES = 48
LEAD_MS = 10_000  # from the opening to the round: the pre-queue's log is signed before the round exists
NEAR_MS = 60_000  # an announced round is used if it is published within this time after the opening
WAITS_MS = 120_000  # how long a draw waits for a round that is due; then it uses the seed alone

Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Metadata(msgspec.Struct, frozen=True):
    """The name of a chain."""

    beacon_id: str = msgspec.field(name="beaconID", default="default")


class Chain(msgspec.Struct, frozen=True):
    """A chain as drand's relays describe it."""

    public_key: Annotated[str, Meta(pattern="^[0-9a-f]{192}$")]
    period: Annotated[int, Meta(ge=1, le=86_400)]  # seconds
    genesis_time: Annotated[int, Meta(ge=1, le=1 << 33)]  # of round 1, Unix seconds
    hash: Hex32
    group_hash: Hex32 = msgspec.field(name="groupHash")
    scheme: str = msgspec.field(name="schemeID", default=SCHEME)
    metadata: Metadata = Metadata()


QUICKNET = Chain(
    public_key="83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    period=3,
    genesis_time=1_692_803_367,
    hash="52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    group_hash="f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
    metadata=Metadata("quicknet"),
)


def chain_of(text: bytes | str) -> Chain:
    """Parse a relay's description of a chain (JSON).

    Raises ValueError if it is invalid or of another scheme.
    """
    chain = msgspec.json.decode(text, type=Chain)
    if chain.scheme != SCHEME:
        raise ValueError(f"the scheme is {chain.scheme}, but must be {SCHEME}")
    if hash_of(chain) != chain.hash:
        raise ValueError("its hash does not match its fields")
    return chain


def hash_of(chain: Chain) -> str:
    """Compute the hash of a chain from its fields, as drand does."""
    parts = chain.period.to_bytes(4) + chain.genesis_time.to_bytes(8)
    parts += bytes.fromhex(chain.public_key) + bytes.fromhex(chain.group_hash)
    if chain.metadata.beacon_id not in ("", "default"):
        parts += chain.metadata.beacon_id.encode()
    return hashlib.sha256(parts).hexdigest()


def round_at_ms(chain: Chain, number: int) -> int:
    """When a round is published (Unix ms)."""
    return 1000 * (chain.genesis_time + (number - 1) * chain.period)


def round_for(chain: Chain, opening_ms: int) -> int:
    """The round for an opening: the first one published at least `LEAD_MS` after it."""
    period_ms = 1000 * chain.period
    return max(1, 1 - (1000 * chain.genesis_time - opening_ms - LEAD_MS) // period_ms)


def is_near(chain: Chain, number: int, opening_ms: int) -> bool:
    """Whether an announced round is published after the opening, and within `NEAR_MS`."""
    return opening_ms < round_at_ms(chain, number) <= opening_ms + NEAR_MS


def is_signed(chain: Chain, number: int, signature: bytes) -> bool:
    """Verify a round's signature with the chain's key. Takes about 10 ms."""
    from py_arkworks_bls12381 import GT, G1Point, G2Point  # here: only draws and audits need it

    message = hashlib.sha256(number.to_bytes(8)).digest()
    try:
        signed = G1Point.from_compressed_bytes(signature)
        key = G2Point.from_compressed_bytes(bytes.fromhex(chain.public_key))
    except ValueError:
        return False
    if len(signature) != SIGNATURE_BYTES or key == G2Point.identity():
        return False
    hashed = G1Point.hash_to_curve(message, DOMAIN)
    return GT.pairing_check([signed, -hashed], [G2Point(), key])


def randomness_of(signature: bytes) -> bytes:
    """The randomness of the round with this signature."""
    return hashlib.sha256(signature).digest()
