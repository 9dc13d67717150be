"""The public log of a room, for anybody who wants to verify that its queue was fair."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from app.core.assurance.merkle import leaf_hash
from app.core.assurance.room_log import checkpoint, unchecked, vkey_of
from app.core.clock import from_ms
from app.core.errors import LogNotBegun, NotFound, RoomNotFound, StoreUnavailable
from app.core.model import RoomId
from app.store.away import stores_answer
from app.store.sql.accounts import signing_keys
from app.store.sql.assurance import cosignatures
from app.store.sql.assurance import room_log as stored
from app.store.sql.assurance.room_log import StoredHead
from app.waiting_room import room_log_proofs as proofs
from app.web.http.cache_control import shared
from app.web.http.routes import Request, Response, endpoint, json_response

TAG = "Public log"
CHECKPOINT = b"text/plain; charset=utf-8"
MAX = 1 << 52
ENTRIES_MAX = 1_000
HEADS_MAX = 200
AWAY = (RoomNotFound, LogNotBegun, StoreUnavailable)
Size = Annotated[int, Meta(ge=0, le=MAX)]


class EntriesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which leaf, and how many."""

    first: Size = msgspec.field(default=0, name="from")
    limit: Annotated[int, Meta(ge=1, le=ENTRIES_MAX)] = ENTRIES_MAX


class HeadsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Above which size, and how many."""

    after: Size = 0
    limit: Annotated[int, Meta(ge=1, le=HEADS_MAX)] = HEADS_MAX


class CheckpointQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which size; without it the newest."""

    size: Size | None = None


class InclusionQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which leaf, in a tree of which size."""

    leaf: Size
    size: Size


class ConsistencyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which two sizes of the tree."""

    first: Size
    second: Size


class HeadDocument(msgspec.Struct, frozen=True):
    """A signed head. `statement` is a JWS that says room, size, root and time; `cosignatures` are witnesses'
    signatures of the same head as a checkpoint."""

    size: int
    signed_at: datetime | None
    statement: str
    cosignatures: list[str]


class NewestHead(msgspec.Struct, frozen=True):
    """The newest head of a room's log, and the public keys (JWK) of all who ever signed one. `origin` and
    `vkey` are what the log and its newest key are called in checkpoints."""

    room_id: str
    head: HeadDocument | None
    keys: list[dict[str, Any]]
    origin: str
    vkey: str | None


class Heads(msgspec.Struct, frozen=True):
    """Signed heads, the smallest first."""

    room_id: str
    heads: list[HeadDocument]


class Entries(msgspec.Struct, frozen=True):
    """Consecutive leaves; `size` is the current number of leaves in the log."""

    room_id: str
    first: int
    size: int
    entries: list[str]


class InclusionDocument(msgspec.Struct, frozen=True):
    """The proof that a leaf is in a tree: hashes in hex, as in RFC 9162, 2.1.3."""

    room_id: str
    leaf: int
    size: int
    leaf_hash: str
    path: list[str]


class ConsistencyDocument(msgspec.Struct, frozen=True):
    """The proof that the first tree is a prefix of the second: hashes in hex, as in RFC 9162, 2.1.4."""

    room_id: str
    first: int
    second: int
    path: list[str]


