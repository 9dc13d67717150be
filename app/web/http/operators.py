"""The operators' token, which gives access to `/metrics` and the reasons of `/readyz` on the public port."""

from __future__ import annotations

import secrets

from app.web.http.routes import Request

METRICS = "/metrics"


def is_operator(request: Request) -> bool:
    """Whether the request carries the operators' token, if one is configured."""
    token = request.app.settings.ops_token.get_secret_value().encode()
    scheme, _, sent = request.headers.get(b"authorization", b"").partition(b" ")
    return bool(token) and scheme.lower() == b"bearer" and secrets.compare_digest(sent.strip(), token)
