"""Stripe: its hosted Checkout for buyers on our pages, a PaymentIntent for shops with a page of their own.

A payment of `method` checkout opens a Checkout Session: the buyer continues at its address, where Stripe
handles cards, wallets and the bank's 3-D Secure. Any other `method` has a PaymentMethod as its token
(`pm_...`), created by Stripe.js on the shop's page; if a bank requires more, the shop's page handles it with
the `client_secret`.

The intent or session of a payment is in our books (`stripe_payments`) before it can charge anything. So an
interruption in between has charged nothing, and a payment that was refunded before it began never begins.
https://docs.stripe.com/api (payment_intents, checkout/sessions, refunds, idempotent_requests)
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from app.core.errors import ValidationFailed, WrongUsage
from app.core.payments.refunds import Refund
from app.core.payments.stripe_amounts import stripe_amount
from app.payments.gateway import PAY_AT_BANK_S, Charge, GatewayFailed, NotDecided, Refused
from app.settings import Settings
from app.store.connections import Postgres, Stores
from app.store.sql.payments import stripe_payments
from app.store.sql.payments.payments import Attempt, Bill
from app.store.sql.payments.refunds import SURE_AFTER_TRIES
from app.store.sql.payments.stripe_payments import OpenedPayment

if TYPE_CHECKING:
    from stripe import StripeClient

CHECKOUT = "checkout"  # the method of a payment on Stripe's own page
API_VERSION = "2025-09-30.clover"  # regardless of the account's version
TIMEOUT_S = 2.5  # per call of Stripe
LOOKED_AT_EVERY_S = 5.0  # for a payment that waits for its buyer; a webhook message makes us look at once
CONFIRMED_WITHIN_S = 30.0  # after which an interrupted call will not continue
log = structlog.get_logger(__name__)

T = TypeVar("T")


class StripeGateway:
    """Payments at Stripe; `public_url` is where buyers return to from Checkout."""

    def __init__(self, client: StripeClient, postgres: Postgres, public_url: str) -> None:
        self._api, self._postgres, self._public_url = client.v1, postgres, public_url

    def accept(self, attempt: Attempt) -> None:
        """Raise ValidationFailed for a token that is not a Stripe PaymentMethod."""
        if attempt.method != CHECKOUT and not attempt.token.startswith("pm_"):
            raise ValidationFailed("payment.token", "must be a PaymentMethod of Stripe (pm_...)")
        if attempt.method == CHECKOUT and not self._public_url:
            raise ValidationFailed("payment.method", "checkout needs FAIRGATE_PUBLIC_URL, to return to")

    async def charge(self, attempt: Attempt, bill: Bill) -> Charge:
        """Open the payment, record it, and only then let it charge."""
        amount = stripe_amount(bill.amount, bill.currency)
        if amount is None:
            log.warning("stripe_cannot_charge", payment_id=attempt.payment_id, currency=bill.currency)
            return Charge("declined")
        if attempt.method == CHECKOUT:
            return await self._check_out(attempt, amount, bill.currency)
        try:
            intent = await _call(
                self._api.payment_intents.create_async(
                    _intent_of(attempt, amount, bill.currency), _key("charge", attempt.payment_id)
                )
            )
        except Refused as refused:
            log.warning("stripe_refused_payment", payment_id=attempt.payment_id, reason=str(refused))
            return Charge("declined")
        opened = OpenedPayment(intent.id, "", amount, bill.currency)
        if not await stripe_payments.open_payment(self._postgres, attempt.payment_id, opened):
            return await self.look_up(attempt.payment_id) or Charge("declined")
        with suppress(Refused):  # a declined card; the intent reports that when it is looked up
            await _call(
                self._api.payment_intents.confirm_async(intent.id, {}, _key("confirm", attempt.payment_id))
            )
        return await self._charge_of(attempt.payment_id, opened)

    async def _check_out(self, attempt: Attempt, amount: int, currency: str) -> Charge:
        page = f"{self._public_url}/reservations/{attempt.reservation_id}"
        session = await _call(
            self._api.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "client_reference_id": attempt.payment_id,
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": currency.lower(),
                                "unit_amount": amount,
                                "product_data": {"name": f"Reservation {attempt.reservation_id}"},
                            },
                        }
                    ],
                    "payment_intent_data": {"metadata": _metadata(attempt)},
                    "metadata": _metadata(attempt),
                    "success_url": f"{page}?asked=1",
                    "cancel_url": page,
                },
                _key("checkout", attempt.payment_id),
            )
        )
        opened = OpenedPayment("", session.id, amount, currency)
        if not await stripe_payments.open_payment(self._postgres, attempt.payment_id, opened):
            return await self.look_up(attempt.payment_id) or Charge("declined")
        return Charge("pending", continue_url=session.url or "")

    async def look_up(self, payment_id: str) -> Charge | None:
        """The payment's state at Stripe; an abandoned payment is ended there."""
        opened = await stripe_payments.opened(self._postgres, payment_id)
        if opened is None:
            return None
        if opened.closed:
            await self.refund(payment_id)
            return Charge("declined")
        if opened.looked_at_s_ago < LOOKED_AT_EVERY_S:
            return Charge("pending")
        return await self._charge_of(payment_id, opened)

    async def _charge_of(self, payment_id: str, opened: OpenedPayment) -> Charge:
        """Query Stripe about an opened payment."""
        intent = await self._intent(opened)
        if _is_pending(intent, opened) and opened.age_s > _patience_s(intent):
            await self._end(opened)
            intent = await self._intent(opened)
        if _is_pending(intent, opened):
            await stripe_payments.note_checked(self._postgres, payment_id)
            secret = "" if opened.session_id else intent.client_secret
            return Charge("pending", client_secret=secret or "")
        if intent.status != "succeeded" or intent.latest_charge.refunded:
            return Charge("declined")
        if (intent.amount, intent.currency) != (opened.amount, opened.currency.lower()):
            log.error("stripe_charged_another_sum", payment_id=payment_id, intent=intent.id)
            raise NotDecided("Stripe charged a different amount than requested")
        return Charge("succeeded", intent.latest_charge.created * 1000)

    async def _intent(self, opened: OpenedPayment) -> Any:
        """The PaymentIntent with its charge. None: the buyer is still on the page of an open session."""
        intent_id = opened.intent_id
        if opened.session_id:
            session = await _call(self._api.checkout.sessions.retrieve_async(opened.session_id))
            if session.status == "expired":
                return CanceledSession
            if session.payment_status == "unpaid" and session.status == "open":
                return None
            intent_id = str(session.payment_intent)
        return await _call(self._api.payment_intents.retrieve_async(intent_id, {"expand": ["latest_charge"]}))

    async def refund(self, payment_id: str) -> None:
        """Refund the charge, or end the payment so that it never charges. Repeating it changes nothing.

        Raises NotDecided while a bank is processing it.
        """
        opened = await stripe_payments.close(self._postgres, payment_id)
        if opened is None:
            return
        if opened.closed and opened.looked_at_s_ago < LOOKED_AT_EVERY_S:
            raise NotDecided("looked at a moment ago")
        await stripe_payments.note_checked(self._postgres, payment_id)
        await self._end(opened)
        intent = await self._intent(opened)
        if _is_pending(intent, opened):
            raise NotDecided("the bank has not decided yet")
        if intent.status == "succeeded" and not intent.latest_charge.refunded:
            left = intent.latest_charge.amount - intent.latest_charge.amount_refunded
            await _call(
                self._api.refunds.create_async(
                    {"payment_intent": intent.id, "amount": left},
                    _key(f"refund-{left}-{opened.refund_tries}", payment_id),
                )
            )

    async def refund_part(self, refund: Refund) -> None:
        """Refund a part. Its id is in the refund's metadata, because Stripe drops idempotency keys after a
        day."""
        opened = await stripe_payments.opened(self._postgres, refund.payment_id)
        amount = stripe_amount(refund.amount, refund.currency)
        intent = await self._intent(opened) if opened and (opened.intent_id or opened.session_id) else None
        if intent is None or intent.status != "succeeded" or amount is None:
            raise Refused("Stripe has no charge from which this amount could be refunded")
        existing = await _call(self._api.refunds.list_async({"payment_intent": intent.id, "limit": 100}))
        if any(_is_of(it, refund) for it in existing.data):
            return
        params: Any = {
            "payment_intent": intent.id,
            "amount": amount,
            "metadata": {"payment_id": refund.payment_id, "refund_id": refund.refund_id},
        }
        # While an earlier request may be in flight, another key would create another refund.
        tries = refund.tries if refund.tries >= SURE_AFTER_TRIES else 0
        await _call(self._api.refunds.create_async(params, _key(f"part-{tries}", refund.refund_id)))

    async def stop(self, payment_id: str) -> None:
        """End the session or the intent, unless it has charged."""
        opened = await stripe_payments.opened(self._postgres, payment_id)
        if opened is not None and (opened.intent_id or opened.session_id):
            await self._end(opened)
            await stripe_payments.allow_check_now(self._postgres, payment_id)

    async def _end(self, opened: OpenedPayment) -> None:
        """Make sure that a payment that has not charged never will; one that has is left alone."""
        with suppress(Refused):
            if opened.session_id:
                await _call(self._api.checkout.sessions.expire_async(opened.session_id))
            else:
                await _call(self._api.payment_intents.cancel_async(opened.intent_id))


