"""The bare prototype: an ASGI application that reserves tickets, and the worker that makes them durable.

Not a product: what a dead process leaves behind stays there. As in the product, requests that arrive while a
batch is in flight form the next batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from redis.asyncio import Redis

BATCH_MAX = 100
HOLD_S = 600
STOCK, STREAM, DONE, GROUP = "reference:stock", "reference:stream", "reference:done", "workers"
BLOCK_MS = 1_000
SCRIPT = """
local answers = {}
for at = 1, #ARGV, 3 do
  local quantity = tonumber(ARGV[at + 2])
  local left = tonumber(redis.call('GET', KEYS[1]) or 0)
  if left >= quantity then
    redis.call('DECRBY', KEYS[1], quantity)
    redis.call('XADD', KEYS[2], '*', 'id', ARGV[at], 'visitor', ARGV[at + 1], 'quantity', quantity)
    answers[#answers + 1] = 1
  else
    answers[#answers + 1] = 0
  end
end
return answers
"""
TABLE = """
    CREATE TABLE IF NOT EXISTS reference_reservations (
        reservation_id text PRIMARY KEY, visitor_id text NOT NULL, quantity integer NOT NULL,
        amount bigint NOT NULL, currency text NOT NULL, status text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL
    )
"""
INSERT = """
    INSERT INTO reference_reservations
        (reservation_id, visitor_id, quantity, amount, currency, status, expires_at)
    SELECT id, visitor, quantity, quantity * 4500, 'EUR', 'held', $4
    FROM unnest($1::text[], $2::text[], $3::integer[]) AS t (id, visitor, quantity)
"""
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
HEADERS = [(b"content-type", b"application/json")]


class Item(msgspec.Struct):
    """One item of a request."""

    ticket_type_id: str
    quantity: int


class RequestBody(msgspec.Struct):
    """The body of a request, as the product's clients send it."""

    items: list[Item]


class PendingRequest:
    """A request that is not decided yet."""

    __slots__ = ("decided", "quantity", "reservation_id", "visitor_id")

    def __init__(self, reservation_id: str, visitor_id: str, quantity: int) -> None:
        self.reservation_id, self.visitor_id, self.quantity = reservation_id, visitor_id, quantity
        self.decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


class BareServer:
    """The web process: one batch at a time goes to Redis, and the worker announces what it has committed."""

    def __init__(self, redis_url: str) -> None:
        self._redis: Any = Redis.from_url(redis_url, decode_responses=True)
        self._script = self._redis.register_script(SCRIPT)
        self._next: list[PendingRequest] = []
        self._accepted: dict[str, PendingRequest] = {}
        self._sending: asyncio.Task[None] | None = None
        self._count = 0
        self._listening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen for the worker's commits from now on."""
        pubsub = self._redis.pubsub()
        await pubsub.subscribe(DONE)
        self._listening = asyncio.create_task(self._listen(pubsub))

    async def end(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._redis.aclose()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one reservation: 201 once it is committed, 409 without stock."""
        body = (await receive())["body"]
        quantity = sum(it.quantity for it in msgspec.json.decode(body, type=RequestBody).items)
        self._count += 1
        request = PendingRequest(f"r-{self._count:09d}", f"v-{self._count:09d}", quantity)
        self._next.append(request)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        taken = await request.decided
        document = {"reservation_id": request.reservation_id, "status": "held", "amount": 4500 * quantity}
        answer = msgspec.json.encode(document) if taken else b'{"code":"sold_out"}'
        head = [*HEADERS, (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 201 if taken else 409, "headers": head})
        await send({"type": "http.response.body", "body": answer})

    async def _send_all(self) -> None:
        while self._next:
            batch, self._next = self._next[:BATCH_MAX], self._next[BATCH_MAX:]
            self._accepted |= {it.reservation_id: it for it in batch}
            arguments = [value for it in batch for value in (it.reservation_id, it.visitor_id, it.quantity)]
            answers = await self._script([STOCK, STREAM], arguments)
            for it, taken in zip(batch, answers, strict=True):
                if not taken:
                    del self._accepted[it.reservation_id]
                    it.decided.set_result(False)
        self._sending = None

    async def _listen(self, pubsub: Any) -> None:
        async for message in pubsub.listen():
            if message["type"] == "message":
                for reservation_id in message["data"].split():
                    if it := self._accepted.pop(reservation_id, None):
                        it.decided.set_result(True)


async def run_worker(redis_url: str, database_url: str) -> None:
    """Run the worker until cancelled: read a batch, insert it, commit, announce, acknowledge."""
    redis: Any = Redis.from_url(redis_url, decode_responses=True)
    connection = await asyncpg.connect(database_url)
    try:
        while True:
            found = await redis.xreadgroup(GROUP, "one", {STREAM: ">"}, count=BATCH_MAX, block=BLOCK_MS)
            if found:
                await _settle(redis, connection, found[0][1])
    finally:
        await connection.close()
        await redis.aclose()


async def _settle(redis: Any, connection: Any, entries: Sequence[tuple[str, dict[str, str]]]) -> None:
    rows = [fields for _, fields in entries]
    ids = [it["id"] for it in rows]
    expires_at = datetime.now(UTC) + timedelta(seconds=HOLD_S)
    quantities = [int(it["quantity"]) for it in rows]
    await connection.execute(INSERT, ids, [it["visitor"] for it in rows], quantities, expires_at)
    entry_ids = [entry_id for entry_id, _ in entries]
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.publish(DONE, " ".join(ids))
        pipeline.xack(STREAM, GROUP, *entry_ids)
        pipeline.xdel(STREAM, *entry_ids)
        await pipeline.execute()
