"""The money of a sale in its form: prices, with or before tax; rates in percent; the booking fee; the seller.

What is wrong is added to `wrong`, by field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.core import currencies, typed
from app.core.model import Event, TicketType
from app.core.sums import WHOLE_BP, with_tax, without_tax

BEFORE_TAX = "prices_before_tax"  # a box: prices are typed before tax
PAYS = "pays_"  # + a gateway: a box; none is ticked: all are offered
RATES = ("fee_rate_bp", "fee_tax_rate_bp")
DECIMALS = 2  # of a rate in percent


def of_event(values: Mapping[str, str], wrong: dict[str, str]) -> dict[str, Any]:
    """The fields of an event that are about money."""
    return {
        "prices_include_tax": BEFORE_TAX not in values,
        "fee_per_ticket": minor(values, wrong, "fee_per_ticket", values.get("fee_per_ticket", "") or "0"),
        **{name: rate(values, wrong, name) for name in RATES},
        "payments": [it.removeprefix(PAYS) for it in values if it.startswith(PAYS)],
        "seller": values.get("seller", "").replace("\r\n", "\n").strip(),
    }


def to_choose_from(names: Sequence[str], chosen: Sequence[str] = ()) -> list[str]:
    """The gateways that the form offers, of those that are set up; none where there is no choice."""
    found = list(dict.fromkeys((*names, *chosen)))
    return found if len(names) > 1 or chosen else []


def written(event: Event) -> dict[str, str]:
    """The fields of the form, of an event."""
    fee = written_amount(event.fee_per_ticket, event.currency) if event.fee_per_ticket else ""
    values = {"fee_per_ticket": fee, "seller": event.seller}
    values |= {name: written_rate(getattr(event, name)) for name in RATES}
    values |= {f"{PAYS}{it}": "on" for it in event.payments}
    return values | ({} if event.prices_include_tax else {BEFORE_TAX: "on"})


def price(values: Mapping[str, str], wrong: dict[str, str], name: str, text: str, rate_bp: int) -> int:
    """What a fan pays for a ticket whose price was typed as `text`, in minor units."""
    amount = minor(values, wrong, name, text)
    return with_tax(amount, rate_bp) if BEFORE_TAX in values else amount


def written_price(it: TicketType, event: Event) -> str:
    """The price of a ticket as the form has it: 45.00."""
    amount = it.price if event.prices_include_tax else without_tax(it.price, it.tax_rate_bp)
    return written_amount(amount, event.currency)


def written_amount(amount: int, currency: str) -> str:
    """An amount as the form has it: 45.00."""
    return str(currencies.major(amount, currency))


def rate(values: Mapping[str, str], wrong: dict[str, str], name: str) -> int:
    """A rate in hundredths of a percent, typed as 19 or 5.5; blank is none."""
    text = values.get(name, "").removesuffix("%").strip()
    found = typed.amount(text, DECIMALS) if text else 0
    if found is None or found > WHOLE_BP:
        wrong[name] = "enter a percentage such as 19 or 5.5"
        return 0
    return found


def written_rate(rate_bp: int) -> str:
    """A rate as the form has it; none is blank."""
    return f"{rate_bp / 100:g}" if rate_bp else ""


def minor(values: Mapping[str, str], wrong: dict[str, str], name: str, text: str) -> int:
    """An amount typed as 45 or 45.00, in minor units of the form's currency."""
    decimals = currencies.scale(values.get("currency", ""))
    found = typed.amount(text, decimals)
    if found is None:
        example = f"45 or 45.{'0' * decimals}" if decimals else "45"
        wrong[name] = f"enter an amount such as {example}"
        return 0
    return found
