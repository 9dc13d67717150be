"""Cookies: looking for one alone gives the same result as parsing all of them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from app.web.http.cookies import cookie_of, cookies
from app.web.http.routes import Request

NAME = "fairgate_pass_hall"


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (None, ""),
        (b"", ""),
        (b"a=1; b=2", ""),
        (b"fairgate_pass_hall=x", "x"),
        (b"a=1; fairgate_pass_hall=x; b=2", "x"),
        (b'a=1;fairgate_pass_hall="x";', "x"),
        (b"  fairgate_pass_hall=x=y", "x=y"),
        (b"fairgate_pass_hall=x; fairgate_pass_hall=y", "y"),
        (b"fairgate_pass_hall=x; __Host-fairgate_pass_hall=y", "y"),
        (b"__Host-fairgate_pass_hall=y; fairgate_pass_hall=x", "y"),
        (b"__Host-fairgate_pass_hall=; fairgate_pass_hall=x", ""),
        (b"fairgate_pass_hall-2=x; xfairgate_pass_hall=y; a=fairgate_pass_hall=z", ""),
        (b"a=b fairgate_pass_hall=x", ""),
        (b"fairgate_pass_hall", ""),
        (b"\xff=1; fairgate_pass_hall=\xe9", "\u00e9"),
    ],
)
def test_one_cookie_is_told_as_among_all(header: bytes | None, value: str) -> None:
    headers = {} if header is None else {b"cookie": header}
    app = cast(Any, None)
    request = Request(app, "GET", "/", {}, b"", headers, "https", "", "id")
    assert cookie_of(request, NAME) == value == cookies(request, NAME).get("", "")
