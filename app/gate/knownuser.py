"""Rooms that serve a shop's unmodified KnownUser v3 connector: their settings, and the connector's
requests."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.clock import from_ms
from app.core.errors import CredentialInvalid, NotFound, RoleRequired, RoomNotFound, ValidationFailed
from app.core.gate import knownuser
from app.core.gate.knownuser import Connector, ConnectorSettings, Enqueue, Sealer
from app.core.model import RoomId, VisitorId
from app.gate.sessions import Gate, sessions_known
from app.notifications import safe_post
from app.notifications.safe_post import AddressRefused, NotAccepted
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.scripts import gate as gate_scripts
from app.store.sql.gate import knownuser as kept
from app.store.sql.gate.knownuser import ConnectorRow
from app.store.sql.waiting_room import sessions

NO_CONNECTOR = "This room has no KnownUser connector."


class Connectors(NamedTuple):
    """The stored connector settings and the key that opens their secrets."""

    stores: Stores
    sealer: Sealer


async def connector_of(connectors: Connectors, room_id: RoomId) -> Connector | None:
    """The connector settings of a room, or None. Raises StoreUnavailable."""
    with stores_answer():
        row = await kept.select_connector(connectors.stores.postgres, room_id)
    return _opened(connectors.sealer, row) if row else None


async def connectors_of(connectors: Connectors, customer_id: str) -> list[Connector]:
    """The connector settings of all rooms of a customer. Raises StoreUnavailable."""
    with stores_answer():
        rows = await kept.select_connectors(connectors.stores.postgres, customer_id)
    return [connector for row in rows if (connector := _opened(connectors.sealer, row))]


async def check_customer(connectors: Connectors, customer_id: str, rooms: Collection[str] | None) -> None:
    """Refuse a customer with rooms other than these: its rooms share a secret, and the behaviour of its
    connector.

    `rooms` None: all. Raises RoleRequired, StoreUnavailable.
    """
    if rooms is None:
        return
    if any(it.room_id not in rooms for it in await connectors_of(connectors, customer_id)):
        raise RoleRequired("This customer has other rooms, which your rights in single sales do not reach.")


async def set_connector(
    connectors: Connectors, room_id: RoomId, settings: ConnectorSettings, secret: str, *, by: Author
) -> tuple[Connector, bool]:
    """Let a room serve a shop's connector; returns whether its secret is new, since new ones are shown once.

    Without a `secret` it keeps its own, or takes the customer's, or a new one.
    Raises RoomNotFound, StoreUnavailable.
    """
    before, others = (
        await connector_of(connectors, room_id),
        await connectors_of(connectors, settings.customer_id),
    )
    of_customer = {it.room_id: it.secret for it in others}
    existing_secret = of_customer.get(room_id) or next(iter(of_customer.values()), "")
    secret = secret or existing_secret or knownuser.new_secret()
    with stores_answer():
        async with connectors.stores.postgres.acquire() as connection, connection.transaction():
            version = await kept.save_connector(
                connection, room_id, settings, connectors.sealer.seal(room_id, secret)
            )
            if version is None:
                raise RoomNotFound
            after = msgspec.structs.asdict(settings) | {
                "other_key": before is None or before.secret != secret
            }
            was = msgspec.structs.asdict(before.settings) | {"other_key": False} if before else None
            action = "change" if before else "create"
            await audit.record(connection, by, action, _entity(room_id), before=was, after=after)
    return Connector(room_id, settings, secret, version), secret != existing_secret


async def remove_connector(connectors: Connectors, room_id: RoomId, *, by: Author) -> None:
    """Remove a room's connector settings. Raises NotFound, StoreUnavailable."""
    with stores_answer():
        async with connectors.stores.postgres.acquire() as connection, connection.transaction():
            before = await kept.delete_connector(connection, room_id)
            if before is None:
                raise NotFound(NO_CONNECTOR)
            was = msgspec.structs.asdict(before)
            await audit.record(connection, by, "delete", _entity(room_id), before=was)


async def push(
    connectors: Connectors, connector: Connector, url: str, queue_host: str, *, private: bool
) -> int:
    """Push the configuration to an address of the shop; returns its version. Raises ValidationFailed (`url`),
    StoreUnavailable."""
    config = knownuser.integration_config(
        await connectors_of(connectors, connector.settings.customer_id), queue_host
    )
    body = msgspec.json.encode(knownuser.pushed(config, connector.secret))
    try:
        async with safe_post.open_client() as client:
            await safe_post.put_body(client, url, body, private=private)
    except AddressRefused as error:
        raise ValidationFailed("url", str(error)) from None
    except NotAccepted as error:
        raise ValidationFailed("url", f"did not accept it: {error}") from None
    version: int = config["Version"]
    return version


async def use_enqueue_token(connectors: Connectors, room_id: RoomId, token: Enqueue) -> None:
    """Use an enqueue token, once. Raises CredentialInvalid, StoreUnavailable."""
    until = from_ms(token.until_ms)
    assert until is not None
    with stores_answer():
        new = await kept.use_token(connectors.stores.postgres, room_id, token.token_id, until)
    if not new:
        raise CredentialInvalid("The enqueue token was already used.")


async def cancel(gate: Gate, room_id: RoomId, visitor_id: VisitorId) -> bool:
    """End a visitor's session when the shop says that they are done; False: they have none.

    Knowing the visitor's id is enough: only their browser and the shop do. Raises StoreUnavailable and
    others.
    """
    stores = gate.queues.stores
    with sessions_known():
        number = await kept.running_session(stores.postgres, room_id, visitor_id)
        if number is None:
            return False
        await sessions.end_session(stores.postgres, room_id, visitor_id, number)
        keys = RoomKeys(room_id)
        await gate.queues.loaded_rooms.when_loaded(
            room_id, lambda: gate_scripts.end_session(stores.redis, keys, visitor_id, number)
        )
    return True


def _opened(sealer: Sealer, row: ConnectorRow) -> Connector | None:
    secret = sealer.open(row.room_id, row.sealed)
    return Connector(row.room_id, row.settings, secret, row.version) if secret else None


def _entity(room_id: RoomId) -> Entity:
    return Entity("knownuser", room_id)
