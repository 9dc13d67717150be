"""The addresses to which a shop's KnownUser connector sends visitors: to queue, and when they are done.

Browsers are redirected here, at the paths that connectors use. We redirect only to hosts that the room lists.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qs

import structlog
from quart import Response

from app.core.clock import now_ms
from app.core.errors import CredentialInvalid, NotFound, Restoring, StoreUnavailable
from app.core.gate.knownuser import (
    ERRORS,
    Connector,
    RedirectType,
    read_enqueue_token,
    token,
    visitor_of,
    with_token,
)
from app.core.model import Place, Room, RoomId, VisitorId
from app.core.tokens.place_tokens import new_visitor_id
from app.gate import knownuser, sessions
from app.gate.sessions import GateVisitor
from app.web.gate.addresses import allowed
from app.web.http.cookies import newcomer_cookie
from app.web.http.credentials import network_of
from app.web.http.origins import is_part_of_foreign_page
from app.web.http.routes import Request
from app.web.pages import visitors
from app.web.pages.documents import ErrorPage
from app.web.pages.render import respond
from app.web.pages.room.queue_document import goal_of, return_query
from app.web.pages.visitors import add_cookie

CANCELLED_MAX = 10  # rooms cancelled by one address
QUERY_MAX = 40  # parameters; a longer query is ignored
_log = structlog.get_logger()


async def enter(request: Request) -> Response:
    """Send the visitor into the queue or, if there is none or it is their turn, straight back with a
    token."""
    params = _query(request)
    connector, room = await _connector(request, params.get("c", ""), params.get("e", ""))
    return_to = allowed(params.get("t", ""), room.settings)
    queue_path = f"/rooms/{room.room_id}{return_query(return_to)}"
    if is_part_of_foreign_page(request):
        return _moved(queue_path)
    if room.settings.gate_mode == "off":
        return _back(request, connector, room, return_to, "disabled")
    claims = visitors.visitor_of(request, room.room_id)
    visitor_id = claims.visitor_id if claims else None
    named = await _named(request, connector, params.get("enqueuetoken", ""), visitor_id)
    anew = room.settings.gate_mode == "auto"
    network = network_of(request, room.room_id)
    entering = GateVisitor(named or visitor_id or new_visitor_id(network), network, anew)
    place: Place | None = None
    if anew or claims:
        try:
            place = await sessions.enter(request.app.gate, room.room_id, entering)
        except (StoreUnavailable, Restoring):
            if room.settings.gate_fail == "open":
                return _back(request, connector, room, return_to, "safetynet")
    response = _to_shop(request, connector, room, return_to, place) if place else _moved(queue_path)
    if (place or named) and entering.visitor_id != visitor_id:
        add_cookie(response, newcomer_cookie(request, room.room_id, entering.visitor_id))
    return response


async def refused(request: Request) -> Response:
    """Explain that the shop refused a token, and link back into the queue."""
    params, why = _query(request), request.path.removeprefix("/error/").rstrip("/")
    if why not in ERRORS:
        raise NotFound
    _, room = await _connector(request, params.get("c", ""), params.get("e", ""))
    _log.warning("knownuser_token_refused", room_id=room.room_id, why=why)
    return_to = allowed(params.get("t", ""), room.settings)
    back = f"/rooms/{room.room_id}{return_query(return_to)}"
    return respond("error.html", ErrorPage(403, "turn_not_taken", back, request.request_id), 403)


async def cancel(request: Request) -> Response:
    """End the turn of a visitor who is done at the shop, and redirect to where the shop says."""
    params = request.params
    return await _cancel(request, params["customer_id"], [(params["room_id"], params.get("queue_id", ""))])


async def cancel_multiple(request: Request) -> Response:
    """Do the same for several rooms at once."""
    pairs = [it.partition("~") for it in _query(request).get("wrl", "").split("_")]
    return await _cancel(request, request.params["customer_id"], [(it[0], it[2]) for it in pairs])


PATHS = {  # by page name; `/` with a connector's parameters is `enter`
    "knownuser_error": ("/error/<error_code>", refused),
    "knownuser_session_error": ("/error/connector/sessionstate", refused),
    "knownuser_cancel": ("/cancel/<customer_id>/<room_id>", cancel),
    "knownuser_cancel_one": ("/cancel/<customer_id>/<room_id>/<queue_id>", cancel),
    "knownuser_cancel_multiple": ("/cancel/multiple/<customer_id>", cancel_multiple),
}


def is_sent_here(request: Request) -> bool:
    """Whether a connector sent this browser: the address names a customer and a room."""
    return b"c=" in request.query and {"c", "e"} <= _query(request).keys()


async def with_shops_token(request: Request, room: Room, return_to: str, place: Place) -> Response | None:
    """Redirect from the queue page to the shop with a token; None if the room has no connector settings."""
    connector = await connector_of(request, room.room_id)
    return _to_shop(request, connector, room, return_to, place) if connector else None


async def connector_of(request: Request, room_id: RoomId) -> Connector | None:
    """The room's connector settings, cached for a moment."""
    app = request.app
    return await app.caches.connectors.get(room_id, lambda: knownuser.connector_of(app.connectors, room_id))


