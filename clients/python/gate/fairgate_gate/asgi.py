"""The gate as ASGI middleware: Starlette, FastAPI, Django, Quart, Litestar."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx

from fairgate_gate.passes import Pass, Passes
from fairgate_gate.settings import Settings
from fairgate_gate.visits import (
    BAD_REQUEST,
    END,
    Verdict,
    Visit,
    at_once,
    gone_cookie,
    judged,
    no_cookies,
    pass_in,
    question,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008
_log = logging.getLogger("fairgate")


class AsgiGate:
    """Stands before `app`. Visitor and scheme are what the scope says: have your server set them behind a
    proxy (uvicorn: `--proxy-headers`)."""

    def __init__(self, app: App, **settings: Any) -> None:
        self._app = app
        self._settings = Settings(**settings)
        self._passes = Passes(self._settings)
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, partial(self._lived, send))
            return
        visit = _visit(scope)
        shown = await self._shown(visit)
        verdict = at_once(visit, shown, self._passes) or await self._asked(visit, shown)
        if not verdict.passes:
            await _answer(scope, send, verdict)
            return

        async def told(message: MutableMapping[str, Any]) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message = await self._ended(message, shown, verdict)
            await send(message)

        await self._app(scope, receive, told)

    async def aclose(self) -> None:
        """Close the connections to Fairgate; done by itself where the server tells of its end (lifespan)."""
        if self._client is not None:
            await self._client.aclose()

    async def _lived(self, send: Send, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "lifespan.shutdown.complete":
            await self.aclose()
        await send(message)

    async def _shown(self, visit: Visit) -> Pass | None:
        token = visit.cookie(self._settings.cookie)
        if token and self._passes.wants_keys(token):
            try:
                answer = await self._http().get(self._settings.jwks)
                if answer.status_code == 200:
                    self._passes.take_keys(answer.json())
            except (httpx.HTTPError, ValueError):
                _log.warning("Fairgate's keys cannot be read at %s", self._settings.jwks)
        return self._passes.read(token)

    async def _asked(self, visit: Visit, shown: Pass | None) -> Verdict:
        try:
            answer = await self._http().get(self._settings.gate, headers=question(visit))
            told = answer.status_code, answer.headers.multi_items(), answer.content
        except httpx.LocalProtocolError:  # the visitor's doing
            told = BAD_REQUEST, [], b""
        except httpx.HTTPError as error:
            _log.warning("Fairgate's gate does not answer: %s", type(error).__name__)
            told = 0, [], b""
        return judged(visit, shown, self._passes, self._settings, *told)

    async def _ended(
        self, message: MutableMapping[str, Any], shown: Pass | None, verdict: Verdict
    ) -> MutableMapping[str, Any]:
        """The start of the site's answer: with a new pass, or without any where the site ends it."""
        headers = list(message.get("headers", []))
        ends = any(name.lower() == END.encode() for name, _ in headers)
        more = verdict.headers
        if ends:
            headers = [it for it in headers if it[0].lower() != END.encode()]
            more = [gone_cookie(self._settings)]
            fresh = pass_in(verdict, self._settings, self._passes) or shown
            if fresh is not None:
                await self._end(fresh)
        return {**message, "headers": [*headers, *((k.encode(), v.encode("latin-1")) for k, v in more)]}

    async def _end(self, it: Pass) -> None:
        self._passes.refused(it.token, "")
        if not self._settings.api_key:
            _log.warning("A page ends a session, but the gate has no api_key")
            return
        bearer = {"Authorization": f"Bearer {self._settings.api_key}"}
        try:
            answer = await self._http().post(self._settings.end(it.sid), headers=bearer)
            if answer.status_code not in (204, 404):
                _log.warning("Fairgate did not end a session: %s", answer.status_code)
        except httpx.HTTPError as error:
            _log.warning("Fairgate did not end a session: %s", type(error).__name__)

    def _http(self) -> httpx.AsyncClient:
        """Made in the event loop that uses it."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                cookies=no_cookies(), timeout=self._settings.timeout_s, follow_redirects=False
            )
        return self._client


def _visit(scope: Scope) -> Visit:
    headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope.get("query_string", b"")
    target = raw.decode("latin-1").partition("?")[0] + (f"?{query.decode('latin-1')}" if query else "")
    scheme = str(scope.get("scheme", "http")).replace("ws", "http", 1)
    host = next((value for name, value in headers if name == "host"), "localhost")
    client = scope.get("client")
    return Visit(scope.get("method", "GET"), scheme, host, target, client[0] if client else "", headers)


async def _answer(scope: Scope, send: Send, verdict: Verdict) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "Wait in the queue"})
        return
    headers = [(name.encode(), value.encode("latin-1")) for name, value in verdict.headers]
    body = b"" if scope["method"] == "HEAD" else verdict.body
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": verdict.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
