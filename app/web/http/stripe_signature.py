"""The signature of Stripe's messages: https://docs.stripe.com/webhooks#verify-manually."""

from __future__ import annotations

import hashlib
import hmac
import time

from app.core.errors import CredentialInvalid, CredentialMissing
from app.web.http.credentials import TOKEN_ERRORS
from app.web.http.routes import Auth, Request

HEADER = b"stripe-signature"
TOLERANCE_S = 300  # the same as in Stripe's own libraries
SIGNATURES_MAX = 10  # two while a secret is being rolled


async def _stripe(request: Request, body: bytes) -> None:
    """Verify a message that Stripe signed just now: HMAC-SHA256 over `t.body`, as `t=...,v1=...`."""
    header = (request.header(HEADER) or "")[:2000]
    if not header and request.header(b"authorization") is None:
        raise CredentialMissing("Sign the message: Stripe-Signature.")
    secret = request.app.settings.payment_webhook_secret.get_secret_value()
    if not secret:
        raise CredentialInvalid("FAIRGATE_PAYMENT_WEBHOOK_SECRET is not set, so no signature is accepted.")
    parts = [part.partition("=")[::2] for part in header.split(",")]
    sent_at = next((value for name, value in parts if name.strip() == "t"), "")
    signatures = [value for name, value in parts if name.strip() == "v1"][:SIGNATURES_MAX]
    right = hmac.new(secret.encode(), sent_at.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not sent_at.isascii() or not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > TOLERANCE_S:
        raise CredentialInvalid("The message is too old, or its time is missing.")
    if not any([hmac.compare_digest(right.encode(), it.encode()) for it in signatures]):
        raise CredentialInvalid("The signature is wrong.")


STRIPE = Auth("stripe", ("stripeSignature",), _stripe, TOKEN_ERRORS, signs_body=True)
