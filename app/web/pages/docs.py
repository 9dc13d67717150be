"""Swagger UI at /docs, served from the installed package and not from a CDN.

The packaged version supports OpenAPI up to 3.0, so the page gets the contract converted; `/openapi.json`
stays 3.1.
"""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any

import msgspec
import swagger_ui_bundle
from quart import Quart, Response, current_app

from app.web.http.assets import load_assets
from app.web.pages.render import compressed

HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Fairgate API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="{sheet}">
<link rel="icon" href="{icon}" type="image/svg+xml">
</head>
<body>
<header class="docs-head">
<h1>Fairgate API</h1>
<p>The contract is at <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). To try calls of staff, press
<b>Authorize</b> and paste an access token under <code>accessToken</code>: from <code>POST /v1/login</code>,
from <code>fairgate token --role admin --sub NAME</code>, or an API key of the
<a href="/admin/keys">console</a>. It is forgotten when this page is left.</p>
<noscript><p>The calls are shown with JavaScript; without it, read the contract.</p></noscript>
</header>
<main id="swagger-ui"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = b"""window.ui = SwaggerUIBundle({
  url: "/docs/openapi-3.0.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: -1,
  docExpansion: "list",
  tryItOutEnabled: true,
  persistAuthorization: false
});
"""
FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)


def register_docs(quart: Quart) -> None:
    """Add the page and its files."""
    quart.add_url_rule("/docs", "docs_page", page)
    quart.add_url_rule("/docs/start.js", "docs_start", start)
    quart.add_url_rule("/docs/openapi-3.0.json", "docs_contract", contract)
    for name in FILES:
        quart.add_url_rule(f"/docs/{name}", "docs_file", file, defaults={"name": name})


async def page() -> Response:
    """Serve the HTML page."""
    asset = load_assets().url
    html = HTML.format(sheet=asset("docs.css"), icon=asset("icon.svg"))
    response = compressed(html.encode(), "text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = SECURITY_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


async def start() -> Response:
    """Serve the script that starts Swagger UI; a separate file because of the page's CSP."""
    return compressed(START, "text/javascript; charset=utf-8")


async def contract() -> Response:
    """Serve the contract in the form Swagger UI reads."""
    return compressed(_contract_3_0(current_app.extensions["fairgate"].contract()), "application/json")


async def file(name: str) -> Response:
    """Serve a file of Swagger UI."""
    plain, gzipped = _file(name)
    response = compressed(plain, FILES[name], gzipped)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response


@cache
def _file(name: str) -> tuple[bytes, bytes]:
    plain = (swagger_ui_bundle.swagger_ui_path / name).read_bytes()
    return plain, gzip.compress(plain, 9, mtime=0)


@cache
def _contract_3_0(contract_3_1: bytes) -> bytes:
    document = as_3_0(msgspec.json.decode(contract_3_1))
    document["openapi"] = "3.0.3"
    del document["info"]["summary"], document["info"]["license"]["identifier"]
    return msgspec.json.encode(document)


def as_3_0(node: Any) -> Any:
    """Convert a node of the contract to OpenAPI 3.0: a null among alternatives becomes `nullable`."""
    if isinstance(node, list):
        return [as_3_0(it) for it in node]
    if not isinstance(node, dict):
        return node
    node = {name: as_3_0(it) for name, it in node.items()}
    for unknown in ("contentMediaType", "contentSchema"):
        node.pop(unknown, None)
    if node.get("required") == []:
        del node["required"]
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if node.get("type") == "null" and "default" in node:  # a field that allows only null
        node |= {"type": "string", "nullable": True, "enum": [None]}
    alternatives = node.get("anyOf")
    if isinstance(alternatives, list) and {"type": "null"} in alternatives:
        others = [it for it in alternatives if it != {"type": "null"}]
        del node["anyOf"]
        only = others[0] if len(others) == 1 and "$ref" not in others[0] else {"anyOf": others}
        node |= {**only, "nullable": True}
    return node
