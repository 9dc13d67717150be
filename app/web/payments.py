"""What the payment gateway tells us."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from app import checkout
from app.core.errors import NotFound, StoreUnavailable
from app.core.model import OPAQUE, At, Struct
from app.web.credentials import GATEWAY
from app.web.http import Request, Response, empty, endpoint

TAG = "Payments"


class PaymentSubject(Struct, frozen=True):
    """Which payment."""

    payment_id: Annotated[str, Meta(pattern=OPAQUE)]


class GatewayMessage(Struct, frozen=True):
    """What became of a payment, says the gateway."""

    type: Literal["payment.succeeded", "payment.failed"]
    data: PaymentSubject
    timestamp: At | None = None


@endpoint(
    "POST",
    "/v1/payments/webhook",
    tag=TAG,
    auth=GATEWAY,
    body=GatewayMessage,
    answers={204: None},
    headers=("webhook-id", "webhook-timestamp", "webhook-signature"),
    errors=(NotFound, StoreUnavailable),
)
async def hear_gateway(request: Request, message_id: str, body: GatewayMessage) -> Response:
    """Hear from the gateway that a payment was decided; signed as in Standard Webhooks."""
    await checkout.hear(request.app.stores, request.app.desk.gateway, message_id, body.data.payment_id)
    return empty()
