"""Connector settings of rooms for shops with KnownUser v3, and the configuration that connectors read."""

from __future__ import annotations

import hmac
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.core.account import Account
from app.core.errors import CredentialInvalid, CredentialMissing, NotFound, RoomNotFound, StoreUnavailable
from app.core.formats import SHARED_SECRET, URL
from app.core.gate.knownuser import Connector, ConnectorSettings, config_key, integration_config
from app.core.model import RoomId, Struct
from app.gate import knownuser
from app.web.gate.addresses import queue_host
from app.web.http.cache_control import NO_STORE
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import OPERATOR, author

TAG = "Staff: rooms"
PUBLIC_TAG = "Waiting room"
AWAY = (StoreUnavailable,)


class KnownUserChange(ConnectorSettings, frozen=True, kw_only=True):
    """How a room serves a shop's connector. Without a `secret_key` it keeps its own or the customer's."""

    secret_key: Annotated[str, Meta(pattern=SHARED_SECRET)] = ""


class PushTo(Struct, frozen=True):
    """The shop's address that accepts its configuration."""

    url: Annotated[str, Meta(min_length=1, max_length=2000, pattern=URL)]


class KnownUserSecrets(ConnectorSettings, frozen=True, kw_only=True):
    """The settings, and the shop's keys if they are new: `api_key` reads the configuration. Null: the shop
    has them."""

    version: int
    secret_key: str | None
    api_key: str | None


class KnownUserDocument(ConnectorSettings, frozen=True, kw_only=True):
    """The settings, without secrets."""

    version: int


class Pushed(msgspec.Struct, frozen=True):
    """The version that the shop accepted."""

    version: int


@endpoint(
    "PUT",
    "/v1/rooms/{room_id}/knownuser",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=KnownUserChange,
    answers={200: KnownUserSecrets},
    errors=(RoomNotFound, *AWAY),
)
async def set_knownuser(request: Request, account: Account, body: KnownUserChange) -> Response:
    """Let a room serve a shop's KnownUser v3 connector.

    The shop gets `customer_id` and `secret_key`, and our address as the queue's domain. Visitors are then
    sent back with `queueittoken` instead of a ticket of the gate: a room uses one of the two.
    """
    settings = ConnectorSettings(
        **{name: getattr(body, name) for name in ConnectorSettings.__struct_fields__}
    )
    by = author(request, account)
    await request.app.queues.loaded_rooms.read(_room_of(request))
    rooms = account.grants.rooms("rooms:write") if account.grants is not None else None
    await knownuser.check_customer(request.app.connectors, settings.customer_id, rooms)
    connector, is_new = await knownuser.set_connector(
        request.app.connectors, _room_of(request), settings, body.secret_key, by=by
    )
    secrets = (connector.secret, config_key(connector.secret)) if is_new else (None, None)
    document = KnownUserSecrets(
        **_fields(connector), version=connector.version, secret_key=secrets[0], api_key=secrets[1]
    )
    return json_response(200, document, [NO_STORE])


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/knownuser",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:read",
    answers={200: KnownUserDocument},
    errors=(RoomNotFound, NotFound, *AWAY),
)
async def read_knownuser(request: Request, account: Account) -> Response:
    """Get a room's KnownUser v3 settings, without secrets."""
    connector = await _connector(request)
    return json_response(200, KnownUserDocument(**_fields(connector), version=connector.version))


@endpoint(
    "DELETE",
    "/v1/rooms/{room_id}/knownuser",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    answers={204: None},
    errors=(RoomNotFound, NotFound, *AWAY),
)
async def delete_knownuser(request: Request, account: Account) -> Response:
    """Remove a room's KnownUser v3 settings."""
    await request.app.queues.loaded_rooms.read(_room_of(request))
    await knownuser.remove_connector(request.app.connectors, _room_of(request), by=author(request, account))
    return empty()


@endpoint(
    "POST",
    "/v1/rooms/{room_id}/knownuser/push",
    tag=TAG,
    auth=OPERATOR,
    scope="rooms:write",
    body=PushTo,
    answers={200: Pushed},
    errors=(RoomNotFound, NotFound, *AWAY),
)
async def push_knownuser(request: Request, account: Account, body: PushTo) -> Response:
    """Send the customer's configuration to an address of the shop, signed with the room's key."""
    connector, app = await _connector(request), request.app
    private = app.settings.webhooks_private
    version = await knownuser.push(app.connectors, connector, body.url, queue_host(request), private=private)
    return json_response(200, Pushed(version))


@endpoint(
    "GET",
    "/status/integrationconfig/{customer_id}",
    tag=PUBLIC_TAG,
    answers={200: dict[str, Any]},
    errors=(NotFound, *AWAY),
)
async def integration_config_of(request: Request) -> Response:
    """Read the configuration of a KnownUser connector, if the room makes it public."""
    return await _config(request, [it for it in await _customers(request) if it.settings.public_config])


@endpoint(
    "GET",
    "/status/integrationconfig/secure/{customer_id}",
    tag=PUBLIC_TAG,
    answers={200: dict[str, Any]},
    errors=(CredentialMissing, CredentialInvalid, NotFound, *AWAY),
    headers=("api-key",),
)
async def secure_integration_config(request: Request) -> Response:
    """Read the configuration of a KnownUser connector with the `api_key` that was shown with its key."""
    key = request.header(b"api-key")
    if key is None:
        raise CredentialMissing("Send the header api-key.")
    connectors = await _customers(request)
    good = [it for it in connectors if hmac.compare_digest(config_key(it.secret).encode(), key.encode())]
    if connectors and not good:
        raise CredentialInvalid("This is not the api_key of the customer.")
    return await _config(request, good)


async def _customers(request: Request) -> list[Connector]:
    return await knownuser.connectors_of(request.app.connectors, request.params["customer_id"])


async def _config(request: Request, connectors: list[Connector]) -> Response:
    if not connectors:
        raise NotFound("There is no such customer, or its configuration is not public.")
    return json_response(200, integration_config(connectors, queue_host(request)))


async def _connector(request: Request) -> Connector:
    """The room's connector settings. Raises RoomNotFound, NotFound."""
    room_id = _room_of(request)
    await request.app.queues.loaded_rooms.read(room_id)
    connector = await knownuser.connector_of(request.app.connectors, room_id)
    if connector is None:
        raise NotFound(knownuser.NO_CONNECTOR)
    return connector


def _fields(connector: Connector) -> dict[str, Any]:
    return {name: getattr(connector.settings, name) for name in ConnectorSettings.__struct_fields__}


def _room_of(request: Request) -> RoomId:
    return RoomId(request.params["room_id"])
