"""The payment gateways, one file each, and the table they are chosen from by `FAIRGATE_PAYMENTS`.

A new gateway is a file here and a line in `GATEWAYS`: docs/contributing/gateway.md. Never here: the deadline
and the circuit around it (`payments/gateway.py`), or what a payment buys.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal

from app.core.errors import WrongUsage
from app.payments.gateway import Gateway, GuardedGateway, WithTestSales
from app.payments.gateways.at_door import open_at_door
from app.payments.gateways.invoice import open_invoice
from app.payments.gateways.simulated import SimulatedGateway, open_simulated
from app.payments.gateways.stripe import open_stripe
from app.settings import SIMULATED, Settings
from app.store.connections import Stores

OnOurPages = Literal["", "checkout", "at_door", "invoice"]
Opener = Callable[[Settings, Stores], AbstractAsyncContextManager[Gateway]]

GATEWAYS: dict[str, Opener] = {
    SIMULATED: open_simulated,
    "stripe": open_stripe,
    "at_door": open_at_door,
    "invoice": open_invoice,
}
# What the button on our own pages pays with: method and token. Another gateway needs a page of the shop's.
ON_OUR_PAGES: dict[str, tuple[OnOurPages, str]] = {
    "": ("", ""),
    "stripe": ("checkout", "hosted"),
    "at_door": ("at_door", "reserve"),
    "invoice": ("invoice", "order"),
}


@asynccontextmanager
async def open_gateway(settings: Settings, stores: Stores) -> AsyncIterator[Gateway]:
    """The gateway of this process, guarded. Rooms that are a `test` have the simulated one in any case.

    Raises WrongUsage for a name that is not in the table.
    """
    name = settings.gateway or SIMULATED  # without a gateway only test rooms get this far
    check(name)
    async with GATEWAYS[name](settings, stores) as gateway:
        guarded = GuardedGateway(gateway)
        if name == SIMULATED:
            yield guarded
        else:
            yield WithTestSales(guarded, SimulatedGateway(stores.postgres))


def check(name: str) -> None:
    """Raises WrongUsage for a name that is not in the table."""
    if name not in GATEWAYS:
        known = ", ".join(sorted(GATEWAYS))
        raise WrongUsage(f"the setting FAIRGATE_PAYMENTS is wrong: no gateway {name!r}; known: {known}")
