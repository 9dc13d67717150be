"""The inputs and outputs of a route, and its declaration. Knows neither Quart nor a server."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

import msgspec
from arq.connections import ArqRedis

from app.accounts.passwords import Passwords
from app.accounts.signing_keys import Keyring
from app.catalogue.hidden import HiddenRooms
from app.core.accounts.fans import FanSigner
from app.core.accounts.scopes import Scope
from app.core.errors import Refusal
from app.core.notifications.email import ClaimSigner, Traces
from app.core.tokens.devices import DeviceSigner
from app.core.tokens.handover import HandoverSigner
from app.core.tokens.order_rights import OrderSigner
from app.core.tokens.place_tokens import PlaceSigner
from app.gate.ended_sessions import EndedSessions
from app.gate.knownuser import Connectors
from app.gate.sessions import Gate
from app.gate.sites import Sites
from app.loops import Loops
from app.monitoring.exposition import Drift
from app.reservations.pending import ReservationEngine
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room.captcha import Captchas
from app.waiting_room.members import MemberLogins
from app.waiting_room.queue import Queues
from app.web.http.caches import Caches
from app.web.http.client_ip import Network
from app.web.http.draining import Draining
from app.web.http.streaming import Audience

if TYPE_CHECKING:
    from app.monitoring.alert_board import AlertBoard
    from app.web.console.room.cockpit_feed import Feeds
    from app.web.gate.rooms import GateRooms
    from app.web.http.open_streams import OpenStreams
    from app.web.http.status_board import StatusBoard
    from app.web.http.throttles import Throttles

BODY_MAX = 64 * 1024
JSON = b"application/json"
STREAM = b"text/event-stream"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STAFF_AUTH = ("operator", "admin")
BODILESS = (204, 304)  # responses without a body or headers about one

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything a request may need, created once per process by `main`; on Quart:
    `extensions["fairgate"]`."""

    settings: Settings
    stores: Stores
    queues: Queues
    engine: ReservationEngine
    places: PlaceSigner
    claims: ClaimSigner
    traces: Traces
    handover: HandoverSigner
    devices: DeviceSigner
    orders: OrderSigner
    fans: FanSigner
    keyring: Keyring
    status_board: StatusBoard
    gate: Gate
    gate_rooms: GateRooms
    ended_sessions: EndedSessions
    sites: Sites
    connectors: Connectors
    member_logins: MemberLogins
    hidden: HiddenRooms
    feeds: Feeds
    alert_board: AlertBoard
    throttles: Throttles
    open_streams: OpenStreams
    drift: Drift = field(default_factory=Drift)
    contract: Callable[[], bytes]  # the OpenAPI document, generated on demand
    trusted: tuple[Network, ...]  # the proxies whose X-Forwarded-* is trusted
    loops: Loops
    job_queue: ArqRedis  # for the workers
    # limits concurrent idempotent creations: each holds a connection while it waits
    creating: asyncio.Semaphore
    exporting: asyncio.Semaphore  # limits concurrent reports, likewise
    passwords: Passwords = field(default_factory=Passwords)
    caches: Caches = field(default_factory=Caches)
    captchas: Captchas = field(default_factory=Captchas)
    draining: Draining


class Request(msgspec.Struct, frozen=True):
    """One request. Header names are lower-case bytes as in ASGI; values are decoded on demand."""

    app: App
    method: str
    path: str
    params: dict[str, str]
    query: bytes
    headers: dict[bytes, bytes]
    scheme: str
    client: str  # the visitor's address, behind trusted proxies, too; "" if unknown
    request_id: str

    def header(self, name: bytes) -> str | None:
        """The header's value; None if absent. The last one if it was sent twice."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def origin(self) -> str:
        """Our own address as visitors see it, without a trailing slash."""
        if self.app.settings.public_url:
            return self.app.settings.public_url.rstrip("/")
        return f"{self.scheme}://{self.header(b'host') or 'localhost'}"

    def is_secure(self) -> bool:
        """Whether the visitor's browser uses TLS, so that cookies may be marked Secure."""
        return self.scheme == "https" or self.app.settings.public_url.startswith("https:")


class Response(msgspec.Struct, frozen=True):
    """A response; a stream if the body is an iterator, or an audience that the stream joins."""

    status: int
    body: bytes | AsyncIterator[bytes] | Audience = b""
    headers: list[tuple[bytes, bytes]] = []
    content_type: bytes = JSON