@endpoint("GET", "/v1/rooms/{room_id}/log/head", tag=TAG, answers={200: NewestHead}, errors=AWAY)
async def log_head(request: Request) -> Response:
    """Get the newest signed head of a room's public log, and the keys that sign."""
    room_id, postgres = RoomId(request.params["room_id"]), request.app.stores.postgres
    with stores_answer():
        await proofs.existing_log(request.app.queues.loaded_rooms, room_id)
        head = await stored.select_head(postgres, room_id)
        [document] = await _heads(request, room_id, [head]) if head else [None]
        keys = await signing_keys.select_all(postgres, "log")
        origin = await proofs.origin(postgres, request.app.settings.log_host, room_id)
    vkey = vkey_of(keys[0], origin) if keys else None
    newest = NewestHead(room_id, document, [it.jwk() for it in keys], origin, vkey)
    return json_response(200, newest, [shared("log_head")])


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/log/checkpoint",
    tag=TAG,
    query=CheckpointQuery,
    answers={200: CHECKPOINT},
    errors=(*AWAY, NotFound),
)
async def log_checkpoint(request: Request, query: CheckpointQuery) -> Response:
    """Get a signed head of a room's public log as a checkpoint, with the signatures of log and witnesses."""
    room_id, postgres = RoomId(request.params["room_id"]), request.app.stores.postgres
    with stores_answer():
        await proofs.existing_log(request.app.queues.loaded_rooms, room_id)
        head = await stored.select_head(postgres, room_id, query.size)
        if head is None:
            raise NotFound("No head of this size was signed.")
        lines = (await cosignatures.select_cosignatures(postgres, room_id, [head.size])).get(head.size, [])
        [key, *_] = await signing_keys.select_all(postgres, "log")
        origin = await proofs.origin(postgres, request.app.settings.log_host, room_id)
    note = checkpoint(key, origin, unchecked(head.statement)) + "".join(f"{it}\n" for it in lines)
    return Response(200, note.encode(), [shared("log_checkpoint")], CHECKPOINT)


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/log/heads",
    tag=TAG,
    query=HeadsQuery,
    answers={200: Heads},
    errors=AWAY,
)
async def log_heads(request: Request, query: HeadsQuery) -> Response:
    """List the signed heads of a room's public log."""
    room_id = RoomId(request.params["room_id"])
    with stores_answer():
        await proofs.existing_log(request.app.queues.loaded_rooms, room_id)
        heads = await stored.select_heads(request.app.stores.postgres, room_id, query.after, query.limit)
        documents = await _heads(request, room_id, heads)
    return json_response(200, Heads(room_id, documents), [shared("log_heads")])


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/log/entries",
    tag=TAG,
    query=EntriesQuery,
    answers={200: Entries},
    errors=AWAY,
)
async def log_entries(request: Request, query: EntriesQuery) -> Response:
    """List leaves of a room's public log, oldest first. Those beyond its end are omitted."""
    room_id, start = RoomId(request.params["room_id"]), query.first
    with stores_answer():
        log = await proofs.existing_log(request.app.queues.loaded_rooms, room_id)
        last = min(log.size, start + query.limit)
        leaves = await stored.select_leaves(request.app.stores.postgres, room_id, start, last)
    return json_response(200, Entries(room_id, start, log.size, leaves), [shared("log_entries")])


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/log/inclusion",
    tag=TAG,
    query=InclusionQuery,
    answers={200: InclusionDocument},
    errors=AWAY,
)
async def log_inclusion(request: Request, query: InclusionQuery) -> Response:
    """Get the proof that a leaf is in the tree of a given size."""
    room_id, postgres = RoomId(request.params["room_id"]), request.app.stores.postgres
    with stores_answer():
        log = await proofs.existing_log(request.app.queues.loaded_rooms, room_id)
        path = await proofs.inclusion(postgres, log, room_id, query.leaf, query.size)
        (leaf,) = await stored.select_leaves(postgres, room_id, query.leaf, query.leaf + 1)
    document = InclusionDocument(
        room_id, query.leaf, query.size, leaf_hash(leaf.encode()).hex(), [it.hex() for it in path]
    )
    return json_response(200, document, [shared("log_inclusion")])


@endpoint(
    "GET",
    "/v1/rooms/{room_id}/log/consistency",
    tag=TAG,
    query=ConsistencyQuery,
    answers={200: ConsistencyDocument},
    errors=AWAY,
)
async def log_consistency(request: Request, query: ConsistencyQuery) -> Response:
    """Get the proof that the tree of one size is a prefix of that of another."""
    room_id, postgres = RoomId(request.params["room_id"]), request.app.stores.postgres
    with stores_answer():
        log = await proofs.existing_log(request.app.queues.loaded_rooms, room_id)
        path = await proofs.consistency(postgres, log, room_id, query.first, query.second)
    document = ConsistencyDocument(room_id, query.first, query.second, [it.hex() for it in path])
    return json_response(200, document, [shared("log_consistency")])


async def _heads(request: Request, room_id: RoomId, heads: list[StoredHead]) -> list[HeadDocument]:
    """Heads with the cosignatures under them."""
    sizes = [it.size for it in heads]
    cosigned = await cosignatures.select_cosignatures(request.app.stores.postgres, room_id, sizes)
    return [HeadDocument(it.size, from_ms(it.at_ms), it.statement, cosigned.get(it.size, [])) for it in heads]
