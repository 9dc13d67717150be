"""One request: what is asked of the gate, and what its answer means. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy

from fairgate_gate.passes import Pass, Passes
from fairgate_gate.settings import Settings

Headers = list[tuple[str, str]]

END = "x-fairgate-end"
TICKET = "fairgate_ticket="
BAD_REQUEST, NOT_FOUND = 400, 404
HANDED_ON = ("location", "set-cookie", "content-type", "cache-control", "retry-after", "x-fairgate-queue")
# What only the proxy or we may say, and what is of one connection.
NOT_ASKED = {
    *("host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"),
    *("content-length", "content-encoding", "accept-encoding", "proxy-authorization", "x-original-url"),
    *("x-original-method", "x-original-fetch-mode", "x-forwarded-for", "x-forwarded-host"),
    *("x-forwarded-proto", "x-forwarded-uri"),
    *("x-forwarded-method", "x-forwarded-port", "forwarded"),
}
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
AWAY_BODY = b"The shop cannot let anybody in at the moment. Try again in a few seconds.\n"


@dataclass(frozen=True)
class Visit:
    """What a visitor asked the site for."""

    method: str
    scheme: str
    host: str
    target: str  # path and query as they were sent
    client: str
    headers: Headers  # names in lower case

    def cookie(self, name: str) -> str:
        """The last cookie of this name; "" for none."""
        found = ""
        for header, value in self.headers:
            if header == "cookie":
                for pair in value.split(";"):
                    key, _, text = pair.strip().partition("=")
                    if key == name:
                        found = text
        return found


@dataclass(frozen=True)
class Verdict:
    """What becomes of it: `status` 0 and cookies for the site's answer, or an answer of its own."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    @property
    def passes(self) -> bool:
        """Whether the site answers."""
        return self.status == 0


def at_once(visit: Visit, shown: Pass | None, passes: Passes) -> Verdict | None:
    """The verdict that needs nobody else; None: the gate has to be asked."""
    if shown and passes.is_fresh(shown, visit.client) and TICKET not in visit.target:
        return Verdict()
    return None


def question(visit: Visit) -> list[tuple[bytes, bytes]]:
    """The headers the gate is asked with. What could not be sent is left out: it is no reason to let pass."""
    asked = [(name, value) for name, value in visit.headers if name not in NOT_ASKED]
    asked.append(("x-original-url", f"{visit.scheme}://{visit.host}{visit.target}"))
    asked.append(("x-original-method", visit.method))
    asked.append(("x-forwarded-for", visit.client or "127.0.0.1"))
    asked.append(("x-forwarded-proto", visit.scheme))
    return [
        (name.encode(), value.encode("latin-1"))
        for name, value in asked
        if _NAME.fullmatch(name) and _VALUE.fullmatch(value)
    ]


def judged(
    visit: Visit,
    shown: Pass | None,
    passes: Passes,
    settings: Settings,
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
) -> Verdict:
    """What the gate's answer means; `status` 0: it did not answer."""
    told = [(name.lower(), value) for name, value in headers]
    token = visit.cookie(settings.cookie)
    if status == 204:
        cookies = [it for it in told if it[0] == "set-cookie"]
        if shown and not cookies:
            passes.agreed(token, visit.client, bound=shown.bound)
        return Verdict(headers=cookies)
    if 300 <= status < 500 and status != NOT_FOUND:  # a room that is not there is a gate that is away
        if token:
            passes.refused(token, visit.client)
        return Verdict(status, [it for it in told if it[0] in HANDED_ON], body)
    if settings.fail_open or (shown and passes.was_agreed(shown, visit.client)):
        return Verdict()
    told = [
        ("content-type", "text/plain; charset=utf-8"),
        ("retry-after", "5"),
        ("cache-control", "no-store"),
    ]
    return Verdict(503, told, AWAY_BODY)


def gone_cookie(settings: Settings) -> tuple[str, str]:
    """Set-Cookie that takes the pass from the browser."""
    return "set-cookie", f"{settings.cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"


def pass_in(verdict: Verdict, settings: Settings, passes: Passes) -> Pass | None:
    """The pass that the gate gave out with this very request."""
    for _, value in verdict.headers:
        name, _, rest = value.partition("=")
        if name == settings.cookie:
            return passes.read(rest.partition(";")[0])
    return None


def no_cookies() -> CookieJar:
    """For the client that asks the gate: one visitor's pass must never be sent for another."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
