"""The composition root: settings in, Quart app out. Stores are opened when the server starts the app."""

from __future__ import annotations

import asyncio
from asyncio import Event
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import msgspec
from arq.connections import ArqRedis
from quart import Quart

from app import loops
from app.accounts import signing_keys
from app.catalogue.hidden import HiddenRooms
from app.core.accounts.fans import FanSigner
from app.core.errors import CannotRun
from app.core.gate.knownuser import Sealer
from app.core.notifications.email import ClaimSigner, Traces
from app.core.tokens.devices import DeviceSigner
from app.core.tokens.handover import HandoverSigner
from app.core.tokens.order_rights import OrderSigner
from app.core.tokens.place_tokens import PlaceSigner
from app.gate import sessions
from app.gate.ended_sessions import EndedSessions
from app.gate.knownuser import Connectors
from app.gate.sites import Sites
from app.loops import Loops
from app.monitoring import counts, health, heartbeat
from app.monitoring.alert_board import AlertBoard
from app.reservations import operations
from app.reservations.pending import ReservationEngine
from app.settings import Settings
from app.store.connections import OpenStores, connected
from app.store.redis.job_queue import open_queue
from app.tracing import opened_tracer
from app.waiting_room import queue as waiting_room
from app.waiting_room.members import MemberLogins
from app.waiting_room.queue import Queues
from app.web.api import openapi
from app.web.api.registry import CALLS
from app.web.api.system.security_txt import register_security_txt
from app.web.console.registry import register_console_pages
from app.web.console.room.cockpit_feed import Feeds
from app.web.gate.crawlers import Crawlers
from app.web.gate.rooms import GateRooms
from app.web.http.client_ip import trusted_networks
from app.web.http.draining import Draining
from app.web.http.hot_lane import HotLane
from app.web.http.in_flight import InFlight
from app.web.http.open_streams import OpenStreams
from app.web.http.quart_adapter import DRAIN_MAX, register_endpoints
from app.web.http.routes import App
from app.web.http.status_board import StatusBoard
from app.web.http.throttles import Throttles
from app.web.http.url_rules import MatchedRule
from app.web.pages.docs import register_docs
from app.web.pages.visitor_pages import register_pages


@dataclass(frozen=True, slots=True)
class Basis:
    """What exists before the stores are opened. The app does not start without it."""

    settings: Settings
    secret: bytes
    places: PlaceSigner
    claims: ClaimSigner
    open_stores: OpenStores


@cache
def _contract() -> bytes:
    return msgspec.json.encode(openapi.contract(CALLS))


def create_app(settings: Settings, open_stores: OpenStores = connected) -> Quart:
    """Create the web app; it calls `open_stores` when it is started. Raises CannotRun if a required setting
    is missing."""
    secret = settings.secret.get_secret_value().encode()
    if not secret:
        raise CannotRun("FAIRGATE_SECRET is not set; give all web processes the same 32 random characters")
    basis = Basis(settings, secret, PlaceSigner(secret), ClaimSigner(secret), open_stores)
    trusted = trusted_networks(settings.trusted_proxies)
    quart = Quart("fairgate", static_folder=None)
    quart.url_rule_class = MatchedRule
    quart.url_map.merge_slashes = False  # each address has one spelling, without redirects
    # Each call has its own limit; Quart's bounds what is read beyond it.
    quart.config["MAX_CONTENT_LENGTH"] = max(it.body_max for it in CALLS) + 2 * DRAIN_MAX
    register_endpoints(quart, CALLS)
    register_docs(quart)
    register_security_txt(quart)
    register_pages(quart)
    register_console_pages(quart)

    serving = AsyncExitStack()  # not `while_serving`, which works only once

    @quart.before_serving
    async def begin() -> None:
        closing: Any = quart.shutdown_event  # an asyncio.Event, typed as its protocol
        quart.extensions["fairgate"] = await serving.enter_async_context(_opened(basis, closing))

    quart.after_serving(serving.aclose)

    in_flight = InFlight(settings.requests_per_address if settings.rate_limits else 0, trusted)
    lane: Any = HotLane(quart, CALLS, in_flight)
    quart.asgi_app = lane  # type: ignore[method-assign]  # as Quart documents for ASGI middleware
    return quart


