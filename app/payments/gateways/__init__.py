"""The payment gateways, one file each, and the table from which `FAIRGATE_PAYMENTS` chooses.

A new gateway is a file here and a line in `GATEWAYS`: docs/contributing/gateway.md. Never here: the deadline
and the circuit breaker (`payments/gateway.py`), or what a payment buys.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Literal

from app.core.errors import WrongUsage
from app.payments.gateway import Gateway, GatewayByPayment, GuardedGateway, LazyGateway
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
# The method and token used by the button on our own pages. Other gateways need a page of the shop's.
ON_OUR_PAGES: dict[str, tuple[OnOurPages, str]] = {
    "": ("", ""),
    "stripe": ("checkout", "hosted"),
    "at_door": ("at_door", "reserve"),
    "invoice": ("invoice", "order"),
}


@asynccontextmanager
async def open_gateway(settings: Settings, stores: Stores) -> AsyncIterator[Gateway]:
    """The gateways of this process, each guarded. Test rooms always have the simulated one, and payments
    begun with a gateway no longer in the setting still use it.

    Raises WrongUsage for a name that is not in the table.
    """
    names = settings.gateways or (SIMULATED,)  # without a gateway only test rooms reach this point
    check(settings.gateway)
    async with AsyncExitStack() as stack:

        async def opened(name: str) -> Gateway:
            return GuardedGateway(await stack.enter_async_context(GATEWAYS[name](settings, stores)))

        ready = {name: await opened(name) for name in names}
        ready.setdefault(SIMULATED, SimulatedGateway(stores.postgres))
        later = {it: LazyGateway(it, partial(opened, it)) for it in GATEWAYS if it not in ready}
        yield GatewayByPayment({**ready, **later}, names[0])


def check(setting: str) -> None:
    """Raise WrongUsage for a name that is not in the table; `setting` as in FAIRGATE_PAYMENTS."""
    for name in setting.split(",") if setting else ():
        if name not in GATEWAYS:
            names = ", ".join(sorted(GATEWAYS))
            raise WrongUsage(f"the setting FAIRGATE_PAYMENTS is wrong: no gateway {name!r}; known: {names}")


def gateway_for(names: Sequence[str], method: str) -> str:
    """The gateway for a payment method: the one of that name, else the first one without a method of its
    own."""
    if method in names:
        return method
    return next((it for it in names if ON_OUR_PAGES.get(it, ("", ""))[0] != it), names[0])


def ways_to_pay(names: Sequence[str]) -> list[tuple[OnOurPages, str]]:
    """The method and token with which our own pages pay at each of these gateways."""
    return [ON_OUR_PAGES[it] for it in names if it in ON_OUR_PAGES]


def offered(names: Sequence[str], some: Sequence[str]) -> list[str]:
    """The configured gateways that a sale offers; all, if it names none."""
    return [it for it in names if not some or it in some]
