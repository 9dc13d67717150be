"""Messages of the payment gateway."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.core.errors import StoreUnavailable, ValidationFailed
from app.core.formats import OPAQUE
from app.core.text.validation_messages import first_invalid_field
from app.reservations import settlement, stripe_messages
from app.web.http.gateway_signature import GATEWAY
from app.web.http.routes import Request, Response, empty, endpoint
from app.web.http.stripe_signature import STRIPE

TAG = "Payments"


DECIDED = ("payment.succeeded", "payment.failed")


class PaymentSubject(msgspec.Struct, frozen=True):
    """The payment."""

    payment_id: Annotated[str, Meta(pattern=OPAQUE)]


class GatewayMessage(msgspec.Struct, frozen=True):
    """A gateway's message about a payment. Other fields and types are ignored."""

    type: str
    data: Any = None  # a PaymentSubject for the types in DECIDED


@endpoint(
    "POST",
    "/v1/payments/webhook",
    tag=TAG,
    auth=GATEWAY,
    body=GatewayMessage,
    answers={204: None},
    headers=("webhook-id", "webhook-timestamp", "webhook-signature"),
    errors=(StoreUnavailable,),
)
async def hear_gateway(request: Request, message_id: str, body: GatewayMessage) -> Response:
    """Receive the gateway's message that a payment was decided, signed as in Standard Webhooks."""
    if body.type not in DECIDED:
        return empty()
    try:
        subject = msgspec.convert(body.data, PaymentSubject)
    except msgspec.ValidationError as error:
        field, message = first_invalid_field(error)
        raise ValidationFailed(f"data.{field}".removesuffix("."), message) from None
    await settlement.process_message(
        request.app.stores, request.app.engine.gateway, message_id, subject.payment_id
    )
    return empty()


class StripeSubject(msgspec.Struct, frozen=True):
    """The subject of a Stripe message."""

    object: dict[str, Any]


class StripeMessage(msgspec.Struct, frozen=True):
    """A Stripe message. Other fields and types are ignored."""

    id: Annotated[str, Meta(pattern=OPAQUE)]
    type: Annotated[str, Meta(max_length=100)]
    data: StripeSubject


@endpoint(
    "POST",
    "/v1/payments/stripe",
    tag=TAG,
    auth=STRIPE,
    body=StripeMessage,
    answers={204: None},
    headers=("Stripe-Signature",),
    errors=(StoreUnavailable,),
)
async def hear_stripe(request: Request, _signed: None, body: StripeMessage) -> Response:
    """Receive a Stripe message: that a payment was decided, refunded or disputed there."""
    await stripe_messages.process(
        request.app.stores, request.app.engine.gateway, body.id, body.type, body.data.object
    )
    return empty()