async def _cancel(request: Request, customer_id: str, pairs: list[tuple[str, str]]) -> Response:
    room: Room | None = None
    for room_id, queue_id in pairs[:CANCELLED_MAX]:
        _, room = await _connector(request, customer_id, room_id)
        visitor_id = visitor_of(queue_id)
        if visitor_id is not None and not is_part_of_foreign_page(request):
            await knownuser.cancel(request.app.gate, room.room_id, visitor_id)
    if room is None:
        raise NotFound
    return _moved(goal_of(room, allowed(_query(request).get("r", ""), room.settings)))


async def _connector(request: Request, customer_id: str, room_id: str) -> tuple[Connector, Room]:
    """The room a connector means. Raises NotFound, RoomNotFound, StoreUnavailable."""
    connector = await connector_of(request, RoomId(room_id.lower())) if len(room_id) <= 40 else None
    if connector is None or connector.settings.customer_id != customer_id.lower():
        raise NotFound
    if unseen := request.app.hidden.refusal_for({"room_id": connector.room_id}):
        raise unseen
    return connector, (await request.app.status_board.current(connector.room_id)).room


async def _named(
    request: Request, connector: Connector, text: str, visitor_id: VisitorId | None
) -> VisitorId | None:
    """The visitor an enqueue token identifies by a key of the shop; None if it names nobody.

    A known visitor has already used the token, so that reloading the page is no second use. Raises
    CredentialInvalid, StoreUnavailable.
    """
    if not text:
        return None
    enqueue = read_enqueue_token(
        text,
        connector.secret,
        customer_id=connector.settings.customer_id,
        room_id=connector.room_id,
        now_ms=now_ms(),
        client=request.client,
    )
    key = f"knownuser {enqueue.unique_key}"
    named = request.app.places.account_visitor(connector.room_id, key) if enqueue.unique_key else None
    try:
        await knownuser.use_enqueue_token(request.app.connectors, connector.room_id, enqueue)
    except CredentialInvalid:
        if visitor_id is None or named not in (None, visitor_id):
            raise
    return named


def _to_shop(request: Request, connector: Connector, room: Room, return_to: str, place: Place) -> Response:
    """Redirect with a token. Its cookie ends with the session; if sessions renew, the shop extends it."""
    now_s, renews = int(time.time()), room.settings.session_renews
    left_s = place.session_expires_at_ms // 1000 - now_s
    text = token(
        connector,
        place.visitor_id,
        now_s,
        extend=renews,
        minutes=0 if renews else max(1, left_s // 60),
        client=request.client if room.settings.pass_ip_bound else "",
    )
    return _moved(with_token(_goal(request, room, return_to), text))


def _back(
    request: Request, connector: Connector, room: Room, return_to: str, redirect: RedirectType
) -> Response:
    """Redirect with a token without a visitor."""
    text = token(connector, None, int(time.time()), redirect=redirect)
    return _moved(with_token(_goal(request, room, return_to), text))


def _goal(request: Request, room: Room, return_to: str) -> str:
    goal = goal_of(room, return_to)
    return goal if not goal.startswith("/") else request.origin() + goal


def _query(request: Request) -> dict[str, str]:
    try:
        params = parse_qs(request.query.decode("latin-1"), max_num_fields=QUERY_MAX)
    except ValueError:
        return {}
    return {name: values[0] for name, values in params.items()}


def _moved(address: str) -> Response:
    response = Response(status=302)
    response.headers["Location"] = address
    response.headers["Cache-Control"] = "no-store"
    return response
