"""Checks every response in the tests of routes against the contract."""

from __future__ import annotations

import re

import httpx

from app.web.api.openapi import refusals_of
from app.web.api.registry import CALLS
from app.web.http.problems import PROBLEM
from app.web.http.routes import Endpoint

EVERYWHERE = {"method_not_allowed"}  # for addresses, not for calls
_CALLS = [(re.compile(re.sub(r"{\w+}", "[^/]+", it.path)), it) for it in CALLS]


def call_of(method: str, path: str) -> Endpoint | None:
    """The call that this request is for; None for a page or nothing."""
    get_or_method = "GET" if method == "HEAD" else method
    plain = path.partition("?")[0]
    return next(
        (it for pattern, it in _CALLS if it.method == get_or_method and pattern.fullmatch(plain)), None
    )


def check(method: str, path: str, response: httpx.Response) -> None:
    """Fail on a status or problem code that the contract does not declare."""
    call = call_of(method, path)
    if call is None:
        return
    status = response.status_code
    if response.headers.get("content-type") != PROBLEM.decode() or method == "HEAD":
        declared = {*call.answers, *refusals_of(call)}
        assert status in declared, f"{call.name} answers an undeclared {status}: {response.text[:200]}"
        return
    code = response.json()["code"]
    codes = {it.code for it in refusals_of(call).get(status, [])} | EVERYWHERE
    assert code in codes, f"{call.name} answers an undeclared {status} {code}"
