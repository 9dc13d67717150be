"""The only wiring: settings in, a Quart app out. Stores are opened when the server starts the app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
from quart import Quart

from app import counts, gate, health, loops, presence, reservations, signing, waiting_room
from app.core.devices import DeviceSigner
from app.core.errors import CannotRun
from app.core.handover import HandoverSigner
from app.core.knownuser import Sealer
from app.core.mail import ClaimSigner, Traces
from app.core.tokens import PlaceSigner
from app.ends import Ends
from app.exposition import Drift
from app.hidden import Hidden
from app.knownuser import Faces
from app.loops import Loops
from app.passwords import Passwords
from app.settings import Settings
from app.store.connections import connected
from app.store.job_queue import open_queue
from app.web import openapi
from app.web.addresses import trusted_networks
from app.web.board import Board
from app.web.calls import CALLS
from app.web.cockpit_feed import Feeds
from app.web.cold import DRAIN_MAX, register_endpoints
from app.web.console_pages import register_console_pages
from app.web.docs import register_docs
from app.web.gate_rooms import GateRooms
from app.web.hot import HotLane
from app.web.http import App
from app.web.kept import Kept
from app.web.open_streams import OpenStreams
from app.web.pages import register_pages
from app.web.security_txt import register_security_txt
from app.web.throttles import Throttles

AVAILABILITY_FRESH_S = 1.0
FACE_FRESH_S = 2.0  # how a room speaks to a shop's connector
READINESS_FRESH_S = 1.0
STANDING_FRESH_S = 2.0  # of who reads: whoever changes something is looked up each time
RESERVATION_COUNTS_FRESH_S = 5.0  # counted by going over all reservations


def create_app(settings: Settings) -> Quart:
    """The web app. Raises CannotRun when a setting it cannot do without is missing."""
    secret = settings.secret.get_secret_value().encode()
    if not secret:
        raise CannotRun("FAIRGATE_SECRET is not set; give all web processes the same 32 random characters")
    places, claims = PlaceSigner(secret), ClaimSigner(secret)
    contract = msgspec.json.encode(openapi.contract(CALLS))
    quart = Quart("fairgate", static_folder=None)
    quart.url_map.merge_slashes = False  # an address has one spelling; no redirects
    # Each call has its own limit; Quart's is for what is read past that one.
    quart.config["MAX_CONTENT_LENGTH"] = max(it.body_max for it in CALLS) + 2 * DRAIN_MAX
    register_endpoints(quart, CALLS)
    register_docs(quart)
    register_security_txt(quart)
    register_pages(quart)
    register_console_pages(quart)

    serving = AsyncExitStack()  # not `while_serving`: that is good for one time only

    @quart.before_serving
    async def begin() -> None:
        closing: Any = quart.shutdown_event  # an asyncio.Event, typed as the protocol of one
        opened = _opened(settings, places, claims, contract, closing)
        quart.extensions["fairgate"] = await serving.enter_async_context(opened)

    quart.after_serving(serving.aclose)

    lane: Any = HotLane(quart, CALLS)
    quart.asgi_app = lane  # type: ignore[method-assign]  # the way Quart documents for ASGI middleware
    return quart


@asynccontextmanager
async def _opened(
    settings: Settings, places: PlaceSigner, claims: ClaimSigner, contract: bytes, closing: asyncio.Event
) -> AsyncIterator[App]:
    """Everything a process holds while it serves. Raises CannotRun."""
    running = Loops()
    async with (
        open_queue(settings) as queue,
        connected(settings) as stores,
        reservations.open_desk(stores, settings, running) as desk,
    ):
        await health.tell_faults(stores)
        line = waiting_room.open_line(stores, settings)
        keyring = await signing.open_keyring(stores.postgres)
        board = Board(line, stores.redis, closing)
        ends = Ends(stores.redis)
        hidden = Hidden(stores.postgres, board.hide)
        await hidden.refresh()
        name = presence.new_name()
        present = partial(presence.keep_present, stores.redis, name, running)
        tasks = [
            running.start("board", board.keep),
            running.start("board_listener", board.listen),
            running.start("ends", ends.keep),
            running.start("hidden", hidden.keep),
            running.start("signing_keys", keyring.keep_fresh),
            running.start("postgres_watch", line.postgres.keep),
            running.start("counts", partial(counts.keep_told, stores.redis, name)),
            running.start("presence", present),
        ]
        try:
            yield App(
                settings=settings,
                stores=stores,
                line=line,
                desk=desk,
                places=places,
                claims=claims,
                traces=Traces(settings.secret.get_secret_value().encode()),
                handover=HandoverSigner(settings.secret.get_secret_value().encode()),
                devices=DeviceSigner(settings.secret.get_secret_value().encode()),
                keyring=keyring,
                board=board,
                gate=gate.open_gate(line),
                gate_rooms=GateRooms(line, board),
                ends=ends,
                faces=Faces(stores, Sealer(settings.secret.get_secret_value().encode())),
                kept_faces=Kept(FACE_FRESH_S),
                hidden=hidden,
                feeds=Feeds(line, board, running, closing),
                loops=running,
                queue=queue,
                throttles=Throttles(stores, settings),
                passwords=Passwords(),
                availability=Kept(AVAILABILITY_FRESH_S),
                standings=Kept(STANDING_FRESH_S),
                reservation_counts=Kept(RESERVATION_COUNTS_FRESH_S),
                seat_maps=Kept(AVAILABILITY_FRESH_S),
                open_streams=OpenStreams(settings.streams_per_address if settings.throttled else 0),
                readiness=Kept(READINESS_FRESH_S),
                drift=Drift(),
                contract=contract,
                trusted=trusted_networks(settings.trusted_proxies),
                creating=asyncio.Semaphore(settings.postgres_pool_max // 4),
                exporting=asyncio.Semaphore(settings.postgres_pool_max // 4),
                closing=closing,
            )
        finally:
            await loops.end(tasks)
