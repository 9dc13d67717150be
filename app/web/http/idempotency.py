"""Idempotency-Key on creating calls of staff: the same key and body get the same response."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

import msgspec

from app.core.account import Account
from app.core.errors import IdempotencyKeyReused
from app.store.away import stores_answer
from app.store.sql import idempotency
from app.store.sql.idempotency import Reply
from app.web.http.bodies import idempotency_key
from app.web.http.routes import Request, Response

_REPLAYED = [(b"idempotent-replay", b"true")]


async def respond_once(
    request: Request, account: Account, body: msgspec.Struct, create: Callable[[], Awaitable[Response]]
) -> Response:
    """Respond with `create`, or repeat the response to the same earlier call.

    The scope is the account and the path. A repeated call waits for the first; refusals are not remembered.
    Raises IdempotencyKeyReused if the key came with another body.
    """
    key = idempotency_key(request)
    if key is None:
        return await create()
    scope = f"{account.subject} {request.method} {request.path}"
    fingerprint = hashlib.blake2b(msgspec.json.encode(body, order="sorted"), digest_size=16).hexdigest()
    postgres = request.app.stores.postgres
    # Two connections each, the second one for `create`: a few at once, to prevent a deadlock.
    with stores_answer():
        async with request.app.creating, idempotency.one_at_a_time(postgres, scope, key) as connection:
            before = await idempotency.select_reply(connection, scope, key)
            if before is None:
                response = await create()
                assert isinstance(response.body, bytes)
                reply = Reply(fingerprint, response.status, response.body)
                await idempotency.insert_reply(connection, scope, key, reply)
                return response
    if before.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This key was used with another body; use a new key.")
    return Response(before.status, before.body, _REPLAYED)
