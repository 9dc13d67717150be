"""Passes as a site checks them by itself: signature, room and time, and how long ago the gate last agreed.

A pass tells its signature, not whether its session was ended. So the gate is asked again when `recheck_s` are
over; with the gate away a pass is good by its signature.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from fairgate_gate.settings import Settings

CHECKED_MAX = 50_000  # passes remembered, 5 MB; beyond it the longest unused are asked about again
COOKIE_MAX = 4096
KEYS_FRESH_S = 300.0
UNKNOWN_KEY_S = 10.0  # forged key names cost at most one look at the keys in this
ALGORITHMS = ("EdDSA", "ES256", "RS256")


@dataclass(frozen=True)
class Pass:
    """A pass whose signature is good."""

    token: str
    sid: str
    iat: int
    exp: int
    bound: bool  # to a network that only the gate can tell


class Passes:
    """What one process knows of passes; for any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: dict[str, tuple[str, Any]] = {}  # each with the one algorithm it verifies
        self._keys_at = self._asked_at = float("-inf")
        self._checked: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def wants_keys(self, token: str) -> bool:
        """Whether the keys have to be read before this token: there are none, or not the one it names."""
        now = time.monotonic()
        if now - self._asked_at < UNKNOWN_KEY_S:
            return False
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError:
            return False
        if kid in self._keys and now - self._keys_at < KEYS_FRESH_S:
            return False
        self._asked_at = now
        return True

    def take_keys(self, document: Mapping[str, Any]) -> None:
        """The keys as the gate publishes them; a key that cannot be read is left out."""
        found = {}
        for it in document.get("keys", []):
            try:
                if it["alg"] in ALGORITHMS:
                    found[it["kid"]] = it["alg"], jwt.PyJWK(it, algorithm=it["alg"]).key
            except (jwt.PyJWTError, KeyError, TypeError):
                continue
        if found:
            self._keys, self._keys_at = found, time.monotonic()

    def read(self, token: str) -> Pass | None:
        """The pass, if it is one of this room, signed by a key that is known, and its time is not over."""
        if not token or len(token) > COOKIE_MAX or not token.isascii():
            return None
        try:
            header = jwt.get_unverified_header(token)
            known = self._keys.get(str(header.get("kid")))
            if known is None or header.get("typ") != "pass+jwt":
                return None
            algorithm, key = known
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._settings.room,
                leeway=0,
                options={"require": ["exp", "iat", "sub", "sid"], "verify_nbf": False, "verify_iat": False},
            )
            return Pass(token, str(claims["sid"]), int(claims["iat"]), int(claims["exp"]), "net" in claims)
        except (jwt.PyJWTError, ValueError, TypeError):
            return None

    def is_fresh(self, it: Pass, client: str) -> bool:
        """Whether the gate need not be asked: it agreed, or gave out the pass, a moment ago."""
        within_s = min(self._settings.recheck_s, max(0.0, (it.exp - it.iat) / 4))
        with self._lock:
            at = self._checked.get(self._name(it.token, client if it.bound else ""))
        if at is not None and time.monotonic() - at < within_s:
            return True
        return not it.bound and 0 <= time.time() - it.iat < within_s

    def was_agreed(self, it: Pass, client: str) -> bool:
        """Whether it goes on while the gate is away: a bound pass only where the gate agreed before."""
        with self._lock:
            return not it.bound or self._name(it.token, client) in self._checked

    def agreed(self, token: str, client: str, *, bound: bool) -> None:
        """The gate let this one pass just now."""
        name = self._name(token, client if bound else "")
        with self._lock:
            self._checked[name] = time.monotonic()
            self._checked.move_to_end(name)
            while len(self._checked) > CHECKED_MAX:
                self._checked.popitem(last=False)

    def refused(self, token: str, client: str) -> None:
        """The gate did not."""
        with self._lock:
            for it in ("", client):
                self._checked.pop(self._name(token, it), None)

    def _name(self, token: str, client: str) -> bytes:
        return hashlib.blake2b(f"{client} {token}".encode(), digest_size=16).digest()
