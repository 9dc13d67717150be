"""Rooms that speak KnownUser v3 to a shop whose connector stays as it is: what staff set, what it asks."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from app import audit
from app.audit import Thing
from app.core import knownuser
from app.core.clock import from_ms
from app.core.errors import CredentialInvalid, NotFound, RoomNotFound, ValidationFailed
from app.core.knownuser import Enqueue, Face, RoomFace, Sealer
from app.core.model import Author, RoomId, VisitorId
from app.gate.sessions import Gate, sessions_known
from app.notifications import safe_post
from app.notifications.safe_post import AddressRefused, NotTaken
from app.store.away import stores_answer
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.scripts import gate as gate_scripts
from app.store.sql import knownuser as kept
from app.store.sql import sessions
from app.store.sql.knownuser import FaceRow

NO_FACE = "This room speaks to no shop by KnownUser."


class Faces(NamedTuple):
    """The stored faces and the key that opens them."""

    stores: Stores
    sealer: Sealer


async def face_of(at: Faces, room_id: RoomId) -> RoomFace | None:
    """The face of a room; None: it has none. Raises StoreUnavailable."""
    with stores_answer():
        row = await kept.select_face(at.stores.postgres, room_id)
    return _opened(at.sealer, row) if row else None


async def faces_of(at: Faces, customer_id: str) -> list[RoomFace]:
    """The faces of all rooms of a customer. Raises StoreUnavailable."""
    with stores_answer():
        rows = await kept.select_faces(at.stores.postgres, customer_id)
    return [face for row in rows if (face := _opened(at.sealer, row))]


async def set_face(
    at: Faces, room_id: RoomId, face: Face, secret: str, *, by: Author
) -> tuple[RoomFace, bool]:
    """Let a room speak to a shop; whether its secret is one that was not there before, which is told once.

    Without a `secret` it keeps its own, or takes the customer's, or a new one.
    Raises RoomNotFound, StoreUnavailable.
    """
    before, others = await face_of(at, room_id), await faces_of(at, face.customer_id)
    of_customer = {it.room_id: it.secret for it in others}
    there = of_customer.get(room_id) or next(iter(of_customer.values()), "")
    secret = secret or there or knownuser.new_secret()
    with stores_answer():
        async with at.stores.postgres.acquire() as connection, connection.transaction():
            version = await kept.put_face(connection, room_id, face, at.sealer.seal(room_id, secret))
            if version is None:
                raise RoomNotFound
            after = msgspec.structs.asdict(face) | {"other_key": before is None or before.secret != secret}
            was = msgspec.structs.asdict(before.face) | {"other_key": False} if before else None
            action = "change" if before else "create"
            await audit.record(connection, by, action, _thing(room_id), before=was, after=after)
    return RoomFace(room_id, face, secret, version), secret != there


async def remove_face(at: Faces, room_id: RoomId, *, by: Author) -> None:
    """Let the room speak to no shop any longer. Raises NotFound, StoreUnavailable."""
    with stores_answer():
        async with at.stores.postgres.acquire() as connection, connection.transaction():
            before = await kept.delete_face(connection, room_id)
            if before is None:
                raise NotFound(NO_FACE)
            was = msgspec.structs.asdict(before)
            await audit.record(connection, by, "delete", _thing(room_id), before=was)


async def push(at: Faces, face: RoomFace, url: str, queue_host: str, *, private: bool) -> int:
    """Put the configuration to an address of the shop; which version. Raises ValidationFailed (`url`),
    StoreUnavailable."""
    config = knownuser.integration_config(await faces_of(at, face.face.customer_id), queue_host)
    body = msgspec.json.encode(knownuser.pushed(config, face.secret))
    try:
        async with safe_post.open_client() as client:
            await safe_post.put(client, url, body, private=private)
    except AddressRefused as error:
        raise ValidationFailed("url", str(error)) from None
    except NotTaken as error:
        raise ValidationFailed("url", f"did not take it: {error}") from None
    version: int = config["Version"]
    return version


async def use_enqueue_token(at: Faces, room_id: RoomId, token: Enqueue) -> None:
    """Take an enqueue token, once. Raises CredentialInvalid, StoreUnavailable."""
    until = from_ms(token.until_ms)
    assert until is not None
    with stores_answer():
        new = await kept.use_token(at.stores.postgres, room_id, token.token_id, until)
    if not new:
        raise CredentialInvalid("The enqueue token was used before.")


async def cancel(gate: Gate, room_id: RoomId, visitor_id: VisitorId) -> bool:
    """End the session that a visitor has, as the shop says when they are done; False: they have none.

    Whoever knows the visitor's id may: only their own browser and the shop do. Raises StoreUnavailable & Co.
    """
    stores = gate.queues.stores
    with sessions_known():
        number = await kept.running_session(stores.postgres, room_id, visitor_id)
        if number is None:
            return False
        await sessions.end_session(stores.postgres, room_id, visitor_id, number)
        keys = RoomKeys(room_id)
        await gate.queues.rooms.loaded(
            room_id, lambda: gate_scripts.end_session(stores.redis, keys, visitor_id, number)
        )
    return True


def _opened(sealer: Sealer, row: FaceRow) -> RoomFace | None:
    secret = sealer.open(row.room_id, row.sealed)
    return RoomFace(row.room_id, row.face, secret, row.version) if secret else None


def _thing(room_id: RoomId) -> Thing:
    return Thing("knownuser", room_id)