class CanceledSession:
    """An expired session: it has no PaymentIntent that could charge."""

    status = "canceled"


def _is_pending(intent: Any, opened: OpenedPayment) -> bool:
    """Whether the buyer or a bank can still decide it. In Checkout another card may follow a declined one."""
    if intent is None or intent.status == "requires_payment_method":
        return intent is None or bool(opened.session_id)
    return intent.status not in ("succeeded", "canceled")


def _is_of(existing: Any, refund: Refund) -> bool:
    """Whether a Stripe refund is this one, and has not failed since."""
    named = getattr(existing.metadata, "refund_id", "")  # Stripe's objects are not dicts
    return existing.status not in ("failed", "canceled") and named == refund.refund_id


def _patience_s(intent: Any) -> float:
    """How long a payment may be pending; longer if a bank is processing it."""
    if intent is not None and intent.status == "processing":
        return math.inf
    cut_off = intent is not None and intent.status == "requires_confirmation"
    return CONFIRMED_WITHIN_S if cut_off else PAY_AT_BANK_S


def _intent_of(attempt: Attempt, amount: int, currency: str) -> Any:
    """The parameters of a PaymentIntent, in API_VERSION, which is older than the library's types."""
    return {
        "amount": amount,
        "currency": currency.lower(),
        "payment_method": attempt.token,
        "payment_method_types": ["card"],
        "metadata": _metadata(attempt),
    }


