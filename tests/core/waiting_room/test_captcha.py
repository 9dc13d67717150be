"""What captcha providers answer, and what a page's content policy must allow for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.waiting_room.captcha import PROVIDERS, Captcha, extended, verdict
from app.web.pages.render import CONTENT_SECURITY_POLICY, FRAMED


@pytest.mark.parametrize(
    ("status", "answer", "means"),
    [
        (200, {"success": True, "challenge_ts": "2026-01-01T00:00:00Z", "hostname": "a.example"}, "solved"),
        (200, {"success": False, "error-codes": ["timeout-or-duplicate"]}, "missing"),
        (200, {"success": False, "error-codes": ["invalid-input-response"]}, "missing"),
        (400, {"success": False, "error-codes": ["bad-request"]}, "missing"),
        (200, {"success": False}, "missing"),
        (200, {"success": False, "error-codes": ["invalid-input-secret"]}, "unknown"),
        (200, {"success": False, "error-codes": ["internal-error"]}, "unknown"),
        (200, {"success": "true"}, "unknown"),
        (302, {"success": True}, "unknown"),
        (200, [], "unknown"),
        (429, {"success": False}, "unknown"),
        (503, {"success": True}, "unknown"),
    ],
)
def test_only_what_the_provider_says_of_a_response_counts(status: int, answer: Any, means: Captcha) -> None:
    assert verdict(status, json.dumps(answer).encode()) == means


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_a_policy_gets_the_sources_of_one_provider_and_loses_nothing(provider: Any) -> None:
    for policy in (CONTENT_SECURITY_POLICY, FRAMED["Content-Security-Policy"]):
        found = dict(it.split(" ", 1) for it in extended(policy, provider).split("; "))
        before = dict(it.split(" ", 1) for it in policy.split("; "))
        for name, sources in found.items():
            added = provider.sources.get(name)
            assert sources == " ".join(it for it in (before.get(name), added) if it)
        assert found.keys() == before.keys() | provider.sources.keys()
        assert provider.script.startswith(
            found["script-src"].split()[1].replace("https://hcaptcha", "https://js.hcaptcha")
        )