@dataclass(frozen=True, slots=True)
class Events:
    """The response of a call that streams server-sent events: their name, and the type of each document."""

    name: str
    document: type[msgspec.Struct]


class NoBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a call without one: nothing, or an empty object."""


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a call without parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class Auth:
    """The credential a call needs: its name in the contract and how to read it from a request.

    The result of `read` is the route's first argument after the request. Raises CredentialMissing and others.
    If the credential is a signature of the body, `read` takes the body, too.
    """

    name: str
    schemes: tuple[str, ...]  # security schemes of the OpenAPI document; any of them suffices
    read: Callable[..., Awaitable[Any]]
    errors: tuple[type[Refusal], ...]
    signs_body: bool = False
    takes_keys: bool = False  # the credential may be an API key


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One call of the contract: declared once, served by the hot lane and by Quart, described in OpenAPI."""

    method: str
    path: str
    run: Callable[..., Awaitable[Response]]
    name: str  # short and unique, for metrics and as OpenAPI operationId
    summary: str
    tag: str
    answers: Mapping[int, Any]  # status -> type of the body, Events, None for none, bytes for a media type
    body_needed: bool  # an empty body is not accepted
    body: type[msgspec.Struct] = NoBody
    body_max: int = BODY_MAX
    query: type[msgspec.Struct] = NoQuery
    headers: tuple[str, ...] = ()  # request headers it reads, for the contract
    auth: Auth | None = None  # None: anyone may call it
    scope: Scope | None = None  # the scope an API key needs; None: not available to keys
    of_its_events: bool = False  # a key limited to some events sees only those
    hot: bool = False  # called by crowds: served by the lane in front of Quart
    errors: tuple[type[Refusal], ...] = ()
    below: bool = False  # any method, at any path below it, whose query is not ours; only for hot ones

    @cached_property
    def body_decoder(self) -> msgspec.json.Decoder[Any]:
        """The decoder of its body, built at its first call: building all takes 50 ms."""
        return msgspec.json.Decoder(self.body)

    @property
    def details(self) -> str:
        """The docstring after the summary, for the contract."""
        return inspect.cleandoc(self.run.__doc__ or "").partition("\n\n")[2]


class Terms(TypedDict, total=False):
    """Optional properties of a call, as in `Endpoint`."""

    auth: Auth
    scope: Scope
    of_its_events: bool
    hot: bool
    query: type[msgspec.Struct]
    errors: tuple[type[Refusal], ...]
    body_max: int
    headers: tuple[str, ...]
    below: bool


ENDPOINTS: list[Endpoint] = []  # filled by importing the modules of routes, in the order of the contract


def endpoint(
    method: str,
    path: str,
    *,
    tag: str,
    answers: Mapping[int, Any],
    body: type[msgspec.Struct] = NoBody,
    body_needed: bool = False,
    **terms: Unpack[Terms],
) -> Callable[[F], F]:
    """Declare a call. Its function takes the request, then the result of `auth`, the body and the query,
    each only if declared; the first line of its docstring is its summary. A body is required if one of its
    fields is, or if `body_needed` says so. Calls of staff have a scope, without which an API key may not
    make them (`key_rights`)."""

    def declare(run: F) -> F:
        declared = Endpoint(
            method=method,
            path=path,
            run=run,
            name=run.__name__,
            summary=(run.__doc__ or "").strip().partition("\n")[0].rstrip("."),
            tag=tag,
            answers=answers,
            body=body,
            body_needed=body_needed or _has_required(body),
            **terms,
        )
        assert declared.summary, f"{method} {path} needs a docstring"
        assert declared.scope or declared.auth is None or declared.auth.name not in STAFF_AUTH, (
            f"{path} needs a scope"
        )
        ENDPOINTS.append(declared)
        return run

    return declare


def _has_required(body: type[msgspec.Struct]) -> bool:
    """Whether one of its fields is required. `msgspec.structs.fields` would resolve the types of all."""
    fields, defaults = body.__struct_fields__, body.__struct_defaults__
    return len(fields) > len(defaults) or msgspec.NODEFAULT in defaults


_encoder = msgspec.json.Encoder()


def json_response(
    status: int, document: object, headers: list[tuple[bytes, bytes]] | None = None
) -> Response:
    """A response with `document` as JSON."""
    return Response(status, _encoder.encode(document), headers or [])


def empty(status: int = 204) -> Response:
    """A response without a body."""
    return Response(status)


def param_names(path: str) -> list[str]:
    """The names in braces in a path template."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
