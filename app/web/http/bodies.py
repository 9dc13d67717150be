"""Request bodies and query strings as typed structs; errors name the field."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from app.core.errors import BadHeader, MalformedJson, UnsupportedMediaType, ValidationFailed
from app.core.moments import check_moments, field_names, has_moments
from app.core.text.validation_messages import DATETIME, validation_failed
from app.web.http.routes import Endpoint, NoQuery, Request

Q = TypeVar("Q", bound=msgspec.Struct)

_JSON_TYPES = re.compile(r'^application/json(\s*;\s*charset="?utf-?8"?)?\s*$', re.IGNORECASE)
_DATED = re.compile(r"^\d{4}-")
_NUL = b"\\u0000"  # the only encoding of NUL in JSON
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
NO_BODY = "This call needs a JSON object as its body."
QUERY_FIELDS_MAX = 50
SHORT_QUERY_MAX = 32  # too short to contain a secret; parsed once, because structs are frozen
SHORT_QUERIES_MAX = 256
AMOUNT_DIGITS_MAX = 15


def parse_body(endpoint: Endpoint, request: Request, body: bytes) -> Any:
    """The body as the endpoint's struct. Raises MalformedJson, UnsupportedMediaType, ValidationFailed."""
    if not body:
        if endpoint.body_needed:
            raise MalformedJson(NO_BODY)
        return endpoint.body()
    content_type = request.headers.get(b"content-type")
    if content_type != b"application/json" and not _JSON_TYPES.match((content_type or b"").decode("latin-1")):
        raise UnsupportedMediaType("Send the body as `Content-Type: application/json`.")
    if request.headers.get(b"content-encoding", b"identity") != b"identity":
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    try:
        document = endpoint.body_decoder.decode(body)
    except msgspec.ValidationError as error:
        _check_json(body)  # a later syntax error takes precedence
        raise validation_failed(error) from None
    except _BROKEN:
        _check_json(body)
        raise
    if _NUL in body:
        _refuse_nul(msgspec.json.decode(body), "")
    check_moments(document)
    return document


def parse_query(endpoint: Endpoint, request: Request) -> Any:
    """The query string as the endpoint's struct. Raises ValidationFailed naming the parameter."""
    if not request.query and endpoint.query is NoQuery:
        return _EMPTY
    return read_query(request, endpoint.query)


def read_query(request: Request, kind: type[Q]) -> Q:
    """The query string as a struct of this kind. Raises ValidationFailed naming the parameter."""
    if not request.query and not _needs_something(kind):
        return kind()
    if len(request.query) <= SHORT_QUERY_MAX:
        again: Q = _read_again(request.query, kind)
        return again
    return _read(request.query, kind)


def _read(query: bytes, kind: type[Q]) -> Q:
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError:
        raise ValidationFailed("query", "cannot be read as UTF-8 name=value pairs") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise ValidationFailed(name, "appears twice")
        if "\0" in value:
            raise ValidationFailed(name, "must not contain NUL")
        values[name] = value
    try:
        document = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise validation_failed(error, "query") from None
    if has_moments(kind):
        for name, encoded_name in field_names(kind):
            # msgspec reads a number as seconds since 1970; the contract does not allow that.
            if isinstance(getattr(document, name), datetime) and not _DATED.match(values[encoded_name]):
                raise ValidationFailed(encoded_name, f"must be {DATETIME}")
        check_moments(document, "query")
    return document


_read_again = lru_cache(maxsize=SHORT_QUERIES_MAX)(_read)  # a proxy repeats the same query to the gate


@cache
def _needs_something(kind: type[msgspec.Struct]) -> bool:
    return any(it.required for it in msgspec.structs.fields(kind))


def _check_json(body: bytes) -> None:
    """Refuse a body that is not JSON at all. Raises MalformedJson."""
    try:
        msgspec.json.decode(body)
    except _BROKEN as error:
        raise MalformedJson(f"The body is not JSON: {error}.") from None


_EMPTY = NoQuery()


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key; an empty one counts as none. Raises BadHeader."""
    value = request.headers.get(b"idempotency-key")
    if not value:
        return None
    key = value.decode("latin-1")
    if len(key) > 128 or not (key.isascii() and key.isprintable()):
        raise BadHeader("Idempotency-Key must be 1 to 128 printable ASCII characters.")
    return key


def expected_amount(request: Request) -> int | None:
    """The expected amount: X-Expected-Amount, in minor units. Raises BadHeader."""
    value = request.headers.get(b"x-expected-amount")
    if value is None:
        return None
    if not value.isdigit() or len(value) > AMOUNT_DIGITS_MAX:
        raise BadHeader("X-Expected-Amount must be an amount in minor units: 9000 for 90.00 EUR.")
    return int(value)


def _refuse_nul(content: Any, path: str) -> None:
    if isinstance(content, str) and "\0" in content:
        raise ValidationFailed(path or "body", "must not contain NUL")
    if isinstance(content, dict):
        for name, value in content.items():
            _refuse_nul(name, f"{path}.{name}".strip(".\0"))
            _refuse_nul(value, f"{path}.{name}".lstrip("."))
    elif isinstance(content, list):
        for i, value in enumerate(content):
            _refuse_nul(value, f"{path}[{i}]")
