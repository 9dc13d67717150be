"""The gate as WSGI middleware: Flask, Django, Pyramid."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
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

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_log = logging.getLogger("fairgate")


class WsgiGate:
    """Stands before `app`. Visitor and scheme are those of the environment: behind a proxy wrap it in
    `werkzeug.middleware.proxy_fix.ProxyFix`, or have your server do it."""

    def __init__(self, app: App, **settings: Any) -> None:
        self._app = app
        self._settings = Settings(**settings)
        self._passes = Passes(self._settings)
        self._http = httpx.Client(
            cookies=no_cookies(), timeout=self._settings.timeout_s, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connections to Fairgate."""
        self._http.close()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        visit = _visit(environ)
        shown = self._shown(visit)
        verdict = at_once(visit, shown, self._passes) or self._asked(visit, shown)
        if not verdict.passes:
            body = b"" if visit.method == "HEAD" else verdict.body
            length = ("content-length", str(len(body)))
            start_response(_status(verdict.status), [*verdict.headers, length])
            return [body]

        def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, self._ended(headers, shown, verdict), *more)

        return self._app(environ, started)

    def _shown(self, visit: Visit) -> Pass | None:
        token = visit.cookie(self._settings.cookie)
        if token and self._passes.wants_keys(token):
            try:
                answer = self._http.get(self._settings.jwks)
                if answer.status_code == 200:
                    self._passes.take_keys(answer.json())
            except (httpx.HTTPError, ValueError):
                _log.warning("Fairgate's keys cannot be read at %s", self._settings.jwks)
        return self._passes.read(token)

    def _asked(self, visit: Visit, shown: Pass | None) -> Verdict:
        try:
            answer = self._http.get(self._settings.gate, headers=question(visit))
            told = answer.status_code, answer.headers.multi_items(), answer.content
        except httpx.LocalProtocolError:  # the visitor's doing
            told = BAD_REQUEST, [], b""
        except httpx.HTTPError as error:
            _log.warning("Fairgate's gate does not answer: %s", type(error).__name__)
            told = 0, [], b""
        return judged(visit, shown, self._passes, self._settings, *told)

    def _ended(
        self, headers: list[tuple[str, str]], shown: Pass | None, verdict: Verdict
    ) -> list[tuple[str, str]]:
        """The site's headers: with a new pass, or without any where the site ends it."""
        if not any(name.lower() == END for name, _ in headers):
            return [*headers, *verdict.headers]
        fresh = pass_in(verdict, self._settings, self._passes) or shown
        if fresh is not None:
            self._end(fresh)
        return [*(it for it in headers if it[0].lower() != END), gone_cookie(self._settings)]

    def _end(self, it: Pass) -> None:
        self._passes.refused(it.token, "")
        if not self._settings.api_key:
            _log.warning("A page ends a session, but the gate has no api_key")
            return
        bearer = {"Authorization": f"Bearer {self._settings.api_key}"}
        try:
            answer = self._http.post(self._settings.end(it.sid), headers=bearer)
            if answer.status_code not in (204, 404):
                _log.warning("Fairgate did not end a session: %s", answer.status_code)
        except httpx.HTTPError as error:
            _log.warning("Fairgate did not end a session: %s", type(error).__name__)


def _visit(environ: Environ) -> Visit:
    headers = [
        (name[5:].replace("_", "-").lower(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    # What was sent, where the server tells it; else what it was read as.
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if not target.startswith("/"):
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        target = quote(path.encode("latin-1")) or "/"
        if query := environ.get("QUERY_STRING"):
            target += f"?{query}"
    return Visit(
        environ["REQUEST_METHOD"],
        environ["wsgi.url_scheme"],
        host,
        target,
        environ.get("REMOTE_ADDR", ""),
        headers,
    )


def _status(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase}"