def _metadata(attempt: Attempt) -> dict[str, str]:
    return {"payment_id": attempt.payment_id, "reservation_id": attempt.reservation_id}


def _key(step: str, payment_id: str) -> Any:
    return {"idempotency_key": f"{step}-{payment_id}"}


async def _call(call: Awaitable[T]) -> T:
    """Make one API call. Raises Refused, and GatewayFailed if the outcome is unknown."""
    from stripe import CardError, InvalidRequestError, StripeError

    try:
        return await call
    except (CardError, InvalidRequestError) as error:
        raise Refused(error.code or error.user_message or "refused") from error
    except StripeError as error:
        raise GatewayFailed(f"Stripe: {error.user_message or type(error).__name__}") from error


@asynccontextmanager
async def open_stripe(settings: Settings, stores: Stores) -> AsyncIterator[StripeGateway]:
    """The gateway of this process, with one HTTP client. Raises WrongUsage without the library or the key."""
    try:
        import stripe
    except ImportError:
        raise WrongUsage(
            "FAIRGATE_PAYMENTS=stripe needs the library: pip install 'fairgate[stripe]'"
        ) from None
    key = settings.payments_key.get_secret_value()
    if not key:
        raise WrongUsage(
            "FAIRGATE_PAYMENTS=stripe needs FAIRGATE_PAYMENTS_KEY, the secret key of your account"
        )
    http = stripe.HTTPXClient(timeout=TIMEOUT_S)
    client = stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        http_client=http,
        max_network_retries=0,  # we retry ourselves, within our deadlines
        base_addresses={"api": settings.payments_url} if settings.payments_url else None,
    )
    try:
        yield StripeGateway(client, stores.postgres, settings.public_url)
    finally:
        await http.close_async()  # type: ignore[no-untyped-call]
