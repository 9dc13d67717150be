"""The contract as OpenAPI 3.1, generated from the declared calls and their types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from app.core.errors import (
    BodyTooLarge,
    ForeignOrigin,
    IdempotencyKeyRequired,
    InternalError,
    MalformedJson,
    RateLimited,
    Refusal,
    Retryable,
    UnsupportedMediaType,
    ValidationFailed,
)
from app.version import build
from app.web.http.cache_control import shared
from app.web.http.dispatch import PARAMS
from app.web.http.misses import NAMED
from app.web.http.problems import PROBLEM, Problem
from app.web.http.routes import (
    STREAM,
    Endpoint,
    Events,
    NoBody,
    NoQuery,
    Request,
    Response,
    endpoint,
    param_names,
)

SECURITY = {
    "placeToken": ("Place token of one room.", {"type": "http", "scheme": "bearer"}),
    "placeHeader": (
        "Place token beside an account's token.",
        {"type": "apiKey", "in": "header", "name": "X-Place-Token"},
    ),
    "bookingToken": (
        "Booking token: a JWT that /.well-known/jwks.json verifies.",
        {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    ),
    "accessToken": (
        "Access token of an account (as from `fairgate token`), or an API key.",
        {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    ),
    "stripeSignature": (
        "Stripe's signature of the body, by the secret of its endpoint in FAIRGATE_PAYMENT_WEBHOOK_SECRET.",
        {"type": "apiKey", "in": "header", "name": "Stripe-Signature"},
    ),
    "gatewaySignature": (
        "Signature of the body with FAIRGATE_PAYMENT_WEBHOOK_SECRET (Standard Webhooks).",
        {"type": "apiKey", "in": "header", "name": "webhook-signature"},
    ),
}
HEADERS = {
    "Idempotency-Key": "1 to 128 printable ASCII characters; send the same one when repeating the call.",
    "Prefer": "`respond-async`: respond with 202 at once.",
    "If-None-Match": "The `ETag` of the version you have.",
    "Last-Event-ID": "The `id` of the last event seen, when reconnecting to a stream.",
    "X-Place-Token": "The place token, when Authorization carries an account's token.",
    "X-Expected-Amount": "The expected price of the tickets, in minor units; if it differs, nothing is held.",
    "X-Place-Cookie": "`required`: refuse the join if the browser sent no cookie.",
    "X-Original-URL": "The address the visitor requested (nginx).",
    "X-Original-Method": "The method the visitor used (nginx).",
    "X-Original-Fetch-Mode": "The visitor's `Sec-Fetch-Mode`, if middleware cannot send that header.",
    "X-Forwarded-Method": "The method the visitor used.",
    "X-Forwarded-Proto": "Scheme of the address the visitor requested.",
    "X-Forwarded-Host": "Host of the address the visitor requested.",
    "X-Forwarded-Uri": "Path of the address the visitor requested.",
    "api-key": "The `api_key` returned when the room's KnownUser connector was configured.",
    "Stripe-Signature": "`t=` with the time, and `v1=` with the HMAC-SHA256 of `t.body` in hex.",
    "webhook-id": "The message's id; the same when it is resent.",
    "webhook-timestamp": "When it was sent, seconds since 1970; at most five minutes off.",
    "webhook-signature": "`v1,` and the HMAC-SHA256 in base64; several are separated by spaces.",
}
_LENGTH = re.compile(r"\^\(\?=\.\{(\d+),(\d+)\}\$\)")
_END = re.compile(r"\\Z\Z")
ANSWERS = {200: "Success.", 201: "Created.", 202: "Accepted; not decided yet.", 204: "Success, no content."}
ANSWERS |= {302: "Redirect to a page.", 304: "Not modified.", 503: "Not ready."}


@endpoint("GET", "/openapi.json", tag="Operations", answers={200: dict[str, Any]})
async def openapi(request: Request) -> Response:
    """Get this contract."""
    return Response(200, request.app.contract(), [shared("openapi")])


def contract(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The OpenAPI document of these calls."""
    types = _types(endpoints)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    refs = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for it in endpoints:
        paths.setdefault(it.path, {})[it.method.lower()] = _operation(it, refs)
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Fairgate",
            "version": build().version,
            "summary": "A virtual waiting room and reservation engine.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(components),
            "securitySchemes": {
                name: {"description": text, **scheme} for name, (text, scheme) in SECURITY.items()
            },
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(it.tag for it in endpoints)],
    }
    _translate_patterns(document)
    return document


def _translate_patterns(node: Any) -> None:
    """Convert patterns to JSON Schema: in ECMA-262 the end is `$`, and `\\Z` would be the letter.

    A look-ahead for a length becomes a length, because many implementations do not support look-aheads.
    """
    if isinstance(node, dict):
        if isinstance(pattern := node.get("pattern"), str):
            if length := _LENGTH.match(pattern):
                pattern = "^" + pattern[length.end() :]
                node["minLength"], node["maxLength"] = int(length[1]), int(length[2])
            node["pattern"] = _END.sub("$", pattern)
        if node.get("default") == "" and node.get("minLength", 0) > 0:
            del node["default"]  # it means "not given", which cannot be sent
        for value in node.values():
            _translate_patterns(value)
    elif isinstance(node, list):
        for value in node:
            _translate_patterns(value)


