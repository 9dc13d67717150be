"""What a site says of its gate."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Settings:
    """`url`: where Fairgate is, from here; `room`: which room stands before the site."""

    url: str
    room: str
    fail_open: bool = False  # with Fairgate away newcomers pass; else they are asked to wait
    recheck_s: float = 10.0  # so long a pass is believed by its signature before the gate is asked again
    timeout_s: float = 5.0
    api_key: str = ""  # of the role operator: then a page's `X-Fairgate-End: 1` ends the session

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds the pass."""
        return f"fairgate_pass_{self.room}"

    @property
    def gate(self) -> str:
        """The address that is asked about each visitor."""
        return f"{self.url.rstrip('/')}/v1/rooms/{quote(self.room, safe='')}/gate"

    @property
    def jwks(self) -> str:
        """The address of the keys that passes are signed with."""
        return f"{self.url.rstrip('/')}/.well-known/jwks.json"

    def end(self, sid: str) -> str:
        """The address that ends a session."""
        room = quote(self.room, safe="")
        return f"{self.url.rstrip('/')}/v1/rooms/{room}/sessions/{quote(sid, safe='')}/end"
