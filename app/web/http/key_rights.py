"""Whether an API key, or an account without the required role, may make a call: by the scope that the call
declares, and the event it concerns."""

from __future__ import annotations

from collections.abc import Mapping

from app.core.account import Account
from app.core.errors import EventNotAllowed, ReservationNotFound, RoleRequired, ScopeRequired
from app.store.away import stores_answer
from app.store.sql.reservations import reservations
from app.web.http.credentials import Requester
from app.web.http.routes import Endpoint, Request

NOT_IN_THIS_SALE = "Your rights are in single sales, and do not reach this."


async def check_rights(endpoint: Endpoint, request: Request, caller: object) -> None:
    """Refuse what an API key, or an account that only has rights in single sales, may not do; others pass.

    Raises RoleRequired, ScopeRequired, EventNotAllowed, ReservationNotFound, StoreUnavailable.
    """
    account = caller.account if isinstance(caller, Requester) else caller
    if not isinstance(account, Account):
        return
    if account.grants is not None:
        params = await params_of_sale(request)
        if not account.grants.may(endpoint.scope, params, of_sales=endpoint.of_its_events):
            raise RoleRequired(NOT_IN_THIS_SALE)
    if account.key is None:
        return
    if endpoint.scope is None:
        raise ScopeRequired("No API key may make this call: it is for people and their accounts.")
    if not account.key.may(endpoint.scope):
        raise ScopeRequired(f"This API key has no scope `{endpoint.scope}`.")
    if account.key.events is None or endpoint.of_its_events:
        return
    if not account.key.is_for(await params_of_sale(request)):
        raise EventNotAllowed("This API key is for some events and their rooms alone.")


async def params_of_sale(request: Request) -> Mapping[str, str]:
    """The path's parameters that identify a sale; a reservation is replaced by its event. Raises
    ReservationNotFound."""
    reservation_id = request.params.get("reservation_id")
    if not reservation_id:
        return request.params
    with stores_answer():
        event_id = await reservations.event_of(request.app.stores.postgres, reservation_id)
    if event_id is None:
        raise ReservationNotFound
    return {"event_id": event_id}
