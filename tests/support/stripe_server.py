"""As much of Stripe as tests can have: localstripe in its own process (`stripe_checkout`)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.runtime.embedded_stores import free_port
from tests.support.waiting import PATIENCE_S

KEY = "sk_test_of_the_tests"
DECLINED, ASKS_THE_BANK = "4000000000000341", "4000002500003155"


@dataclass
class Stripe:
    """The server as seen by a test."""

    url: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(auth=(KEY, ""), timeout=PATIENCE_S))

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Get an object from the API."""
        found: dict[str, Any] = self.http.get(f"{self.url}/v1/{path}", params=query).raise_for_status().json()
        return found

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Post what Stripe's script would in a browser, or the organiser in the dashboard."""
        return self.http.post(f"{self.url}/v1/{path}", data=fields)

    def card(self, number: str) -> str:
        """A PaymentMethod, as Stripe.js creates it from the buyer's input."""
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2034", "card[cvc]": "123"}
        made: str = self.post("payment_methods", type="card", **card).raise_for_status().json()["id"]
        return made

    def intents(self) -> list[dict[str, Any]]:
        """All PaymentIntents, newest first."""
        found: list[dict[str, Any]] = self.get("payment_intents", limit="100")["data"]
        return found

    def refunds(self) -> list[dict[str, Any]]:
        """All refunds."""
        found: list[dict[str, Any]] = self.get("refunds", limit="100")["data"]
        return found

    def page(self, url: str) -> str:
        """The page of a session."""
        return httpx.get(url, timeout=PATIENCE_S).text

    def pay(self, url: str, number: str = "4242424242424242") -> httpx.Response:
        """Pay on the page of a session, as a buyer does."""
        return httpx.post(url, data={"number": number}, timeout=PATIENCE_S)

    def send_webhooks_to(self, url: str, secret: str) -> None:
        """Have Stripe's webhooks sent to this address."""
        target = f"{self.url}/_config/webhooks/tests"
        self.http.post(target, json={"url": url, "secret": secret}).raise_for_status()


@contextmanager
def stripe_server() -> Iterator[Stripe]:
    """A server with empty books."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.stripe_checkout", str(port)]
    process = subprocess.Popen(command)
    found = Stripe(f"http://127.0.0.1:{port}")

    def listens() -> bool:
        try:
            return found.http.get(f"{found.url}/v1/charges").status_code == 200
        except httpx.TransportError:
            return False

    try:
        deadline = time.monotonic() + PATIENCE_S
        while not listens():
            assert time.monotonic() < deadline, "localstripe did not start"
            assert process.poll() is None, "localstripe ended"
        yield found
    finally:
        found.http.close()
        process.kill()
        process.wait()
