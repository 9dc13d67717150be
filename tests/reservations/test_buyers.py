"""The answers of buyers: stored as long as the reservation lasts, and checked before a payment alone."""

from __future__ import annotations

import pytest

from app.core.errors import Conflict, ValidationFailed
from app.core.notifications.email import Traces
from app.core.reservations.buyers import Buyer
from app.reservations import buyers
from app.reservations.checkout import cancel, confirm
from app.store.connections import Stores
from tests.support.payments import a_hold, card, current_state
from tests.support.sales import a_shop

TRACES = Traces(b"only for these tests")
ANN, BOB = Buyer(email="ann@example.org"), Buyer(email="bob@example.org")
NEEDED = """UPDATE events SET buyer_form = '{"email": "required"}'"""


async def test_who_buys_is_not_changed_once_the_reservation_has_ended(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reservation = await current_state(engine, await a_hold(engine))
        await buyers.save(stores, TRACES, reservation, ANN)
        await cancel(engine, reservation.reservation_id)
        with pytest.raises(Conflict, match="has ended"):
            await buyers.save(stores, TRACES, reservation, BOB)
        stored = await buyers.of_reservation(stores, reservation.reservation_id)
        assert stored is not None
        assert stored.email == ANN.email


async def test_answers_are_needed_before_a_payment_and_not_after_it(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        free_to_answer = await current_state(engine, await a_hold(engine))
        await buyers.require(stores, TRACES, free_to_answer, None)
        await stores.postgres.execute(NEEDED)
        hold = await current_state(engine, await a_hold(engine))
        with pytest.raises(ValidationFailed, match=r"buyer\.email"):
            await buyers.require(stores, TRACES, hold, None)
        await buyers.require(stores, TRACES, hold, ANN)
        await buyers.require(stores, TRACES, hold, None)  # given earlier
        await confirm(engine, hold.reservation_id, card(), "pay")
        paid = await current_state(engine, hold.reservation_id)
        await buyers.require(stores, TRACES, paid, BOB)  # the same payment once more
        stored = await buyers.of_reservation(stores, hold.reservation_id)
        assert stored is not None
        assert stored.email == ANN.email
