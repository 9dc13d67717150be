"""The parts of an order's amount, for e-mails about it."""

from __future__ import annotations

import msgspec

from app.core.model import Item, Struct
from app.core.payments.sums import FEE, Sums, lines_of, sums
from app.store.sql.notifications.mails import Mail


class Paid(Struct, frozen=True):
    """The parts of an order's amount."""

    items: list[Item]
    discount: int
    tax_rates: dict[str, int]


def sums_of_mail(mail: Mail) -> Sums:
    """The parts of the amount of the order that an e-mail is about."""
    if not mail.sums:
        return sums((), 0, mail.amount or 0)
    paid = msgspec.json.decode(mail.sums, type=Paid)
    return sums(
        lines_of(paid.items, paid.tax_rates), paid.discount, mail.amount or 0, paid.tax_rates.get(FEE, 0)
    )
