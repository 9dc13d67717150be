"""The public fairness page of a room's queue, and the receipt of a place as a file.

The page is the same for all readers of a language, so caches may keep it for a few seconds; behind them, its
figures are read once per that time. With `?language=`, for links in press releases for example, the address
stands for one language. The log is verified in the reader's browser (`static/fairness.js`).
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from quart import Response, current_app

from app import i18n
from app.core.errors import PlaceNotFound
from app.core.model import RoomId
from app.core.monitoring.report import Waits
from app.core.waiting_room.rate_kept import RateKept
from app.monitoring.fairness import Fairness, LogFigures, fairness
from app.web.api.room.place_receipt import receipt_file
from app.web.documents.draw import Draw
from app.web.documents.lanes import LaneDocument
from app.web.http.cache_control import shared
from app.web.http.quart_adapter import quart_response
from app.web.http.routes import Request
from app.web.pages.documents import EventHead
from app.web.pages.event_heads import EVENT_HEADS, EventHeads
from app.web.pages.render import respond
from app.web.pages.theme import look_of
from app.web.pages.visitors import place_of

# The kinds of staff actions counted by the log's tally.
STAFF = ("limits", "to paused", "to closed", "advanced", "removed", "reset")
FLOW = ("joined", "called", "claimed", "no_show", "left", "passed tickets", "passed network")


@dataclass(frozen=True)
class LogPart:
    """The log: its length, its latest signed head, and counts of its events by kind."""

    size: int
    counted: int
    signed: int
    root: str
    signed_at_ms: int
    flow: tuple[tuple[str, int], ...]
    staff: tuple[tuple[str, int], ...]  # staff actions, by kind
    restored: int  # how often restored after an interruption
    lost: int
    joined: int
    removed_bp: int  # share of those who joined, in hundredths of a percent
    cosigned: tuple[tuple[str, int], ...]  # by witness


@dataclass(frozen=True)
class FairnessPage:
    """The page; `log`: None before the first event."""

    room_id: str
    name: str
    event: EventHead | None
    zone: str
    origin: str
    lottery: Draw | None
    log: LogPart | None
    rate: RateKept | None
    waits: Waits | None
    chain: str  # the beacon's chain: hash, time of its first round, period (s)
    beacon_url: str  # where anybody can read its rounds
    suspects: LaneDocument | None = None  # the suspects' lane, if there is one


async def fairness_page(request: Request) -> Response:
    """Show how fair the queue of a room is. Raises RoomNotFound, StoreUnavailable."""
    room_id = RoomId(request.params["room_id"])
    rendered = await request.app.status_board.current(room_id)
    room = rendered.room
    heads: EventHeads = current_app.extensions[EVENT_HEADS]
    event = await heads.of_room(request.app.stores, room)

    async def read() -> Fairness:
        return await fairness(request.app.stores, room)

    figures = await request.app.caches.fairness.get(room_id, read)
    chain, relay = request.app.settings.chain, next(iter(request.app.settings.beacon_relays), "")
    document = FairnessPage(
        room_id=room_id,
        name=event.name if event else room.settings.name,
        event=event,
        zone=event.zone if event else "",
        origin=request.origin(),
        lottery=rendered.document.draw,
        log=_log(figures.log) if figures.log else None,
        rate=figures.rate,
        waits=figures.waits,
        chain=f"{chain.hash} {chain.genesis_time} {chain.period}",
        beacon_url=f"{relay.rstrip('/')}/{chain.hash}",
        suspects=next((it for it in rendered.document.lanes or () if it.suspects), None),
    )
    requested = dict(parse_qsl(request.query.decode("latin-1"))).get("language", "")
    language = requested if requested in i18n.LANGUAGES else ""
    look = look_of(room_id, room.settings)
    response = respond("fairness.html", document, look=look, shared=True, language=language)
    if not language:
        response.vary.add("Cookie")  # which may hold the language
    public = request.app.hidden.refusal_for(request.params) is None
    response.headers["Cache-Control"] = shared("fairness", published=public)[1].decode()
    return response


def _log(figures: LogFigures) -> LogPart:
    counts = figures.tally.counts
    joined, removed = counts.get("joined", 0), counts.get("removed", 0)
    return LogPart(
        size=figures.size,
        counted=figures.counted,
        signed=figures.head.size if figures.head else 0,
        root=figures.head.root if figures.head else "",
        signed_at_ms=figures.head.at_ms if figures.head else 0,
        flow=tuple((name, counts.get(name, 0)) for name in FLOW if counts.get(name) or "passed" not in name),
        staff=tuple((name, counts[name]) for name in STAFF if counts.get(name)),
        restored=max(0, counts.get("restored", 0) - 1),  # the first one is the room's beginning
        lost=counts.get("lost", 0),
        joined=joined,
        removed_bp=round(10_000 * min(removed, joined) / joined) if joined else 0,
        cosigned=tuple(figures.cosigned.items()),
    )


async def place_receipt_file(request: Request) -> Response:
    """Download the receipt of this browser's place. Raises PlaceNotFound, RateLimited, StoreUnavailable."""
    room_id = RoomId(request.params["room_id"])
    place = await place_of(request, room_id)
    if place is None:
        raise PlaceNotFound
    return quart_response(await receipt_file(request.app, room_id, *place))
