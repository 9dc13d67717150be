"""Whether an API key may make a call: by the scope that the call declares, and by the event it is about."""

from __future__ import annotations

from app.core.account import Account
from app.core.errors import EventNotAllowed, ReservationNotFound, ScopeRequired
from app.store.away import stores_answer
from app.store.sql import reservations
from app.web.http.credentials import Asker
from app.web.http.routes import Endpoint, Request


async def check_key(endpoint: Endpoint, request: Request, who: object) -> None:
    """Refuse what an API key may not do; other credentials pass.

    Raises ScopeRequired, EventNotAllowed, ReservationNotFound, StoreUnavailable.
    """
    account = who.account if isinstance(who, Asker) else who
    if not isinstance(account, Account) or account.key is None:
        return
    if endpoint.scope is None:
        raise ScopeRequired("No API key may make this call: it is for people and their accounts.")
    if not account.key.may(endpoint.scope):
        raise ScopeRequired(f"This API key has no scope `{endpoint.scope}`.")
    if account.key.events is None or endpoint.of_its_events:
        return
    params = request.params
    if reservation_id := params.get("reservation_id"):
        with stores_answer():
            event_id = await reservations.event_of(request.app.stores.postgres, reservation_id)
        if event_id is None:
            raise ReservationNotFound
        params = {"event_id": event_id}
    if not account.key.is_for(params):
        raise EventNotAllowed("This API key is for some events and their rooms alone.")
