"""The signature of the payment gateway's messages."""

from __future__ import annotations

import re

from standardwebhooks import Webhook, WebhookVerificationError

from app.core.errors import (
    CredentialInvalid,
    CredentialMissing,
)
from app.web.http.credentials import TOKEN_ERRORS
from app.web.http.routes import Auth, Request

GATEWAY_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_MESSAGE_ID = re.compile(r"^[\x21-\x7e]{1,128}\Z")


async def _gateway(request: Request, body: bytes) -> str:
    """The id of a message that the payment gateway signed and sent just now."""
    secret = request.app.settings.payment_webhook_secret.get_secret_value()
    sent = {name: request.header(name.encode()) or "" for name in GATEWAY_HEADERS}
    if not any(sent.values()) and request.header(b"authorization") is None:
        raise CredentialMissing("Sign the message: webhook-id, webhook-timestamp, webhook-signature.")
    if not secret:
        raise CredentialInvalid("FAIRGATE_PAYMENT_WEBHOOK_SECRET is not set, so no signature is accepted.")
    if not _MESSAGE_ID.match(sent["webhook-id"]):
        raise CredentialInvalid("webhook-id must be 1 to 128 characters.")
    try:
        Webhook(secret).verify(body, sent, json_parse=False)
    except (WebhookVerificationError, ValueError):  # includes malformed signatures
        raise CredentialInvalid("The signature is wrong, or the message is too old.") from None
    return sent["webhook-id"]


GATEWAY = Auth("gateway", ("gatewaySignature",), _gateway, TOKEN_ERRORS, signs_body=True)
