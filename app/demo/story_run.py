"""Runs a story: each call and its response are printed, and compared with the expected one."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import typer

from app.core.errors import CannotRun

BODY_SHOWN = 150  # characters of a body
TOKEN_SHOWN = 14
ASK_AGAIN_S = 0.2
PATIENCE_S = 60.0
MARKS = {2: typer.colors.GREEN, 3: typer.colors.CYAN, 4: typer.colors.YELLOW, 5: typer.colors.MAGENTA}


class StoryEnded(CannotRun):
    """A story cannot continue, because a response it depends on differs from the expected one."""


@dataclass
class Call:
    """A call of the API, and the expected response."""

    method: str
    path: str
    token: str = ""
    body: Any = None  # bytes are sent as they are
    status: int = 200
    code: str = ""  # of a refusal
    key: str | None = field(default_factory=lambda: secrets.token_hex(8))  # Idempotency-Key


@dataclass
class StoryRun:
    """A running story."""

    client: httpx.AsyncClient
    staff: str  # an admin's token
    colours: bool = field(default_factory=lambda: sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    calls: int = 0
    wrong: int = 0

    def print_line(self, line: str) -> None:
        """Print a line of the story."""
        self._print("", "", self._styled(line, bold=True))

    async def call(self, intro: str, call: Call) -> dict[str, Any]:
        """Make the call and print it. Raises StoryEnded if it should have succeeded and did not."""
        self.print_line(intro)
        return self._shown_document(call, await self._send(call))

    async def until(self, intro: str, call: Call, **fields: object) -> dict[str, Any]:
        """Repeat the call until the response has the expected status and these fields. Raises StoryEnded."""
        self.print_line(intro)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = await self._send(call)
            document = _document(answer)
            if answer.status_code == call.status and fields.items() <= document.items():
                return self._shown_document(call, answer)
            if time.monotonic() > deadline:
                self._shown_document(call, answer)
                raise StoryEnded(f"{call.method} {call.path} did not answer {call.status} {fields or ''}")
            await asyncio.sleep(ASK_AGAIN_S)

    async def _send(self, call: Call) -> httpx.Response:
        headers = {"Authorization": f"Bearer {call.token}"} if call.token else {}
        if call.key:
            headers["Idempotency-Key"] = call.key
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        raw = call.body if isinstance(call.body, bytes | None) else msgspec.json.encode(call.body)
        return await self.client.request(call.method, call.path, headers=headers, content=raw)

    def _shown_document(self, call: Call, answer: httpx.Response) -> dict[str, Any]:
        """Print a call and its response, and compare it with the expected one."""
        self.calls += 1
        document = _document(answer)
        code = document.get("code", "") if answer.status_code >= 400 else ""
        self._print("->", self._styled(f"{call.method} {call.path}", fg=typer.colors.BLUE), _short(call.body))
        again = answer.headers.get("Retry-After")
        status = f"{answer.status_code} {code}{f' (Retry-After: {again})' if again else ''}".rstrip()
        message = document.get("detail", "") if code else _short(document)
        self._print("<-", self._styled(status, fg=MARKS.get(answer.status_code // 100)), message)
        if (answer.status_code, code) != (call.status, call.code):
            self.wrong += 1
            self._print("", self._styled("WRONG", fg=typer.colors.RED), f"not {call.status} {call.code}")
            if not call.code:
                raise StoryEnded(f"{call.method} {call.path} answered {status}, not {call.status}")
        return document

    def _print(self, arrow: str, first: str, then: str) -> None:
        if not arrow and not first:
            print(f"\n{then}", flush=True)
        else:
            print(f"  {arrow:2} {first}  {then}".rstrip(), flush=True)

    def _styled(self, text: str, *, bold: bool = False, fg: str | None = None) -> str:
        return typer.style(text, fg=fg, bold=bold) if self.colours else text


def _document(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object of a response; {} if it has none."""
    kind = answer.headers.get("Content-Type", "")
    document = msgspec.json.decode(answer.content) if "json" in kind and answer.content else {}
    return document if isinstance(document, dict) else {}


def _short(body: Any) -> str:
    """A body in one line, truncated, with tokens shortened."""
    if not body:
        return ""
    if isinstance(body, dict):
        body = msgspec.json.encode({name: _cut(name, value) for name, value in body.items()})
    text = body.decode() if isinstance(body, bytes) else str(body)
    return text if len(text) <= BODY_SHOWN else f"{text[:BODY_SHOWN]}..."


def _cut(name: str, value: Any) -> Any:
    return f"{value[:TOKEN_SHOWN]}..." if name.endswith("_token") and value else value
