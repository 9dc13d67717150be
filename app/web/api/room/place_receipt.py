"""A visitor's signed receipt of their place, which can be verified at any later time."""

from __future__ import annotations

from typing import Any

import msgspec

from app.core.assurance.room_log import Receipt, signed
from app.core.errors import PlaceNotFound, RateLimited, Restoring, RoomNotFound, StoreUnavailable
from app.core.model import Place, RoomId, RoomStatus
from app.core.tokens.claims import PlaceClaims
from app.store.away import stores_answer
from app.waiting_room import queue
from app.waiting_room.room_log_proofs import receipt
from app.web.http.cache_control import NO_STORE
from app.web.http.credentials import PLACE
from app.web.http.routes import App, Request, Response, endpoint, json_response


class ReceiptDocument(msgspec.Struct, frozen=True):
    """A receipt to keep: `statement` is a JWS with the content of `receipt`, `key` verifies it (JWK)."""

    receipt: Receipt
    statement: str
    key: dict[str, Any]


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/places/me/receipt",
    tag="Public log",
    auth=PLACE,
    answers={200: ReceiptDocument},
    errors=(PlaceNotFound, RateLimited, RoomNotFound, Restoring, StoreUnavailable),
)
async def place_receipt(request: Request, claims: PlaceClaims) -> Response:
    """Get the signed receipt of my place: number, state and time, and its entry in the room's public log.

    Browsers save it as a file. It can be verified offline, with the key in it, which is also in the JWKS.
    """
    room_id = RoomId(request.params["room_id"])
    return await receipt_file(request.app, room_id, *await queue.place(request.app.queues, room_id, claims))


async def receipt_file(app: App, room_id: RoomId, place: Place, now: RoomStatus) -> Response:
    """The receipt of a place as a file. Raises StoreUnavailable."""
    key = app.keyring.signer.newest("EdDSA", "log")
    assert key is not None
    with stores_answer():
        room = await app.queues.loaded_rooms.at_version(room_id, now)
        content = await receipt(app.stores.postgres, room, place, now.now_ms)
    name = f'attachment; filename="fairgate-receipt-{room_id}.json"'.encode()
    document = ReceiptDocument(content, signed(key, content), key.jwk())
    return json_response(200, document, [NO_STORE, (b"content-disposition", name)])
