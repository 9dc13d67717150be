"""localstripe plus the Checkout it lacks: `python -m tests.support.stripe_checkout PORT`.

A session wraps one of its PaymentIntents and has a page on which a buyer pays.
https://docs.stripe.com/api/checkout/sessions
"""

from __future__ import annotations

import html
import sys
from typing import Any

from aiohttp import web
from localstripe import resources, server

PATH = "/v1/checkout/sessions"
PAGE = (
    '<h1>Pay {amount}</h1><form method="post"><input name="number"><button>Pay</button></form>'
    '<a href="{back}">Back</a>'
)


class Session(resources.StripeObject):
    """A Checkout Session."""

    object = "checkout.session"
    _id_prefix = "cs_"
    _pages = ""  # the address of this server

    def __init__(self, **params: Any) -> None:
        price = params["line_items"][0]["price_data"]
        super().__init__()
        self.amount_total, self.currency = int(price["unit_amount"]), price["currency"]
        self.success_url, self.cancel_url = params["success_url"], params["cancel_url"]
        self.metadata, self._of_intent = params["metadata"], params["payment_intent_data"]["metadata"]
        self.status, self.payment_status, self.payment_intent = "open", "unpaid", None
        self.url = f"{self._pages}/pay/{self.id}"

    @classmethod
    def _api_expire(cls, id: str) -> Session:
        it: Session = cls._api_retrieve(id)
        if it.status != "open":
            raise server.UserError(400, "Only Checkout Sessions with a status in [open] can be expired.")
        it.status = "expired"
        return it

    def _pay(self, number: str) -> None:
        card = {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123"}
        method = resources.PaymentMethod(type="card", card=card)
        intent = resources.PaymentIntent(
            amount=self.amount_total,
            currency=self.currency,
            payment_method=method.id,
            metadata=self._of_intent,
        )
        intent._confirm(on_failure_now=intent._report_failure)
        self.payment_intent, self.status, self.payment_status = intent.id, "complete", "paid"


@web.middleware
async def open_to_buyers(request: web.Request, handler: Any) -> web.StreamResponse:
    """Serve the page of a session, which needs no key."""
    if not request.path.startswith("/pay/"):
        answer: web.StreamResponse = await handler(request)
        return answer
    it = Session._api_retrieve(request.path.rpartition("/")[2])
    if request.method == "GET":
        text = PAGE.format(amount=it.amount_total, back=html.escape(it.cancel_url))
        return web.Response(text=text, content_type="text/html")
    if it.status != "open":
        return web.Response(status=410)
    it._pay(str((await request.post())["number"]))
    raise web.HTTPSeeOther(it.success_url)


def serve(port: int) -> None:
    """Serve until the process ends."""
    resources.Store.dump_to_disk = lambda _self: None  # otherwise it would be a file shared by all processes
    Session._pages = f"http://127.0.0.1:{port}"
    server.app.middlewares.insert(0, open_to_buyers)
    for method, path, view in (
        ("POST", PATH, server.api_create),
        ("GET", PATH + "/{id}", server.api_retrieve),
    ):
        server.app.router.add_route(method, path, view(Session, path))
    expire = PATH + "/{id}/expire"
    server.app.router.add_route("POST", expire, server.api_extra(Session._api_expire, expire))
    web.run_app(server.app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
