"""Captchas: a provider's widget in the browser yields a response, which we verify with the provider. No I/O.

All three providers take the same form and return the same JSON:
https://developers.cloudflare.com/turnstile/get-started/server-side-validation/, https://docs.hcaptcha.com/,
https://developers.google.com/recaptcha/docs/verify (version 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

RESPONSE_MAX = 8000  # characters
Captcha = Literal["solved", "missing", "unknown"]  # of a newcomer; unknown: the provider could not be asked
# Errors of ours or theirs, which say nothing about the person.
NOT_THEIR_FAULT = frozenset({"missing-input-secret", "invalid-input-secret", "internal-error"})


class Widget(msgspec.Struct, frozen=True):
    """What a page or an app needs to show the provider's widget."""

    provider: str
    site_key: str


class Provider(msgspec.Struct, frozen=True):
    """A provider's addresses. `sources`: the Content Security Policy directives its widget needs."""

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
    """Interpret a provider's answer about a response."""
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
    """Extend a page's Content Security Policy so that the provider's widget works."""
    more = dict(provider.sources)
    known = [
        f"{it} {more.pop(name)}" if (name := it.partition(" ")[0]) in more else it
        for it in policy.split("; ")
    ]
    return "; ".join([*known, *(f"{name} {sources}" for name, sources in more.items())])
