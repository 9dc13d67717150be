"""Reads forms, and redirects after them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from quart import Response

from app.core.errors import (
    ValidationFailed,
)
from app.core.text import typed
from app.web.http.quart_adapter import read_body
from app.web.http.routes import BODY_MAX

COUNT_MAX = 999_999_999
FIELDS_MAX = 400


async def read_form(body_max: int = BODY_MAX) -> dict[str, str]:
    """The fields of the submitted form; the last one wins if a name occurs twice."""
    return dict(await read_fields(body_max))


async def read_fields(body_max: int = BODY_MAX) -> list[tuple[str, str]]:
    """The fields of the submitted form, in order."""
    text = (await read_body(body_max)).decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise ValidationFailed("form", f"has more than {FIELDS_MAX} fields") from None
    if any("\0" in part for field in pairs for part in field):
        raise ValidationFailed("form", "has a character that no text has")  # PostgreSQL rejects it
    return pairs


def count_of(text: str) -> int:
    """Parse a number of tickets: 0 if blank, -1 if invalid."""
    if not text:
        return 0
    number = typed.whole_number(text)
    return -1 if number is None or number > COUNT_MAX else number


def redirect_to(path: str) -> Response:
    """Redirect to another page."""
    response = Response(status=303)
    response.headers["Location"] = path
    response.headers["Cache-Control"] = "no-store"
    return response
