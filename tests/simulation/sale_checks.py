"""Checks of a sale after every step: where model and engine differ, and what visitors were answered."""

from __future__ import annotations

from typing import Any

from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from load.judging.books import Books
from tests.simulation.sale_model import SaleModel
from tests.simulation.watch import Mismatch

IN_POSTGRES = ("counters", "codes", "rows", "issued", "statuses", "unreleased")


def compare(model: SaleModel, books: Books, of_redis: dict[str, object]) -> list[str]:
    """The differences between the two sides; Redis counts only while the room is whole there."""
    engine, expected = vars(books) | of_redis, _of_model(model)
    return [
        f"{name}: model {expected[name]}, engine {engine[name]}"
        for name in (expected if model.ready else IN_POSTGRES)
        if name != "missing" and engine[name] != expected[name]
    ]


async def read_details(client: RedisClient, keys: RoomKeys) -> dict[str, object]:
    """What Redis holds besides its books."""
    redis: Any = client
    known = await redis.hgetall(keys.outcomes)
    last = {it.partition(":")[0]: text.split("|") for it, text in known.items() if ":" in it}
    return {
        "outcomes": {it: text.split("|")[1] for it, text in known.items() if ":" not in it},
        "refusals": {visitor: (fields[0], fields[2]) for visitor, fields in last.items()},
    }


def check_outcomes(model: SaleModel, returned: dict[str, str]) -> None:
    """Ask for the outcome: it must always be the same, and the one that Postgres has. Raises Mismatch."""
    for reservation_id, (_, word) in model.outcomes.items():
        if word == "pending":
            continue
        before = returned.setdefault(reservation_id, word)
        if before != word:
            raise Mismatch("answer", [f"{reservation_id} had the outcome {before}, now {word}"])
        if (word == "held") != (reservation_id in model.rows):
            row = model.rows.get(reservation_id)
            raise Mismatch(
                "answer", [f"{reservation_id} has the outcome {word}, row: {row.status if row else ''!r}"]
            )


def _of_model(model: SaleModel) -> dict[str, object]:
    refusals = model.refusals.items()
    return vars(model.books()) | {
        "outcomes": {it: word for it, (_, word) in model.outcomes.items()},
        "refusals": {visitor: (wish.reservation_id, word) for visitor, (wish, word) in refusals},
    }
