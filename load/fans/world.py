"""What all visitors of one Locust process share: connections, the shared document, and the findings."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.socket
import gevent.ssl
import msgspec
from geventhttpclient.client import HTTPClient

from app.web.documents.waiting_room import StatusDocument
from load.fans.plan import PROGRESS, Findings, Latency, Plan
from load.fans.scenarios import SCENARIOS, Scenario

CONNECTIONS_MAX = 1_000
TIMEOUT_S = 15.0  # the page's deadline
STREAM_TIMEOUT_S = 30.0  # comments arrive every 12 s
EXPECTED_503 = ("store_unavailable", "backlog_full", "restoring")


@dataclass(frozen=True, slots=True)
class Reply:
    """A response; status 0: there was none. `code` is the problem's."""

    status: int
    body: bytes = b""
    code: str = ""
    retry_after_s: float = 0.0

    @property
    def document(self) -> Any:
        """The body's JSON."""
        return msgspec.json.decode(self.body)


@dataclass
class World:
    """One run. Only gevent's greenlets use it, so nothing is locked."""

    plan: Plan
    environment: Any
    findings: Findings = field(default_factory=Findings)
    random: Random = field(default_factory=Random)
    began_s: float = field(default_factory=time.monotonic)
    count: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    visitors: set[Any] = field(default_factory=set)  # those currently visiting
    _last_document: tuple[bytes, StatusDocument] | None = None
    _numbers: int = 0

    def __post_init__(self) -> None:
        url = urlsplit(self.plan.url)
        secure = url.scheme == "https"
        context = gevent.ssl.create_default_context() if secure else None
        self._to: dict[str, Any] = {
            "host": url.hostname,
            "port": url.port or (443 if secure else 80),
            "ssl": secure,
            "ssl_context_factory": (lambda: context) if secure else None,
            "connection_timeout": TIMEOUT_S,
        }
        at_once = min(self.plan.fans + 1, CONNECTIONS_MAX)
        self.client = HTTPClient(**self._to, network_timeout=TIMEOUT_S, concurrency=at_once)

    @property
    def scenario(self) -> Scenario:
        """The scenario of this run."""
        return SCENARIOS[self.plan.scenario]

    def next_number(self) -> int:
        """The number of the next visitor, from 0."""
        self._numbers += 1
        return self._numbers - 1

    def now_s(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began_s

    def stream_client(self) -> HTTPClient:
        """Open a connection for one stream."""
        return HTTPClient(**self._to, network_timeout=STREAM_TIMEOUT_S, concurrency=1)

    def read(self, body: bytes) -> StatusDocument:
        """Parse the shared document; the same bytes as before are not parsed again."""
        if self._last_document is None or self._last_document[0] != body:
            document = msgspec.json.decode(body, type=StatusDocument)
            self._last_document = body, document
            serving = self.findings.serving
            if not serving or serving[-1][1] < document.serving_position:
                serving.append((self.now_s(), document.serving_position))
        return self._last_document[1]

    def call(
        self, name: str, method: str, path: str, headers: dict[str, str], body: object = None, key: str = ""
    ) -> Reply:
        """Make one call, timed and counted under `name`."""
        sent = {"Accept": "application/json", **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if key:
            sent["Idempotency-Key"] = key
        content = b"" if body is None else msgspec.json.encode(body)
        began_s, reply, broken = time.perf_counter(), Reply(0), None
        try:
            response = self.client.request(method, path, content, sent)
            reply = _reply(response, bytes(response.read()))
        except (OSError, gevent.Timeout, ValueError, RuntimeError) as error:  # the last two: not HTTP
            broken = error
        took_ms = (time.perf_counter() - began_s) * 1000
        self._record(name, method, took_ms, reply, broken)
        return reply

    def _record(self, name: str, method: str, took_ms: float, reply: Reply, broken: Exception | None) -> None:
        wrong = None
        if broken is not None:
            wrong = f"{name}: {type(broken).__name__}"
        elif reply.status >= 500 and reply.code not in EXPECTED_503:
            wrong = f"{name}: {reply.status} {reply.code}".rstrip()
        elif reply.status >= 400:
            self.refused[reply.code or str(reply.status)] += 1
        if wrong:
            self.errors[wrong] += 1
        self.timed(name, method, took_ms / 1000, len(reply.body), wrong)

    def timed(self, name: str, method: str, took_s: float, length: int = 0, wrong: str | None = None) -> None:
        """Add one call to Locust's statistics."""
        self.environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=took_s * 1000,
            response_length=length,
            exception=RuntimeError(wrong) if wrong else None,
            context={},
        )

    def open_room(self) -> None:
        """Open the room, as staff do when everybody is there."""
        if self.plan.staff_token and self.scenario.together:
            headers = {"Authorization": f"Bearer {self.plan.staff_token}"}
            self.call("open the room", "POST", f"/v1/rooms/{self.plan.room_id}/open", headers)

    def print_progress(self) -> None:
        """Print one line of progress."""
        progress = {"at_s": round(self.now_s()), "count": dict(self.count), "errors": self.errors.total()}
        print(PROGRESS + msgspec.json.encode(progress).decode(), flush=True)

    def write(self) -> None:
        """Write all findings for the verdict."""
        found = self.findings
        found.count, found.refused, found.errors = dict(self.count), dict(self.refused), dict(self.errors)
        found.latencies = {
            name: Latency(
                entry.num_requests,
                float(entry.get_response_time_percentile(0.5) or 0),
                float(entry.get_response_time_percentile(0.99) or 0),
            )
            for (name, _), entry in self.environment.stats.entries.items()
        }
        draft = Path(self.plan.findings_file + ".new")
        draft.write_bytes(msgspec.json.encode(found))
        draft.replace(self.plan.findings_file)


def _reply(response: Any, body: bytes) -> Reply:
    code, status = "", int(response.status_code)
    if status >= 400 and body.startswith(b"{"):
        code = str(msgspec.json.decode(body).get("code", ""))
    retry_after = response.get("retry-after")
    return Reply(status, body, code, float(retry_after) if retry_after and retry_after.isdigit() else 0.0)


def new_key() -> str:
    """Return an unused key."""
    return secrets.token_hex(12)