def _types(endpoints: Sequence[Endpoint]) -> list[Any]:
    """Every type of a body, without duplicates."""
    types: dict[str, Any] = {repr(Problem): Problem}
    for declared in endpoints:
        bodies = [declared.body, *declared.answers.values()]
        for body in bodies:
            if isinstance(body, Events):
                types.setdefault(repr(body.document), body.document)
            elif body is not NoBody and body is not None and not isinstance(body, bytes):
                types.setdefault(repr(body), body)
    return list(types.values())


def _operation(endpoint: Endpoint, refs: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint),
        "responses": _responses(endpoint, refs),
    }
    if endpoint.details:
        operation["description"] = endpoint.details
    if endpoint.auth is not None:
        operation["security"] = [{scheme: []} for scheme in endpoint.auth.schemes]
        if needs := _needs(endpoint):
            operation["description"] = f"{needs} {endpoint.details}".strip()
    if endpoint.body is not NoBody:
        operation["requestBody"] = {
            "required": endpoint.body_needed,
            "content": {"application/json": {"schema": refs[repr(endpoint.body)]}},
        }
    return operation


def _needs(endpoint: Endpoint) -> str:
    """The role a call needs, and the scope for API keys."""
    if endpoint.scope is None:
        return ""
    if endpoint.auth is not None and endpoint.auth.name in ("operator", "admin"):
        return f"Needs the role `{endpoint.auth.name}`; an API key also needs the scope `{endpoint.scope}`."
    return f"An API key of staff needs the scope `{endpoint.scope}`."


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in param_names(endpoint.path)
    ]
    if endpoint.query is not NoQuery:
        (_, components) = msgspec.json.schema_components([endpoint.query])
        document = components[endpoint.query.__name__]
        needed = {name: {"required": True} for name in document.get("required", ())}
        parameters += [
            {"name": name, "in": "query", **needed.get(name, {}), "schema": schema}
            for name, schema in document["properties"].items()
        ]
    for name in endpoint.headers:
        required = name == "Idempotency-Key" and IdempotencyKeyRequired in endpoint.errors
        parameters.append(
            {
                "name": name,
                "in": "header",
                "required": required,
                "description": HEADERS[name],
                "schema": {"type": "string", "maxLength": 128} if "Key" in name else {"type": "string"},
            }
        )
    return parameters


def _responses(endpoint: Endpoint, refs: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, body in endpoint.answers.items():
        responses[str(status)] = {"description": ANSWERS[status]}
        if isinstance(body, bytes):
            responses[str(status)]["content"] = {body.decode(): {"schema": {"type": "string"}}}
        elif isinstance(body, Events):
            responses[str(status)]["content"] = {STREAM.decode(): {"schema": _event(body, refs)}}
        elif body is not None:
            responses[str(status)]["content"] = {"application/json": {"schema": refs[repr(body)]}}
    for status, refusals in refusals_of(endpoint).items():
        text = " ".join(f"`{refusal.code}`: {refusal.title()}" for refusal in refusals)
        answer = responses.setdefault(str(status), {"description": text, "content": {}})
        schema: dict[str, Any] = {
            "allOf": [refs[repr(Problem)]],
            "properties": {"code": {"enum": sorted({refusal.code for refusal in refusals})}},
        }
        answer["content"][PROBLEM.decode()] = {"schema": schema}
        if any(issubclass(refusal, Retryable) for refusal in refusals):
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return dict(sorted(responses.items()))


def _event(body: Events, refs: dict[str, Any]) -> dict[str, Any]:
    """One event of a stream; its data is the document as JSON."""
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": refs[repr(body.document)],
    }
    properties = {"event": {"const": body.name}, "data": data}
    return {
        "type": "object",
        "properties": {**properties, "id": {"type": "string"}, "retry": {"type": "integer"}},
        "required": list(properties),
    }


def refusals_of(endpoint: Endpoint) -> dict[int, list[type[Refusal]]]:
    """Every refusal the call can return, by status."""
    every: list[type[Refusal]] = [
        *endpoint.errors,
        *(endpoint.auth.errors if endpoint.auth else ()),
        *(PARAMS[name][1] for name in param_names(endpoint.path)),  # an invalid id is reported as not found
        *(RateLimited for name in param_names(endpoint.path) if name in NAMED),  # to clients that guess names
        ValidationFailed,
        InternalError,
    ]
    if endpoint.method in ("POST", "PUT", "PATCH", "DELETE"):
        every += [MalformedJson, UnsupportedMediaType, BodyTooLarge, ForeignOrigin]
    by_status: dict[int, list[type[Refusal]]] = {}
    for refusal in every:
        if refusal not in by_status.setdefault(refusal.status, []):
            by_status[refusal.status].append(refusal)
    return by_status