@asynccontextmanager
async def _opened(basis: Basis, closing: Event) -> AsyncIterator[App]:
    """Open everything that a process holds while it serves. Raises CannotRun."""
    settings, running = basis.settings, Loops()
    async with (
        open_queue(settings) as job_queue,
        opened_tracer("web") as tracer,
        basis.open_stores(settings, tracer=tracer) as stores,
        AsyncExitStack() as opened,
    ):
        await health.log_store_faults(stores)
        queues = waiting_room.open_queues(stores, settings)
        engine = await opened.enter_async_context(
            operations.open_engine(stores, settings, running, queues.busy_marks)
        )
        app = await _app(basis, running, queues, engine, job_queue, closing)
        await app.hidden.refresh()
        await app.sites.refresh()
        tasks = _start_loops(app)
        try:
            yield app
        finally:
            await loops.end(tasks)
            await app.captchas.close()


async def _app(
    basis: Basis, running: Loops, queues: Queues, engine: ReservationEngine, jobs: ArqRedis, closing: Event
) -> App:
    settings, secret, stores = basis.settings, basis.secret, queues.stores
    draining = Draining(closing, settings.shutdown_grace_s)
    status_board, ended = StatusBoard(queues, stores.redis, draining), EndedSessions(stores.redis)
    gate_rooms = GateRooms(queues, status_board, ended, Crawlers(settings.dns_servers))
    return App(
        settings=settings,
        stores=stores,
        queues=queues,
        engine=engine,
        places=basis.places,
        claims=basis.claims,
        traces=Traces(secret),
        handover=HandoverSigner(secret),
        devices=DeviceSigner(secret),
        orders=OrderSigner(secret),
        fans=FanSigner(secret),
        keyring=await signing_keys.open_keyring(stores.postgres),
        status_board=status_board,
        gate=sessions.open_gate(queues),
        gate_rooms=gate_rooms,
        ended_sessions=ended,
        sites=Sites(stores),
        connectors=Connectors(stores, Sealer(secret)),
        member_logins=MemberLogins(stores, Sealer(secret, "member logins"), basis.places),
        hidden=HiddenRooms(stores.postgres, status_board.hide),
        feeds=Feeds(queues, status_board, gate_rooms.counts, running, closing),
        alert_board=AlertBoard(queues, closing),
        loops=running,
        job_queue=jobs,
        throttles=Throttles(stores, settings),
        open_streams=OpenStreams(settings.streams_per_address if settings.rate_limits else 0),
        contract=_contract,
        trusted=trusted_networks(settings.trusted_proxies),
        creating=asyncio.Semaphore(settings.postgres_pool_max // 4),
        exporting=asyncio.Semaphore(settings.postgres_pool_max // 4),
        draining=draining,
    )


def _start_loops(app: App) -> list[asyncio.Task[None]]:
    """Start the loops that keep the process up to date."""
    redis, name = app.stores.redis, heartbeat.new_name()
    return [
        app.loops.start("status_board", app.status_board.run),
        app.loops.start("status_listener", app.status_board.listen),
        app.loops.start("ended_sessions", app.ended_sessions.run),
        app.loops.start("gate_counts", app.gate_rooms.counts.run),
        app.loops.start("hidden", app.hidden.run),
        app.loops.start("sites", app.sites.run),
        app.loops.start("sites_listener", app.sites.listen),
        app.loops.start("alert_board", app.alert_board.run),
        app.loops.start("sales_board", app.alert_board.sales.run),
        app.loops.start("signing_keys", app.keyring.keep_fresh),
        app.loops.start("postgres_watch", app.queues.postgres.run),
        app.loops.start("counts", partial(counts.keep_published, redis, name)),
        app.loops.start("presence", partial(heartbeat.keep_beating, redis, name, app.loops)),
    ]
