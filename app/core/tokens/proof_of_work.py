"""Proofs of work: a device computes for a moment before it joins, so many places cost much computing. No I/O.

The protocol is version 1 of ALTCHA's (https://altcha.org/docs/v1/proof-of-work/): the device searches for the
number that, with a salt, yields a given hash. The salt states the room, the network, the expiry and the cost
of the challenge (the highest number that may have to be tried); the signature covers it.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import msgspec

from app.core.base64url import to_base64url
from app.core.model import RoomId

WORK = 100_000  # numbers: half a second on a slow phone, at most one
WORK_TIMES_MAX = 4  # cost multiplier for an address that sends many: four seconds at most
WORK_TTL_S = 300
SOLUTION_MAX = 1000  # characters
ALGORITHM = "SHA-256"


class Challenge(msgspec.Struct, frozen=True):
    """The input of ALTCHA's widget and solvers: find the number up to `maxnumber` that hashes to
    `challenge`."""

    algorithm: str
    challenge: str
    maxnumber: int
    salt: str
    signature: str


class ValidProof(NamedTuple):
    """A valid proof of work: its cost, and what makes it unique."""

    cost: int
    solution: str


class _Solution(msgspec.Struct, frozen=True):
    algorithm: str
    challenge: str
    number: int
    salt: str
    signature: str


class WorkSigner:
    """Issues challenges, and verifies their solutions."""

    def __init__(self, key: bytes) -> None:
        from altcha import v1  # here: it loads argon2, which workers do not need

        self._key = key
        self._altcha = v1

    def challenge(self, room_id: RoomId, network: str, cost: int, now_s: int) -> Challenge:
        """A challenge for joining this room from this network."""
        options = self._altcha.ChallengeOptions(
            max_number=cost,
            hmac_key=self._key,
            expires=datetime.fromtimestamp(now_s + WORK_TTL_S, UTC),
            params={"of": _of(room_id, network), "cost": str(cost)},
        )
        created = self._altcha.create_challenge(options)
        return Challenge(created.algorithm, created.challenge, cost, created.salt, created.signature)

    def read(self, solution: str, room_id: RoomId, network: str) -> ValidProof | None:
        """Verify a solution; None if it is wrong, expired or for another room or network."""
        try:
            solved = msgspec.json.decode(base64.b64decode(solution, validate=True), type=_Solution)
        except (ValueError, msgspec.DecodeError):
            return None
        payload: Any = msgspec.structs.asdict(solved)
        if solved.algorithm != ALGORITHM or not self._altcha.verify_solution(payload, self._key)[0]:
            return None
        params = parse_qs(solved.salt.partition("?")[2])
        if params["of"] != [_of(room_id, network)]:
            return None
        return ValidProof(int(params["cost"][0]), solved.signature[:24])


def _of(room_id: RoomId, network: str) -> str:
    return to_base64url(hashlib.sha256(f"{room_id} {network}".encode()).digest()[:9])


def solved(challenge: Challenge, number: int) -> str:
    """A solution in the form in which it is sent."""
    solution = _Solution(
        challenge.algorithm, challenge.challenge, number, challenge.salt, challenge.signature
    )
    return base64.b64encode(msgspec.json.encode(solution)).decode()
