"""Captchas: a provider's widget in the browser gives a response, which we ask the provider about. No I/O.

The three there are take the same form and give the same answer:
https://developers.cloudflare.com/turnstile/get-started/server-side-validation/, https://docs.hcaptcha.com/,
https://developers.google.com/recaptcha/docs/verify (version 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

RESPONSE_MAX = 8000  # characters
Captcha = Literal["solved", "missing", "unknown"]  # of a newcomer; unknown: the provider did not say
# Errors of ours or theirs, which say nothing of who answered.
NOT_THEIR_FAULT = frozenset({"missing-input-secret", "invalid-input-secret", "internal-error"})


class Widget(msgspec.Struct, frozen=True):
    """What a page or an app needs to show the provider's widget."""

    provider: str
    site_key: str


class Provider(msgspec.Struct, frozen=True):
    """Where a provider is. `sources`: directives of a Content Security Policy, and what its widget needs."""

    name: str
    siteverify: str
    script: str
    sources: Mapping[str, str]


class _Answer(msgspec.Struct, frozen=True):
    success: bool
    errors: list[str] = msgspec.field(name="error-codes", default=[])


_CLOUDFLARE = "https://challenges.cloudflare.com"
_HCAPTCHA = "https://hcaptcha.com https://*.hcaptcha.com"
_GOOGLE = "https://www.google.com/recaptcha/"
PROVIDERS: Mapping[str, Provider] = {
    "turnstile": Provider(
        "Cloudflare Turnstile",
        f"{_CLOUDFLARE}/turnstile/v0/siteverify",
        f"{_CLOUDFLARE}/turnstile/v0/api.js",
        {"script-src": _CLOUDFLARE, "frame-src": _CLOUDFLARE},
    ),
    "hcaptcha": Provider(
        "hCaptcha",
        "https://api.hcaptcha.com/siteverify",
        "https://js.hcaptcha.com/1/api.js",
        {it: _HCAPTCHA for it in ("script-src", "style-src", "connect-src", "frame-src")},
    ),
    "recaptcha": Provider(
        "Google reCAPTCHA",
        f"{_GOOGLE}api/siteverify",
        f"{_GOOGLE}api.js",
        {
            "script-src": f"{_GOOGLE} https://www.gstatic.com/recaptcha/",
            "frame-src": f"{_GOOGLE} https://recaptcha.google.com/recaptcha/",
        },
    ),
}


def verdict(status: int, body: bytes) -> Captcha:
    """What a provider's answer says of a response."""
    if status >= 500 or status == 429:
        return "unknown"
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        return "unknown"
    if answer.success:
        return "solved" if status == 200 else "unknown"
    return "unknown" if NOT_THEIR_FAULT.intersection(answer.errors) else "missing"


def extended(policy: str, provider: Provider) -> str:
    """A page's Content Security Policy that lets the provider's widget work."""
    more = dict(provider.sources)
    known = [
        f"{it} {more.pop(name)}" if (name := it.partition(" ")[0]) in more else it
        for it in policy.split("; ")
    ]
    return "; ".join([*known, *(f"{name} {sources}" for name, sources in more.items())])
