"""The money fields of a sale's form: prices with or before tax, rates in percent, booking fee, seller.

Errors go into `wrong`, by field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.core import currencies
from app.core.model import Event, TicketType
from app.core.payments.sums import WHOLE_BP, with_tax, without_tax
from app.core.text import typed

BEFORE_TAX = "prices_before_tax"  # a checkbox: prices are typed before tax
PAYS = "pays_"  # + name of a gateway: a checkbox; if none is ticked, all are offered
RATES = ("fee_rate_bp", "fee_tax_rate_bp")
DECIMALS = 2  # of a rate in percent


def of_event(values: Mapping[str, str], wrong: dict[str, str]) -> dict[str, Any]:
    """Read the money fields of an event."""
    return {
        "prices_include_tax": BEFORE_TAX not in values,
        "fee_per_ticket": minor(values, wrong, "fee_per_ticket", values.get("fee_per_ticket", "") or "0"),
        **{name: rate(values, wrong, name) for name in RATES},
        "payments": [it.removeprefix(PAYS) for it in values if it.startswith(PAYS)],
        "seller": values.get("seller", "").replace("\r\n", "\n").strip(),
    }


def to_choose_from(names: Sequence[str], chosen: Sequence[str] = ()) -> list[str]:
    """The gateways to offer in the form, of those configured; empty if there is no choice."""
    choices = list(dict.fromkeys((*names, *chosen)))
    return choices if len(names) > 1 or chosen else []


def money_values(event: Event) -> dict[str, str]:
    """The money fields of an event as the form shows them."""
    fee = amount_text(event.fee_per_ticket, event.currency) if event.fee_per_ticket else ""
    values = {"fee_per_ticket": fee, "seller": event.seller}
    values |= {name: rate_text(getattr(event, name)) for name in RATES}
    values |= {f"{PAYS}{it}": "on" for it in event.payments}
    return values | ({} if event.prices_include_tax else {BEFORE_TAX: "on"})


def price(values: Mapping[str, str], wrong: dict[str, str], name: str, text: str, rate_bp: int) -> int:
    """The price that fans pay, in minor units, from the price typed as `text`."""
    amount = minor(values, wrong, name, text)
    return with_tax(amount, rate_bp) if BEFORE_TAX in values else amount


def price_text(ticket_type: TicketType, event: Event) -> str:
    """A ticket's price as the form shows it: 45.00."""
    amount = (
        ticket_type.price
        if event.prices_include_tax
        else without_tax(ticket_type.price, ticket_type.tax_rate_bp)
    )
    return amount_text(amount, event.currency)


def amount_text(amount: int, currency: str) -> str:
    """An amount as the form shows it: 45.00."""
    return str(currencies.major(amount, currency))


def rate(values: Mapping[str, str], wrong: dict[str, str], name: str) -> int:
    """Parse a rate typed as 19 or 5.5 into hundredths of a percent; blank is 0."""
    text = values.get(name, "").removesuffix("%").strip()
    number = typed.amount(text, DECIMALS) if text else 0
    if number is None or number > WHOLE_BP:
        wrong[name] = "enter a percentage such as 19 or 5.5"
        return 0
    return number


def rate_text(rate_bp: int) -> str:
    """A rate as the form shows it; blank if 0."""
    return f"{rate_bp / 100:g}" if rate_bp else ""


def minor(values: Mapping[str, str], wrong: dict[str, str], name: str, text: str) -> int:
    """Parse an amount typed as 45 or 45.00 into minor units of the form's currency."""
    decimals = currencies.scale(values.get("currency", ""))
    number = typed.amount(text, decimals)
    if number is None:
        example = f"45 or 45.{'0' * decimals}" if decimals else "45"
        wrong[name] = f"enter an amount such as {example}"
        return 0
    return number
